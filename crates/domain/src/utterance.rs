//! One recording of one speaker, and what is known about it.

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
    /// Its name, as written in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
        }
    }

    /// The sex called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Female, Self::Male].into_iter().find(|sex| sex.name() == name)
    }
}

/// One recording: a row of a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Utterance {
    /// `<corpus>/<path in the corpus without extension>`, with forward slashes.
    pub id: String,
    /// The corpus it belongs to: `RAVDESS`.
    pub corpus: String,
    /// `<corpus>/<speaker>`: `RAVDESS/01`. Where the corpus does not tell, a name of the recording's own that
    /// [`is_known_speaker`] knows for what it is.
    pub speaker: String,
    /// The speaker's sex, where the corpus tells.
    pub sex: Option<Sex>,
    /// What was said (a sentence's or word's identifier within the corpus), where the corpus tells.
    pub text: Option<String>,
    /// What was said, word for word, where the corpus tells.
    pub transcript: Option<String>,
    /// The acted intensity or level, where the corpus tells.
    pub intensity: Option<String>,
    /// How the speech came about, where the corpus has several ways: `scripted`, `improvised`.
    pub style: Option<String>,
    /// The recording session (`<corpus>/<session>`), where the corpus has sessions.
    pub session: Option<String>,
    /// The part that the corpus itself assigns it to, where it has official parts.
    pub part: Option<Role>,
    /// The corpus' own label in its own words: `calm`, `ps`, `HAP`. `None` where the corpus withholds it, or has none.
    pub label: Option<String>,
    /// The emotion that the corpus' card gives that label, in the common vocabulary: `calm`, `surprise`, `happy`.
    pub emotion: Option<String>,
    /// What the corpus states in numbers, by the names on its card: `Awe`, `Valence`. All are finite.
    pub values: BTreeMap<String, f32>,
    /// Length in samples (per channel) at the file's own rate.
    pub samples: u64,
    /// The file's sampling rate in Hz.
    pub rate: u32,
    /// The file's number of channels.
    pub channels: u16,
    /// The digest of the decoded audio: the same for a WAV and its FLAC.
    pub audio: Digest,
}

impl Utterance {
    /// Who speaks, where the corpus tells.
    #[must_use]
    pub fn known_speaker(&self) -> Option<&str> {
        is_known_speaker(&self.speaker).then_some(&self.speaker)
    }

    /// Its duration in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.samples as f64 / f64::from(self.rate)
    }
}

/// An utterance under a label scheme.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The recording.
    pub utterance: Utterance,
    /// What the scheme says it is; `None` where the corpus withholds it, as it does of blind test parts.
    pub target: Option<Target>,
}

impl Example {
    /// Its class, where it has one.
    #[must_use]
    pub fn class(&self) -> Option<&str> {
        self.target.as_ref().and_then(Target::class)
    }
}

/// Something in a corpus that is not as it should be: reported, survived, never silent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The corpus.
    pub corpus: String,
    /// The file, relative to the corpus folder.
    pub path: String,
    /// What kind of thing it is, as a stable short name: `unreadable`, `identical-audio`, `second-copy`.
    pub kind: String,
    /// What was found and what was done about it, for a person.
    pub message: String,
    /// Whether the file was left out because of it.
    pub dropped: bool,
}
