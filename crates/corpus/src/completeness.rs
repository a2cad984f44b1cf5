//! Completeness of a corpus: the number of recordings present, compared with the complete corpus.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use affekt_domain::{Example, LabelScheme, Utterance};
use serde::Serialize;

use crate::Card;

/// The number of items present, and that of the complete corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Count {
    /// The number present.
    pub found: usize,
    /// The number in the complete corpus, if its card states it.
    pub expected: Option<usize>,
}

impl Count {
    /// Returns whether both numbers are equal, or the expected one is unknown.
    #[must_use]
    pub fn is_complete(self) -> bool {
        self.expected.is_none_or(|expected| self.found == expected)
    }
}

/// Formats as `960 of 1440`, or `960` if the expected number is unknown.
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.expected {
            Some(expected) => write!(f, "{} of {expected}", self.found),
            None => write!(f, "{}", self.found),
        }
    }
}

/// The numbers of recordings and speakers present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Completeness {
    /// The corpus.
    pub corpus: String,
    /// Recordings.
    pub files: Count,
    /// Speakers.
    pub speakers: Count,
    /// Recordings by emotion.
    pub emotions: BTreeMap<String, Count>,
    /// Recordings by session, if the corpus has sessions.
    pub sessions: BTreeMap<String, Count>,
    /// The card's remark on its numbers.
    pub note: Option<String>,
}

impl Completeness {
    /// Returns whether every number is exactly as expected.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let parts = self.emotions.values().chain(self.sessions.values()).copied();
        parts.chain([self.files, self.speakers]).all(Count::is_complete)
    }
}

/// Formats as `RAVDESS: 960 of 1440 files, 16 of 24 speakers`, with the card's remark in brackets.
impl fmt::Display for Completeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} files, ", self.corpus, self.files)?;
        match self.speakers.found {
            0 => write!(f, "speakers unknown")?,
            _ => write!(f, "{} speakers", self.speakers)?,
        }
        self.note.iter().try_for_each(|note| write!(f, " ({note})"))
    }
}

/// Compares the utterances of the card's corpus with what the card expects.
#[must_use]
pub fn completeness(card: &Card, utterances: &[Utterance]) -> Completeness {
    let own = || utterances.iter().filter(|utterance| utterance.corpus == card.name);
    let speakers: BTreeSet<&str> = own().filter_map(Utterance::known_speaker).collect();
    let expected = card.files_of_emotions();
    let emotions: BTreeSet<&str> = card.labels.values().map(|label| label.emotion.as_str()).collect();
    let count = |emotion: &str| Count {
        found: own().filter(|utterance| utterance.emotion.as_deref() == Some(emotion)).count(),
        expected: expected.as_ref().and_then(|expected| expected.get(emotion).copied()),
    };
    Completeness {
        corpus: card.name.clone(),
        files: Count { found: own().count(), expected: card.files },
        speakers: Count { found: speakers.len(), expected: card.speakers },
        emotions: emotions.into_iter().map(|emotion| (emotion.to_owned(), count(emotion))).collect(),
        sessions: by_session(card, utterances.iter(), card.files_of_sessions(|_| true)),
        note: card.count_note.clone(),
    }
}

/// Counts the labelled utterances of each session under a scheme, and in the complete corpus, if the card states
/// their numbers. It does not for schemes that keep only some styles, or predict numbers.
#[must_use]
pub fn labelled_sessions(card: &Card, scheme: &LabelScheme, examples: &[Example]) -> BTreeMap<String, Count> {
    let rules = scheme.class_rules().filter(|_| scheme.styles.is_none());
    let expected = rules.and_then(|rules| {
        card.files_of_sessions(|label| rules.class_of(&card.name, &label.emotion).is_some())
    });
    by_session(card, examples.iter().map(|example| &example.utterance), expected)
}

/// Groups the utterances of the card's corpus by session, without the corpus' name.
fn by_session<'a>(
    card: &Card,
    utterances: impl Iterator<Item = &'a Utterance>,
    expected: Option<BTreeMap<&str, usize>>,
) -> BTreeMap<String, Count> {
    let mut sessions = BTreeMap::<String, Count>::new();
    for (session, files) in expected.iter().flatten() {
        sessions.insert((*session).to_owned(), Count { found: 0, expected: Some(*files) });
    }
    let unknown = Count { found: 0, expected: expected.map(|_| 0) };
    for utterance in utterances.filter(|utterance| utterance.corpus == card.name) {
        let Some(session) = &utterance.session else { continue };
        let name = session.split_once('/').map_or(session.as_str(), |(_, name)| name);
        sessions.entry(name.to_owned()).or_insert(unknown).found += 1;
    }
    sessions
}
