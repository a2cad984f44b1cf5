//! Columns of label files that say the sex of speakers.

use std::collections::BTreeSet;

use affekt_domain::Sex;

/// A column of sexes, and its words for them.
#[derive(Debug, Clone)]
pub(crate) struct SexColumn {
    pub column: String,
    pub female: BTreeSet<String>,
    pub male: BTreeSet<String>,
}

impl SexColumn {
    /// Returns a column that says it in English: `female` or `f`, `male` or `m`.
    pub(crate) fn plain(column: String) -> Self {
        let words = |words: [&str; 2]| words.map(str::to_owned).into();
        Self { column, female: words(["female", "f"]), male: words(["male", "m"]) }
    }

    /// Returns the sex of a word, in any case.
    pub(crate) fn sex(&self, word: &str) -> Option<Sex> {
        let is_in = |words: &BTreeSet<String>| words.iter().any(|known| known.eq_ignore_ascii_case(word));
        match (is_in(&self.female), is_in(&self.male)) {
            (true, _) => Some(Sex::Female),
            (_, true) => Some(Sex::Male),
            _ => None,
        }
    }
}
