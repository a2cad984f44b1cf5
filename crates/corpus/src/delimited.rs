//! Tables that spreadsheets write: their encoding, their spelling and what separates their cells.

use affekt_config::{TextError, decode};

use crate::spelling::normalised;

/// Returns the text of a table, in UTF-8 or UTF-16, with names in one spelling.
///
/// # Errors
/// When it is in another encoding.
pub fn table_text(bytes: Vec<u8>) -> Result<String, TextError> {
    Ok(normalised(&decode(bytes)?).into_owned())
}

/// Returns the delimiter of the first line: a comma, a semicolon or a tab, the first of these that it has.
#[must_use]
pub fn delimiter(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.is_empty()).unwrap_or_default();
    let parts = |delimiter: &&u8| first.as_bytes().contains(delimiter);
    *b",;\t".iter().find(parts).unwrap_or(&b',')
}
