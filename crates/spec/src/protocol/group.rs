//! What must stay together.

use std::borrow::Cow;

use affekt_domain::Utterance;

use crate::{Spec, Words};

/// What must stay together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum Group {
    /// All recordings of a speaker.
    Speaker,
    /// All recordings of a session.
    Session,
    /// All recordings of a corpus.
    Corpus,
    /// All recordings of a text within its corpus.
    Text,
}

impl Group {
    /// Returns its name, as written in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.word()
    }

    /// Returns what several of them are called.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Speaker => "speakers",
            Self::Session => "sessions",
            Self::Corpus => "corpora",
            Self::Text => "texts",
        }
    }

    /// Returns the group of an utterance, by a name that is unique over all corpora; `None` where it is unknown.
    #[must_use]
    pub fn of(self, utterance: &Utterance) -> Option<Cow<'_, str>> {
        match self {
            Self::Speaker => utterance.known_speaker().map(Cow::Borrowed),
            Self::Session => utterance.session.as_deref().map(Cow::Borrowed),
            Self::Corpus => Some(Cow::Borrowed(&utterance.corpus)),
            Self::Text => {
                utterance.text.as_ref().map(|text| Cow::Owned(format!("{}/{text}", utterance.corpus)))
            }
        }
    }
}
