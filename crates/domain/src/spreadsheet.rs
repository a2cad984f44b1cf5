//! Text in tables that people open in a spreadsheet.

use std::borrow::Cow;

/// Returns a cell that no spreadsheet takes for a formula: text that begins like one gets an apostrophe in front, as spreadsheets
/// themselves write text. Numbers stay numbers.
#[must_use]
pub fn without_formula(cell: &str) -> Cow<'_, str> {
    if is_formula(cell) { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

/// Returns whether a spreadsheet may take a cell for a formula.
#[must_use]
pub fn is_formula(cell: &str) -> bool {
    let is_number = || cell.parse::<f64>().is_ok_and(f64::is_finite);
    cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_text_and_numbers_stay() {
        for text in [
            "=1+1",
            "=HYPERLINK(\"a\")",
            "+cmd|' /C calc'!A0",
            "-a",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "-",
            "-inf",
            "+1-1",
        ] {
            assert_eq!(without_formula(text), format!("'{text}"));
        }
        for plain in ["", "a=b", "-1.5", "+0.3", "-1e-4", "0", "−6.3", "angry", "'=1", " =1"] {
            assert_eq!(without_formula(plain), plain);
        }
    }
}
