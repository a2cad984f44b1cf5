//! Corpus cards: everything about a corpus except its audio.

use std::collections::BTreeMap;

use affekt_config::lookup::{self, LookupError};
use affekt_config::{Diagnostics, Folder};
use regex::Regex;

use crate::{CorpusOrigin, Grammar, Tables, card_reader};

/// The common vocabulary of emotions. A card may add words under `emotions`.
pub const EMOTIONS: [&str; 8] = ["angry", "calm", "disgust", "fear", "happy", "neutral", "sad", "surprise"];

/// A corpus' card, `datasets/<name>.yaml`.
#[derive(Debug, Clone)]
pub struct Card {
    /// The corpus' name, which is also the name of its folder and the prefix of its utterances' ids: `RAVDESS`.
    pub name: String,
    /// The full name.
    pub title: String,
    /// The licence.
    pub licence: String,
    /// The publication to cite.
    pub citation: String,
    /// The source: a DOI or a URL.
    pub origin: String,
    /// Instructions for obtaining it.
    pub obtain: String,
    /// The download source; `None` if it must be requested by a person.
    pub fetch: Option<CorpusOrigin>,
    /// The number of recordings of the complete corpus, if known.
    pub files: Option<usize>,
    /// The number of speakers of the complete corpus, if known.
    pub speakers: Option<usize>,
    /// A remark on these two numbers, in half a sentence.
    pub count_note: Option<String>,
    /// The grammar of its paths.
    pub grammar: Grammar,
    /// Why speakers are unknown, and what is known about them nevertheless, if the corpus does not identify them.
    pub speakers_unknown: Option<String>,
    /// The label files, if it has any.
    pub tables: Option<Tables>,
    /// Files that are part of the release but not utterances of this corpus (songs, sound of videos).
    pub ignore: Vec<Regex>,
    /// The corpus' own labels.
    pub labels: BTreeMap<String, Label>,
    /// Remarks on its peculiarities.
    pub oddities: Vec<Oddity>,
}

/// A label of a corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The emotion in the common vocabulary.
    pub emotion: String,
    /// The number of recordings of the complete corpus with this label, if known.
    pub files: Option<usize>,
    /// The number of these in each session, if known; sessions that are not listed have none.
    pub sessions: Option<BTreeMap<String, usize>>,
}

/// A known peculiarity of a corpus.
#[derive(Debug, Clone)]
pub struct Oddity {
    /// What is peculiar, and what it means for results.
    pub remark: String,
    /// The files concerned; `None` for the whole corpus.
    pub files: Option<Regex>,
}

impl Card {
    /// Finds the card called `name`, in any case, in the first of the folders that has one. Mistakes in it are added to
    /// `diagnostics`.
    ///
    /// # Errors
    /// Fails if there is no such card, or it cannot be read, or it has mistakes.
    pub fn find(folders: &[Folder], name: &str, diagnostics: &Diagnostics) -> Result<Self, LookupError> {
        let (file, text) = lookup::read(folders, "corpus", name)?;
        Self::parse(&file.to_string(), &text, diagnostics).ok_or(LookupError::Wrong { file })
    }

    /// Returns the names of all cards, sorted and in lower case.
    #[must_use]
    pub fn names(folders: &[Folder]) -> Vec<String> {
        lookup::names(folders)
    }

    /// Parses a card; `path` is shown to the user. Returns `None` if it has mistakes, which are added to `diagnostics`.
    #[must_use]
    pub fn parse(path: &str, text: &str, diagnostics: &Diagnostics) -> Option<Self> {
        card_reader::parse(path, text, diagnostics)
    }

    /// Returns the name of the corpus' folder: `RAVDESS`.
    #[must_use]
    pub fn folder_name(&self) -> &str {
        &self.name
    }

    /// Returns whether the official part of every recording should be known.
    pub(crate) fn tells_part(&self) -> bool {
        self.grammar.tells_part() || self.tables.as_ref().is_some_and(|tables| tables.part.is_some())
    }

    /// Returns whether the sex of every speaker should be known.
    pub(crate) fn tells_sex(&self) -> bool {
        self.grammar.tells_sex() || self.tables.as_ref().is_some_and(Tables::tells_sex)
    }

    /// Returns the number of recordings with labels accepted by `keep` in each session of the complete corpus, if the
    /// card states it for all of these labels.
    #[must_use]
    pub fn files_of_sessions(&self, keep: impl Fn(&Label) -> bool) -> Option<BTreeMap<&str, usize>> {
        let mut files = BTreeMap::new();
        for label in self.labels.values().filter(|label| keep(label)) {
            for (session, of_session) in label.sessions.as_ref()? {
                *files.entry(session.as_str()).or_default() += of_session;
            }
        }
        Some(files)
    }

    /// Returns the number of recordings of each emotion in the complete corpus, if the card states it for all labels.
    #[must_use]
    pub fn files_of_emotions(&self) -> Option<BTreeMap<&str, usize>> {
        let mut files = BTreeMap::new();
        for label in self.labels.values() {
            *files.entry(label.emotion.as_str()).or_default() += label.files?;
        }
        Some(files)
    }
}
