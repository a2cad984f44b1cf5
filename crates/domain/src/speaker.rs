//! Speakers by name, and those whose names a corpus keeps to itself.

/// What a name begins with that stands for a speaker whom nobody knows: no corpus calls a speaker so.
const UNKNOWN: char = '?';

/// The name under which the unknown speaker of one recording goes: `<corpus>/?<recording>`. Each recording has its own,
/// so that nothing is taken for one speaker's because nobody is named.
#[must_use]
pub fn unknown_speaker(corpus: &str, recording: &str) -> String {
    format!("{corpus}/{UNKNOWN}{recording}")
}

/// Whether a name (`<corpus>/<speaker>`) says who speaks.
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
