//! Leaks through an encoder's past: what it saw of test speakers before the experiment began.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use affekt_domain::{Example, Fold, Role};
use affekt_spec::encoder::{SeenLabels, TrainedOn};
use affekt_spec::protocol::{Permission, Rules};
use serde::Serialize;

/// The stamp of figures with an encoder of which nobody says, or not wholly, what it was trained on.
const UNKNOWN: &str = "earlier training data unknown";

/// The stamp of figures with an encoder that was trained on test speakers' recordings without the labels that are predicted.
const HEARD: &str = "trained earlier on test speakers' recordings";

/// What is known of an encoder's past, beside the folds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EncoderAudit {
    /// The encoder, as the experiment calls it.
    pub encoder: String,
    /// Whether it is known what it was trained on.
    pub known: bool,
    /// What it saw of test rows.
    pub seen: Vec<Seen>,
}

/// Test rows by whose speakers an encoder was trained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The corpus.
    pub corpus: String,
    /// The labels that it was trained with.
    pub labels: SeenLabels,
    /// Number of utterances that some fold tests.
    pub rows: usize,
    /// Their speakers.
    pub speakers: BTreeSet<String>,
}

impl EncoderAudit {
    /// Audits the encoder called `encoder`; `trained_on` is `None` where nobody says.
    #[must_use]
    pub fn new(
        encoder: &str,
        trained_on: Option<&[TrainedOn]>,
        folds: &[Fold],
        examples: &[Example],
    ) -> Self {
        let entries = trained_on.unwrap_or_default();
        let tested: HashSet<&str> = folds
            .iter()
            .flat_map(Fold::rows)
            .filter(|(_, role)| *role == Role::Test)
            .map(|(utterance, _)| utterance)
            .collect();
        let mut seen = BTreeMap::<(&str, SeenLabels), (usize, BTreeSet<String>)>::new();
        for example in examples {
            let utterance = &example.utterance;
            let covering = entries.iter().filter(|entry| entry.covers(&utterance.corpus, &utterance.speaker));
            let most = covering.map(|entry| entry.labels).max();
            if let Some(labels) = most.filter(|_| tested.contains(utterance.id.as_str())) {
                let (rows, speakers) = seen.entry((utterance.corpus.as_str(), labels)).or_default();
                *rows += 1;
                speakers.insert(utterance.speaker.clone());
            }
        }
        let seen = seen.into_iter().map(|((corpus, labels), (rows, speakers))| Seen {
            corpus: corpus.to_owned(),
            labels,
            rows,
            speakers,
        });
        Self {
            encoder: encoder.to_owned(),
            known: trained_on.is_some() && !entries.iter().any(TrainedOn::is_unknown),
            seen: seen.collect(),
        }
    }

    /// Returns what it must not have seen, which `rules` do not permit, in words.
    #[must_use]
    pub fn leaks(&self, rules: &Rules) -> Vec<String> {
        if rules.permitted().contains(&Permission::EarlierTestLabels) {
            return Vec::new();
        }
        self.seen
            .iter()
            .filter(|seen| seen.labels == SeenLabels::Emotions)
            .map(|seen| self.told(seen))
            .collect()
    }

    /// Describes everything that it saw of test rows.
    #[must_use]
    pub fn describe(&self) -> Vec<String> {
        self.seen.iter().map(|seen| self.told(seen)).collect()
    }

    /// Returns what must be stated beside every figure with this encoder.
    #[must_use]
    pub fn stamps(&self) -> Vec<String> {
        let saw = |labels: bool| self.seen.iter().any(|seen| (seen.labels == SeenLabels::Emotions) == labels);
        let mut stamps = Vec::new();
        if saw(true) {
            stamps.push(Permission::EarlierTestLabels.stamp().to_owned());
        }
        if saw(false) {
            stamps.push(HEARD.to_owned());
        }
        if !self.known {
            stamps.push(UNKNOWN.to_owned());
        }
        stamps
    }

    fn told(&self, seen: &Seen) -> String {
        let Seen { corpus, labels, rows, speakers } = seen;
        let with = match labels {
            SeenLabels::None => "without labels",
            SeenLabels::Transcripts => "with transcripts",
            SeenLabels::Other => "with labels of another task",
            SeenLabels::Emotions => "with their labels",
        };
        let named: Vec<&str> = speakers.iter().take(3).map(String::as_str).collect();
        let more = if speakers.len() > named.len() { ", …" } else { "" };
        let (encoder, named, count) = (&self.encoder, named.join(", "), speakers.len());
        let noun = if count == 1 { "speaker" } else { "speakers" };
        format!(
            "encoder `{encoder}` was trained on {count} test {noun} of {corpus} {with} ({named}{more}; {rows} test rows)"
        )
    }
}
