//! What an encoder was trained on: what an audit asks of it. It is no part of an artefact and in no key.

use crate::Spec;

/// A corpus that an encoder was trained on, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq, Spec)]
pub struct TrainedOn {
    /// The corpus, by the name of its card where it has one; `unknown` for whatever else there was.
    pub corpus: String,
    /// The speakers, as the corpus names them; all of them, unless some are named.
    #[spec(default = Vec::new())]
    pub speakers: Vec<String>,
    /// What was learnt of the recordings, beside how they sound.
    #[spec(default = SeenLabels::None)]
    pub labels: SeenLabels,
}

/// The labels that an encoder was trained with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Spec)]
pub enum SeenLabels {
    /// None: recordings alone.
    None,
    /// What is said.
    Transcripts,
    /// Of another task: the classes of pictures, who speaks.
    Other,
    /// What experiments predict: emotions, and ratings of them.
    Emotions,
}

impl TrainedOn {
    /// What [`Self::corpus`] says of data that nobody names.
    pub const UNKNOWN: &str = "unknown";

    /// Returns whether it stands for data that nobody names.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.corpus == Self::UNKNOWN
    }

    /// Returns whether it covers a speaker, who is called `<corpus>/<id>`.
    #[must_use]
    pub fn covers(&self, corpus: &str, speaker: &str) -> bool {
        let id = speaker.strip_prefix(corpus).and_then(|rest| rest.strip_prefix('/')).unwrap_or(speaker);
        let is_named = |name: &String| name == id || name == speaker;
        self.corpus.eq_ignore_ascii_case(corpus)
            && (self.speakers.is_empty() || self.speakers.iter().any(is_named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_covers_whom_it_names() {
        let mut entry =
            TrainedOn { corpus: "ravdess".into(), speakers: Vec::new(), labels: SeenLabels::Emotions };
        assert!(entry.covers("RAVDESS", "RAVDESS/07"));
        assert!(!entry.covers("TESS", "TESS/07"));
        entry.speakers = vec!["07".into(), "RAVDESS/08".into()];
        assert!(entry.covers("RAVDESS", "RAVDESS/07") && entry.covers("RAVDESS", "RAVDESS/08"));
        assert!(!entry.covers("RAVDESS", "RAVDESS/09"));
    }
}
