//! Label schemes: from a corpus' emotions to the classes of an experiment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Which class an emotion becomes. What no rule names keeps its name; a class outside
/// [`LabelScheme::classes`] leaves the utterance out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelScheme {
    /// Its name: `seven`.
    pub name: String,
    /// The classes in the order that networks and tables use; `None` where every emotion is its own class.
    pub classes: Option<Vec<String>>,
    /// Rules for all corpora: emotion → class.
    pub rename: BTreeMap<String, String>,
    /// Rules for one corpus, which win over those for all.
    pub corpora: BTreeMap<String, Relabelling>,
    /// A remark that stands in every report using the scheme.
    pub note: Option<String>,
}

/// What a scheme does to one corpus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Relabelling {
    /// Every utterance gets this class, whatever its label.
    Everything(String),
    /// Emotion → class.
    Rename(BTreeMap<String, String>),
}

impl LabelScheme {
    /// The class of an utterance of `corpus` with `emotion`, or `None` where the scheme has no class for it.
    #[must_use]
    pub fn class_of<'a>(&'a self, corpus: &str, emotion: &'a str) -> Option<&'a str> {
        let own = self.corpora.get(corpus).and_then(|rules| match rules {
            Relabelling::Everything(class) => Some(class.as_str()),
            Relabelling::Rename(map) => map.get(emotion).map(String::as_str),
        });
        let class = own.or_else(|| self.rename.get(emotion).map(String::as_str)).unwrap_or(emotion);
        match &self.classes {
            Some(classes) => classes.iter().any(|known| known == class).then_some(class),
            None => Some(class),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheme() -> LabelScheme {
        LabelScheme {
            name: "test".into(),
            classes: Some(["neutral", "happy", "surprise"].map(String::from).into()),
            rename: BTreeMap::from([("calm".into(), "neutral".into())]),
            corpora: BTreeMap::from([("SAVEE".into(), Relabelling::Everything("surprise".into()))]),
            note: None,
        }
    }

    #[test]
    fn rules_win_in_order() {
        let scheme = scheme();
        assert_eq!(scheme.class_of("RAVDESS", "calm"), Some("neutral"));
        assert_eq!(scheme.class_of("RAVDESS", "happy"), Some("happy"));
        assert_eq!(scheme.class_of("RAVDESS", "disgust"), None);
        assert_eq!(scheme.class_of("SAVEE", "disgust"), Some("surprise"));
    }
}
