//! Tables that spreadsheets write: their encoding, their spelling and what separates their cells.

use affekt_config::{TextError, decode, decode_latin1};

use crate::spelling::normalised;

/// How the letters of a table are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// UTF-8 or UTF-16, with a byte order mark or without.
    #[default]
    Unicode,
    /// Latin-1, in the form in which Windows writes it (code page 1252).
    Latin1,
}

/// Returns the text of a table, with names in one spelling.
///
/// # Errors
/// When it is in another encoding.
pub fn table_text(bytes: Vec<u8>, encoding: Encoding) -> Result<String, TextError> {
    let text = match encoding {
        Encoding::Unicode => decode(bytes)?,
        Encoding::Latin1 => decode_latin1(&bytes),
    };
    Ok(normalised(&text).into_owned())
}

/// Returns the delimiter of the first line: a comma, a semicolon, a tab or a bar, the first of these that it has.
#[must_use]
pub fn delimiter(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.is_empty()).unwrap_or_default();
    let parts = |delimiter: &&u8| first.as_bytes().contains(delimiter);
    *b",;\t|".iter().find(parts).unwrap_or(&b',')
}
