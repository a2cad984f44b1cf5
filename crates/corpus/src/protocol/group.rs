//! What must stay together.

use std::borrow::Cow;

use affekt_domain::{Example, Utterance};
use serde::{Deserialize, Serialize};

use super::{Impossible, Without};

/// What must stay together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Speaker, Self::Session, Self::Corpus, Self::Text];

    /// Its name, as written in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Speaker => "speaker",
            Self::Session => "session",
            Self::Corpus => "corpus",
            Self::Text => "text",
        }
    }

    /// Its name in the plural.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Speaker => "speakers",
            Self::Session => "sessions",
            Self::Corpus => "corpora",
            Self::Text => "texts",
        }
    }

    /// The group of an utterance, by a name that is unique over all corpora; `None` where the corpus does not tell.
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

    /// The group of every example, in their order.
    pub(super) fn of_all(self, examples: &[Example]) -> Result<Vec<Cow<'_, str>>, Impossible> {
        let groups: Option<Vec<_>> = examples.iter().map(|example| self.of(&example.utterance)).collect();
        groups.ok_or_else(|| {
            let without = Without::new(examples, |utterance| self.of(utterance).is_none());
            Impossible::WithoutGroup { group: self, without }
        })
    }
}
