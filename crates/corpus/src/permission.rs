//! What an experiment may do that honest evaluation forbids, if it says so itself.

use serde::{Deserialize, Serialize};

use crate::Sharing;

/// A word of an experiment's `unsafe:` list. What is permitted and done stands as a stamp at every table of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// Speakers may stand in several roles of a fold.
    SharedSpeakers,
    /// Identical audio may stand in several roles of a fold.
    SharedAudio,
    /// Epochs and hyper-parameters may be chosen on test rows.
    SelectionOnTest,
    /// Statistics of a test speaker's own recordings may be used on them.
    TestSpeakerStatistics,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::SharedSpeakers, Self::SharedAudio, Self::SelectionOnTest, Self::TestSpeakerStatistics];

    /// Its name, as written in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SharedSpeakers => "shared-speakers",
            Self::SharedAudio => "shared-audio",
            Self::SelectionOnTest => "selection-on-test",
            Self::TestSpeakerStatistics => "test-speaker-statistics",
        }
    }

    /// What stands at every table where it was made use of.
    #[must_use]
    pub const fn stamp(self) -> &'static str {
        match self {
            Self::SharedSpeakers => "speakers shared",
            Self::SharedAudio => "audio shared",
            Self::SelectionOnTest => "selected on test",
            Self::TestSpeakerStatistics => "test speakers' statistics used",
        }
    }

    /// What lets roles share this; `None` where nothing does.
    #[must_use]
    pub const fn to_share(what: Sharing) -> Option<Self> {
        match what {
            Sharing::Speaker => Some(Self::SharedSpeakers),
            Sharing::Audio => Some(Self::SharedAudio),
            Sharing::Text => None,
        }
    }
}
