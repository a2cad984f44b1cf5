//! Label schemes: the mapping from a corpus' annotations to the targets of an experiment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Target, Utterance};

/// A mapping from utterances to targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelScheme {
    /// The name of the scheme: `seven`.
    pub name: String,
    /// The styles of speech to keep; `None` keeps every utterance, even those of unknown style.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub styles: Option<Vec<String>>,
    /// The metadata whose values are the labels, in place of emotions: another layer of labels, such as sentiment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// How a target is derived from an utterance.
    pub labels: Labels,
    /// A remark printed in every report that uses the scheme.
    pub note: Option<String>,
}

/// How a target is derived from an utterance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Labels {
    /// A class, derived from the utterance's emotion.
    Classes(ClassRules),
    /// The utterance's values with these names, in the order used by networks and tables.
    Targets(Vec<String>),
}

/// The mapping from emotions to classes. An emotion without a rule keeps its name; utterances whose class is not in
/// [`ClassRules::classes`] are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassRules {
    /// The classes in the order used by networks and tables; `None` makes every emotion a class.
    pub classes: Option<Vec<String>>,
    /// Rules for all corpora: emotion → class.
    pub rename: BTreeMap<String, String>,
    /// Rules for single corpora, which take precedence.
    pub corpora: BTreeMap<String, Relabelling>,
}

/// The rules of a scheme for one corpus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Relabelling {
    /// Assigns this class to every labelled utterance, whatever its label.
    Everything(String),
    /// Emotion → class.
    Rename(BTreeMap<String, String>),
}

/// The result of applying a scheme to an utterance.
#[derive(Debug, Clone, PartialEq)]
pub enum SchemeOutcome {
    /// The utterance has this target.
    Target(Target),
    /// The corpus has none of the annotations that the scheme uses.
    Withheld,
    /// The utterance is excluded: its emotion has no class, its style is not kept, or one of several values is
    /// missing. Holds the emotion, the style or the name of the value.
    LeftOut(String),
}

impl LabelScheme {
    /// Applies the scheme to an utterance.
    #[must_use]
    pub fn apply(&self, utterance: &Utterance) -> SchemeOutcome {
        if let Some(styles) = &self.styles
            && !utterance.style.as_ref().is_some_and(|style| styles.contains(style))
        {
            return SchemeOutcome::LeftOut(
                utterance.style.clone().unwrap_or_else(|| "unknown style".to_owned()),
            );
        }
        match &self.labels {
            Labels::Classes(rules) => {
                let label = match &self.column {
                    Some(column) => utterance.metadata.get(column),
                    None => utterance.emotion.as_ref(),
                };
                let Some(emotion) = label else { return SchemeOutcome::Withheld };
                match rules.class_of(&utterance.corpus, emotion) {
                    Some(class) => SchemeOutcome::Target(Target::Class(class.to_owned())),
                    None => SchemeOutcome::LeftOut(emotion.clone()),
                }
            }
            Labels::Targets(names) => {
                let known: Vec<Option<f32>> =
                    names.iter().map(|name| utterance.values.get(name).copied()).collect();
                if known.iter().all(Option::is_none) {
                    return SchemeOutcome::Withheld;
                }
                match known.iter().zip(names).find(|(value, _)| value.is_none()) {
                    Some((_, missing)) => SchemeOutcome::LeftOut(missing.clone()),
                    None => SchemeOutcome::Target(Target::Values(known.into_iter().flatten().collect())),
                }
            }
        }
    }

    /// Returns the rules for classes, if the scheme has classes.
    #[must_use]
    pub const fn class_rules(&self) -> Option<&ClassRules> {
        match &self.labels {
            Labels::Classes(rules) => Some(rules),
            Labels::Targets(_) => None,
        }
    }
}

impl ClassRules {
    /// Returns the class of an utterance of `corpus` with `emotion`, or `None` if it has no class.
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
    use crate::Digest;

    fn utterance(corpus: &str, emotion: Option<&str>, values: &[(&str, f32)]) -> Utterance {
        Utterance {
            id: format!("{corpus}/1"),
            corpus: corpus.into(),
            speaker: format!("{corpus}/a"),
            sex: None,
            text: None,
            transcript: None,
            intensity: None,
            style: None,
            session: None,
            part: None,
            label: emotion.map(str::to_owned),
            emotion: emotion.map(str::to_owned),
            values: values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
            metadata: BTreeMap::new(),
            samples: 1,
            rate: 16_000,
            channels: 1,
            audio: Digest::from_bytes([0; 32]),
        }
    }

