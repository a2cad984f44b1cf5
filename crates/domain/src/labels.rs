//! Label schemes: from what a corpus says of its utterances to the task of an experiment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Target, Utterance};

/// What an experiment takes a corpus' labels for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelScheme {
    /// Its name: `seven`.
    pub name: String,
    /// The styles of speech that it keeps; `None` where it keeps every utterance, whether or not its style is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub styles: Option<Vec<String>>,
    /// What it makes of an utterance.
    pub labels: Labels,
    /// A remark that stands in every report using the scheme.
    pub note: Option<String>,
}

/// What a scheme makes of an utterance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Labels {
    /// A class, by the utterance's emotion.
    Classes(ClassRules),
    /// These of the utterance's values, in the order that networks and tables use.
    Targets(Vec<String>),
}

/// Which class an emotion becomes. What no rule names keeps its name; a class outside
/// [`ClassRules::classes`] leaves the utterance out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassRules {
    /// The classes in the order that networks and tables use; `None` where every emotion is its own class.
    pub classes: Option<Vec<String>>,
    /// Rules for all corpora: emotion → class.
    pub rename: BTreeMap<String, String>,
    /// Rules for one corpus, which win over those for all.
    pub corpora: BTreeMap<String, Relabelling>,
}

/// What a scheme does to one corpus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Relabelling {
    /// Every utterance that has a label gets this class, whatever the label.
    Everything(String),
    /// Emotion → class.
    Rename(BTreeMap<String, String>),
}

/// What a scheme says about an utterance.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It is this.
    Target(Target),
    /// The corpus tells nothing that the scheme asks for.
    Withheld,
    /// The scheme has no place for it: it has an emotion of no class, or a style of speech that is not kept, or lacks one
    /// of several values (whose name this is).
    LeftOut(String),
}

impl LabelScheme {
    /// What the scheme says about an utterance.
    #[must_use]
    pub fn judge(&self, utterance: &Utterance) -> Verdict {
        if let Some(styles) = &self.styles
            && !utterance.style.as_ref().is_some_and(|style| styles.contains(style))
        {
            return Verdict::LeftOut(utterance.style.clone().unwrap_or_else(|| "unknown style".to_owned()));
        }
        match &self.labels {
            Labels::Classes(rules) => {
                let Some(emotion) = &utterance.emotion else { return Verdict::Withheld };
                match rules.class_of(&utterance.corpus, emotion) {
                    Some(class) => Verdict::Target(Target::Class(class.to_owned())),
                    None => Verdict::LeftOut(emotion.clone()),
                }
            }
            Labels::Targets(names) => {
                let known: Vec<Option<f32>> =
                    names.iter().map(|name| utterance.values.get(name).copied()).collect();
                if known.iter().all(Option::is_none) {
                    return Verdict::Withheld;
                }
                match known.iter().zip(names).find(|(value, _)| value.is_none()) {
                    Some((_, missing)) => Verdict::LeftOut(missing.clone()),
                    None => Verdict::Target(Target::Values(known.into_iter().flatten().collect())),
                }
            }
        }
    }

    /// Its rules for classes, where it has classes.
    #[must_use]
    pub const fn class_rules(&self) -> Option<&ClassRules> {
        match &self.labels {
            Labels::Classes(rules) => Some(rules),
            Labels::Targets(_) => None,
        }
    }
}

impl ClassRules {
    /// The class of an utterance of `corpus` with `emotion`, or `None` where there is no class for it.
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
        let scheme =
            LabelScheme { name: "test".into(), styles: None, labels: Labels::Classes(rules), note: None };
        let judge = |corpus, emotion| scheme.judge(&utterance(corpus, emotion, &[]));
        let class = |class: &str| Verdict::Target(Target::Class(class.into()));
        assert_eq!(judge("RAVDESS", Some("calm")), class("neutral"));
        assert_eq!(judge("RAVDESS", Some("happy")), class("happy"));
        assert_eq!(judge("RAVDESS", Some("disgust")), Verdict::LeftOut("disgust".into()));
        assert_eq!(judge("SAVEE", Some("disgust")), class("surprise"));
        assert_eq!(judge("SAVEE", None), Verdict::Withheld, "everything that has a label");
    }

    #[test]
    fn what_is_not_of_a_style_that_is_kept_is_left_out() {
        let rules = ClassRules { classes: Some(vec!["sad".into()]), ..ClassRules::default() };
        let styles = Some(vec!["improvised".to_owned()]);
        let scheme = LabelScheme { name: "one".into(), styles, labels: Labels::Classes(rules), note: None };
        let judge = |style: Option<&str>, emotion: Option<&str>| {
            scheme.judge(&Utterance { style: style.map(str::to_owned), ..utterance("C", emotion, &[]) })
        };
        assert_eq!(judge(Some("improvised"), Some("sad")), Verdict::Target(Target::Class("sad".into())));
        assert_eq!(judge(Some("improvised"), Some("angry")), Verdict::LeftOut("angry".into()));
        assert_eq!(judge(Some("scripted"), Some("sad")), Verdict::LeftOut("scripted".into()));
        // A blind row of another style is no row to predict.
        assert_eq!(judge(Some("scripted"), None), Verdict::LeftOut("scripted".into()));
        assert_eq!(judge(None, Some("sad")), Verdict::LeftOut("unknown style".into()));
    }

    #[test]
    fn values_come_in_the_order_of_the_scheme_all_or_none() {
        let targets = Labels::Targets(["valence", "arousal"].map(String::from).into());
        let scheme = LabelScheme { name: "two".into(), styles: None, labels: targets, note: None };
        let judge = |values: &[(&str, f32)]| scheme.judge(&utterance("C", None, values));
        let both = judge(&[("arousal", 0.25), ("awe", 0.5), ("valence", 0.75)]);
        assert_eq!(both, Verdict::Target(Target::Values(vec![0.75, 0.25])));
        assert_eq!(judge(&[("awe", 0.5)]), Verdict::Withheld);
        assert_eq!(judge(&[("valence", 0.5)]), Verdict::LeftOut("arousal".into()));
    }
}
