//! Text of files that people's tools write: UTF-8, or UTF-16 as spreadsheets export it.

/// Why bytes are not read as text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// There are NUL bytes, and not as UTF-16 has them.
    #[error("it has NUL bytes and is no text in UTF-8 or UTF-16: export it again as UTF-8")]
    Nul,
    /// Another encoding, such as Latin-1.
    #[error(
        "line {line} has the byte 0x{byte:02x}, so it is not UTF-8 but Latin-1, perhaps: convert it \
         (`iconv -f LATIN1 -t UTF-8`)"
    )]
    NotUtf8 {
        /// The line of the first such byte, from 1.
        line: usize,
        /// The byte.
        byte: u8,
    },
}

/// Returns the text of bytes in UTF-8 or UTF-16, without a byte order mark.
///
/// # Errors
/// When they are in another encoding, or no text.
pub fn decode(bytes: Vec<u8>) -> Result<String, TextError> {
    if let Some(text) = utf16(&bytes) {
        return Ok(text);
    }
    if bytes.contains(&0) {
        return Err(TextError::Nul);
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let (valid, rest) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        TextError::NotUtf8 { line, byte: rest.first().copied().unwrap_or_default() }
    })?;
    Ok(without_mark(text))
}

/// Returns the same of a text whose encoding only matters in parts: what is not UTF-8 is replaced.
#[must_use]
pub fn decode_lossy(bytes: &[u8]) -> String {
    utf16(bytes).unwrap_or_else(|| without_mark(String::from_utf8_lossy(bytes).into_owned()))
}

/// Returns the text of bytes in Latin-1, which is any bytes: in the form in which Windows writes it (code page 1252), where
/// printable characters stand in place of control characters.
#[must_use]
pub fn decode_latin1(bytes: &[u8]) -> String {
    let letter = |byte: &u8| match byte {
        0x80..=0x9f => WINDOWS_1252[usize::from(byte - 0x80)],
        byte => char::from(*byte),
    };
    bytes.iter().map(letter).collect()
}

/// The characters 0x80 to 0x9f of code page 1252; the five that it leaves open are Latin-1's control characters.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', //
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

fn without_mark(text: String) -> String {
    match text.strip_prefix('\u{feff}') {
        Some(text) => text.to_owned(),
        None => text,
    }
}

/// Returns the text of bytes in UTF-16, with a byte order mark or without: in a table every other byte is then 0.
fn utf16(bytes: &[u8]) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let zeros = |of: usize| pairs.iter().filter(|pair| pair[of] == 0 && pair[1 - of] != 0).count();
    let most = |zeros: usize| zeros * 4 > pairs.len() * 3;
    let big_endian = match bytes {
        [0xff, 0xfe, ..] => false,
        [0xfe, 0xff, ..] => true,
        _ if rest.is_empty() && most(zeros(1)) => false,
        _ if rest.is_empty() && most(zeros(0)) => true,
        _ => return None,
    };
    let unit =
        |pair: &[u8; 2]| if big_endian { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) };
    let units: Vec<u16> = pairs.iter().map(unit).collect();
    let text = String::from_utf16(&units).ok().filter(|text| !text.contains('\0'))?;
    Some(without_mark(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_8_and_utf_16_are_the_same_text_and_anything_else_is_named() {
        let text = "file;röle\r\na;train\r\n";
        assert_eq!(decode(format!("\u{feff}{text}").into_bytes()).unwrap(), text);
        for mark in ["", "\u{feff}"] {
            for unit in [u16::to_le_bytes, u16::to_be_bytes] {
                let bytes: Vec<u8> = format!("{mark}{text}").encode_utf16().flat_map(unit).collect();
                assert_eq!(decode(bytes.clone()).unwrap(), text);
                assert_eq!(decode_lossy(&bytes), text);
            }
        }
        let latin1 = b"file;role\nb\xf6se;train\n".to_vec();
        assert_eq!(decode_lossy(&latin1), "file;role\nb\u{fffd}se;train\n");
        assert_eq!(decode(latin1.clone()), Err(TextError::NotUtf8 { line: 2, byte: 0xf6 }));
        assert_eq!(decode_latin1(&latin1), "file;role\nböse;train\n");
        assert_eq!(decode_latin1(b"\x80 \x9c\x92\xff"), "€ œ’ÿ");
        assert_eq!(decode(b"file;ro\0le\n".to_vec()), Err(TextError::Nul));
        assert_eq!(decode(Vec::new()).unwrap(), "");
    }
}