    #[test]
    fn rules_win_in_order() {
        let rules = ClassRules {
            classes: Some(["neutral", "happy", "surprise"].map(String::from).into()),
            rename: BTreeMap::from([("calm".into(), "neutral".into())]),
            corpora: BTreeMap::from([("SAVEE".into(), Relabelling::Everything("surprise".into()))]),
        };
        let scheme = LabelScheme {
            name: "test".into(),
            styles: None,
            column: None,
            labels: Labels::Classes(rules),
            note: None,
        };
        let apply = |corpus, emotion| scheme.apply(&utterance(corpus, emotion, &[]));
        let class = |class: &str| SchemeOutcome::Target(Target::Class(class.into()));
        assert_eq!(apply("RAVDESS", Some("calm")), class("neutral"));
        assert_eq!(apply("RAVDESS", Some("happy")), class("happy"));
        assert_eq!(apply("RAVDESS", Some("disgust")), SchemeOutcome::LeftOut("disgust".into()));
        assert_eq!(apply("SAVEE", Some("disgust")), class("surprise"));
        assert_eq!(apply("SAVEE", None), SchemeOutcome::Withheld, "everything that has a label");
    }

    #[test]
    fn what_is_not_of_a_style_that_is_kept_is_left_out() {
        let rules = ClassRules { classes: Some(vec!["sad".into()]), ..ClassRules::default() };
        let styles = Some(vec!["improvised".to_owned()]);
        let scheme = LabelScheme {
            name: "one".into(),
            styles,
            column: None,
            labels: Labels::Classes(rules),
            note: None,
        };
        let apply = |style: Option<&str>, emotion: Option<&str>| {
            scheme.apply(&Utterance { style: style.map(str::to_owned), ..utterance("C", emotion, &[]) })
        };
        assert_eq!(
            apply(Some("improvised"), Some("sad")),
            SchemeOutcome::Target(Target::Class("sad".into()))
        );
        assert_eq!(apply(Some("improvised"), Some("angry")), SchemeOutcome::LeftOut("angry".into()));
        assert_eq!(apply(Some("scripted"), Some("sad")), SchemeOutcome::LeftOut("scripted".into()));
        // A blind row of another style is no row to predict.
        assert_eq!(apply(Some("scripted"), None), SchemeOutcome::LeftOut("scripted".into()));
        assert_eq!(apply(None, Some("sad")), SchemeOutcome::LeftOut("unknown style".into()));
    }

    #[test]
    fn another_layer_of_labels_is_metadata() {
        let rules = ClassRules {
            classes: Some(vec!["good".into()]),
            rename: [("positive".to_owned(), "good".to_owned())].into(),
            ..ClassRules::default()
        };
        let column = Some("sentiment".to_owned());
        let labels = Labels::Classes(rules);
        let scheme = LabelScheme { name: "s".into(), styles: None, column, labels, note: None };
        let apply = |sentiment: Option<&str>| {
            let metadata =
                sentiment.map(|word| ("sentiment".to_owned(), word.to_owned())).into_iter().collect();
            scheme.apply(&Utterance { metadata, ..utterance("C", Some("sad"), &[]) })
        };
        assert_eq!(apply(Some("positive")), SchemeOutcome::Target(Target::Class("good".into())));
        assert_eq!(apply(Some("negative")), SchemeOutcome::LeftOut("negative".into()));
        assert_eq!(apply(None), SchemeOutcome::Withheld);
    }

    #[test]
    fn values_come_in_the_order_of_the_scheme_all_or_none() {
        let targets = Labels::Targets(["valence", "arousal"].map(String::from).into());
        let scheme =
            LabelScheme { name: "two".into(), styles: None, column: None, labels: targets, note: None };
        let apply = |values: &[(&str, f32)]| scheme.apply(&utterance("C", None, values));
        let both = apply(&[("arousal", 0.25), ("awe", 0.5), ("valence", 0.75)]);
        assert_eq!(both, SchemeOutcome::Target(Target::Values(vec![0.75, 0.25])));
        assert_eq!(apply(&[("awe", 0.5)]), SchemeOutcome::Withheld);
        assert_eq!(apply(&[("valence", 0.5)]), SchemeOutcome::LeftOut("arousal".into()));
    }
}
