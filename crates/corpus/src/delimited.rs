//! Detection of the delimiter of a table.

/// Returns the delimiter of the first line: a comma, unless it has none.
pub(crate) fn delimiter(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.is_empty()).unwrap_or_default();
    let parts = |delimiter: &&u8| first.as_bytes().contains(delimiter);
    *b",;\t".iter().find(parts).unwrap_or(&b',')
}
