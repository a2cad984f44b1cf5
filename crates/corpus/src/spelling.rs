//! One spelling of names: file systems, editors and tables write `ä` as one character (NFC) or as two (NFD).

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Returns a text in Unicode's form NFC, in which equal characters are equal bytes.
pub(crate) fn normalised(text: &str) -> Cow<'_, str> {
    if is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

/// Returns the name of a file in that form. Bytes that are no UTF-8 are written as `\\xff`, so that two names which differ in
/// them stay two.
pub(crate) fn file_name(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        text.push_str(&normalised(chunk.valid()));
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_are_one_name_and_broken_names_stay_apart() {
        assert_eq!(normalised("a\u{308}nn"), "änn");
        assert_eq!(file_name(OsStr::new("a\u{308}nn.wav")), "änn.wav");
        let broken = |bytes: &[u8]| file_name(OsStr::from_bytes(bytes));
        assert_eq!(broken(b"a\xff.wav"), "a\\xff.wav");
        assert_ne!(broken(b"a\xff.wav"), broken(b"a\xfe.wav"));
    }
}
