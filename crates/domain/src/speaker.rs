//! Speaker names, including placeholders for speakers that a corpus does not identify.

/// First character of a placeholder for an unknown speaker. No corpus names a real speaker this way.
const UNKNOWN: char = '?';

/// Returns the placeholder for the unknown speaker of one recording: `<corpus>/?<recording>`. Each recording gets its
/// own, so that recordings of unknown speakers are never grouped as if one person had spoken them.
#[must_use]
pub fn unknown_speaker(corpus: &str, recording: &str) -> String {
    format!("{corpus}/{UNKNOWN}{recording}")
}

/// Returns whether a name (`<corpus>/<speaker>`) identifies a speaker, that is, whether it is no placeholder.
#[must_use]
pub fn is_known_speaker(name: &str) -> bool {
    !name.split_once('/').is_some_and(|(_, speaker)| speaker.starts_with(UNKNOWN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unknown_are_told_from_the_known() {
        assert_eq!(unknown_speaker("C", "wav/1"), "C/?wav/1");
        assert!(!is_known_speaker(&unknown_speaker("C", "wav/1")));
        assert!(is_known_speaker("C/1") && is_known_speaker("C/a?") && is_known_speaker("?"));
    }
}
