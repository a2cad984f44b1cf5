//! An utterance: one recording of one speaker, with its metadata.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Digest, Role, Target, is_known_speaker};

/// The sex of a speaker, as the corpus states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sex {
    /// Female.
    Female,
    /// Male.
    Male,
}

impl Sex {
    /// Returns the name that is written in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
        }
    }

    /// Returns the sex with that name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Female, Self::Male].into_iter().find(|sex| sex.name() == name)
    }
}

/// One recording of one speaker: a row of a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Utterance {
    /// `<corpus>/<path in the corpus without extension>`, with forward slashes.
    pub id: String,
    /// The corpus it belongs to: `RAVDESS`.
    pub corpus: String,
    /// `<corpus>/<speaker>`: `RAVDESS/01`. If the corpus does not identify the speaker, a placeholder unique to the
    /// recording, which [`is_known_speaker`] recognises.
    pub speaker: String,
    /// The speaker's sex, if known.
    pub sex: Option<Sex>,
    /// The identifier of the spoken sentence or word within the corpus, if known.
    pub text: Option<String>,
    /// The spoken text, word for word, if known.
    pub transcript: Option<String>,
    /// The acted intensity or level, if known.
    pub intensity: Option<String>,
    /// The style of speech, if the corpus has several: `scripted`, `improvised`.
    pub style: Option<String>,
    /// The recording session (`<corpus>/<session>`), if the corpus has sessions.
    pub session: Option<String>,
    /// The role in the corpus' official partition, if it has one.
    pub part: Option<Role>,
    /// The corpus' own label, as written there: `calm`, `ps`, `HAP`. `None` if withheld or absent.
    pub label: Option<String>,
    /// The emotion to which the corpus card maps that label, in the common vocabulary: `calm`, `surprise`, `happy`.
    pub emotion: Option<String>,
    /// The corpus' numeric annotations, by the names on its card: `Awe`, `Valence`. All finite.
    pub values: BTreeMap<String, f32>,
    /// Everything else that the corpus tells of it or of its speaker, as text, by the names on its card: `age`, `language`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Length in samples per channel, at the file's own sampling rate.
    pub samples: u64,
    /// The file's sampling rate in Hz.
    pub rate: u32,
    /// The file's number of channels.
    pub channels: u16,
    /// The digest of the decoded samples: a WAV file and its FLAC copy have the same.
    pub audio: Digest,
}

impl Utterance {
    /// Returns the name of the speaker, or `None` if it is a placeholder.
    #[must_use]
    pub fn known_speaker(&self) -> Option<&str> {
        is_known_speaker(&self.speaker).then_some(&self.speaker)
    }

    /// Returns the duration in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.samples as f64 / f64::from(self.rate)
    }
}

/// An utterance with the target that a label scheme assigns to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The recording.
    pub utterance: Utterance,
    /// The target; `None` if the corpus withholds it, as in blind test parts.
    pub target: Option<Target>,
}

impl Example {
    /// Returns the class, if the target is one.
    #[must_use]
    pub fn class(&self) -> Option<&str> {
        self.target.as_ref().and_then(Target::class)
    }
}

/// A defect of a corpus: reported and worked around, never ignored silently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The corpus.
    pub corpus: String,
    /// The file, relative to the root folder of the corpus.
    pub path: String,
    /// The kind of defect, as a stable identifier: `unreadable`, `identical-audio`, `second-copy`.
    pub kind: String,
    /// What was found and what was done about it, as text for a person.
    pub message: String,
    /// Whether the file was excluded because of it.
    pub dropped: bool,
}
