//! Lists of names in messages, and the nearest name to a misspelt one.

/// Returns the candidate that `name` was most likely meant to be, if any is similar enough.
#[must_use]
pub fn nearest<'n>(name: &str, candidates: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    if name.len() > LONGEST {
        return None;
    }
    let wanted = simplified(name);
    // Up to a third of the letters may differ: `mfc` matches `mfcc`, `lr` does not match `op`.
    let allowed = (wanted.chars().count().max(3) / 3).min(4);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (strsim::osa_distance(&wanted, &simplified(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What is longer, in bytes, is no name that was misspelt; comparing takes the product of the lengths.
const LONGEST: usize = 200;

/// Formats names in backticks, separated by commas: `` `a`, `b`, `c` ``.
#[must_use]
pub fn list_names<S: AsRef<str>>(names: &[S]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// Removes case and separators: `Hop-Length` and `hop_length` are equal.
fn simplified(name: &str) -> String {
    name.to_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_enough() {
        let names = ["mfcc", "logmel", "hop_length", "op", "lr", "dev"];
        let found = |name| nearest(name, names);
        assert_eq!(found("mfc"), Some("mfcc"));
        assert_eq!(found("MFCC"), Some("mfcc"));
        assert_eq!(found("hop-lenght"), Some("hop_length"));
        assert_eq!(found("ops"), Some("op"));
        assert_eq!(found("spectrogram"), None);
        assert_eq!(found("test"), None);
        assert_eq!(nearest("a", []), None);
        let (long, longer) = ("a".repeat(100_000), "a".repeat(100_001));
        assert_eq!(nearest(&long, [longer.as_str()]), None, "nobody misspells that");
    }

    #[test]
    fn in_a_sentence() {
        assert_eq!(list_names(&["a", "b"]), "`a`, `b`");
        assert_eq!(list_names::<&str>(&[]), "");
    }
}
