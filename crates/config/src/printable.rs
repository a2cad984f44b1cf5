//! Texts that others wrote, as they may be shown on a terminal.

use std::borrow::Cow;

/// Returns the text without what a terminal obeys: control characters except line breaks and tabs, and those that turn the
/// direction of writing, are written as their numbers, `\u{1b}`.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_obeyed(c) {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Returns whether a terminal obeys a character rather than showing it.
pub(crate) fn is_obeyed(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        // Marks, embeddings, overrides and isolates; breaks of lines and paragraphs.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_to_obey() {
        assert!(matches!(printable("as it is:\n\tü/…"), Cow::Borrowed("as it is:\n\tü/…")));
        assert_eq!(
            printable("a\u{1b}[31mb\r\u{7f}\u{9b}\u{202e}c"),
            "a\\u{1b}[31mb\\u{d}\\u{7f}\\u{9b}\\u{202e}c"
        );
    }
}
