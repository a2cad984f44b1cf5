//! File names from variant ids.

use std::collections::BTreeSet;

/// Assigns each id a unique name that is safe as a file name and in LaTeX labels.
#[derive(Default)]
pub(crate) struct Slugs {
    taken: BTreeSet<String>,
}

impl Slugs {
    /// Returns the name for the next variant: letters, digits, `.` and single `-`, with a number if it is taken.
    pub fn unique(&mut self, id: &str) -> String {
        let mut slug = String::new();
        for letter in id.chars() {
            if letter.is_ascii_alphanumeric() || letter == '.' {
                slug.push(letter);
            } else if !slug.is_empty() && !slug.ends_with('-') {
                slug.push('-');
            }
        }
        let stem = match slug.trim_matches(['-', '.']) {
            "" => "variant",
            stem => stem,
        };
        let numbered = (2..).map(|number| format!("{stem}-{number}"));
        let name = std::iter::once(stem.to_owned()).chain(numbered).find(|name| !self.taken.contains(name));
        let name = name.unwrap_or_default();
        self.taken.insert(name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_and_differ() {
        let mut slugs = Slugs::default();
        let ids = ["base[lr=0.01, k=2]", "base[lr=0.01; k=2]", "../..", "é"];
        assert_eq!(
            ids.map(|id| slugs.unique(id)),
            ["base-lr-0.01-k-2", "base-lr-0.01-k-2-2", "variant", "variant-2"]
        );
    }
}
