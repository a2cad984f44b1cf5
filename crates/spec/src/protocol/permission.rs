//! Unsafe permissions: what an experiment may do against honest evaluation if it says so.

use crate::{Spec, Words};

/// A word of an experiment's `unsafe:` list. What is permitted and done stands as a stamp at every table of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Spec)]
pub enum Permission {
    /// Speakers may be in several roles of a fold.
    SharedSpeakers,
    /// Identical audio may be in several roles of a fold.
    SharedAudio,
    /// Epochs and hyper-parameters may be selected on test rows.
    SelectionOnTest,
    /// Statistics of a test speaker's own recordings may be used to standardise them.
    TestSpeakerStatistics,
    /// Encoders and models from elsewhere may have been trained with the labels of test speakers, as their `trained_on` says.
    EarlierTestLabels,
}

impl Permission {
    /// Returns its name, as written in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.word()
    }

    /// Returns what stands at every table where it was made use of.
    #[must_use]
    pub const fn stamp(self) -> &'static str {
        match self {
            Self::SharedSpeakers => "speakers shared",
            Self::SharedAudio => "audio shared",
            Self::SelectionOnTest => "selected on test",
            Self::TestSpeakerStatistics => "test speakers' statistics used",
            Self::EarlierTestLabels => "trained earlier with test speakers' labels",
        }
    }

    /// Returns what lets roles share this; `None` where nothing does.
    #[must_use]
    pub const fn to_share(what: Sharing) -> Option<Self> {
        match what {
            Sharing::Speaker => Some(Self::SharedSpeakers),
            Sharing::Audio => Some(Self::SharedAudio),
            Sharing::Text => None,
        }
    }
}

/// What two roles can share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Spec)]
pub enum Sharing {
    /// A speaker.
    Speaker,
    /// Identical audio.
    Audio,
    /// What was said.
    Text,
}

impl Sharing {
    /// Returns its name, as written in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.word()
    }
}
