//! A corpus' card: everything there is to know about it but its audio.

use std::collections::BTreeMap;

use affekt_config::lookup::{self, LookupError};
use affekt_config::{Diagnostics, Folder};
use regex::Regex;

use crate::{Grammar, Origin, Tables, card_reader};

/// The common vocabulary of emotions. A card may add words of its own under `emotions`.
pub const EMOTIONS: [&str; 8] = ["angry", "calm", "disgust", "fear", "happy", "neutral", "sad", "surprise"];

/// A corpus' card, `datasets/<name>.yaml`.
#[derive(Debug, Clone)]
pub struct Card {
    /// The corpus' name, which is also that of its folder and the beginning of every utterance's id: `RAVDESS`.
    pub name: String,
    /// Its full name.
    pub title: String,
    /// What may be done with it.
    pub licence: String,
    /// The publication to cite.
    pub citation: String,
    /// Where it comes from: a DOI or an address.
    pub origin: String,
    /// How to get it, for someone who does not have it.
    pub obtain: String,
    /// Where a program can fetch it; `None` where a person has to ask for it.
    pub fetch: Option<Origin>,
    /// How many recordings the complete corpus has, where the card tells.
    pub files: Option<usize>,
    /// How many speakers the complete corpus has, where the card tells.
    pub speakers: Option<usize>,
    /// What to know about these two numbers, in half a sentence.
    pub count_note: Option<String>,
    /// What paths say.
    pub grammar: Grammar,
    /// Why nobody can tell who speaks, where the corpus does not say: what is known of its speakers nevertheless.
    pub speakers_unknown: Option<String>,
    /// The release's label files, where it has some.
    pub tables: Option<Tables>,
    /// Files that belong to the release and are no utterances of this corpus (songs, videos' sound).
    pub ignore: Vec<Regex>,
    /// The corpus' labels in its own words.
    pub labels: BTreeMap<String, Label>,
    /// Remarks on what is odd about it.
    pub oddities: Vec<Oddity>,
}

/// A label of a corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// What it is called in the common vocabulary.
    pub emotion: String,
    /// How many recordings of the complete corpus have it, where the card tells.
    pub files: Option<usize>,
    /// How many of these each session has, where the card tells; a session that is not named has none.
    pub sessions: Option<BTreeMap<String, usize>>,
}

/// Something that is odd about a corpus, and known.
#[derive(Debug, Clone)]
pub struct Oddity {
    /// What is odd and what it means for results.
    pub remark: String,
    /// The files it is about; `None` where it is about the corpus.
    pub files: Option<Regex>,
}

impl Card {
    /// The card called `name`, whatever its case, in the first of the folders that has one. Mistakes in it go to
    /// `diagnostics`, all of them, each at its line.
    ///
    /// # Errors
    /// When there is no such card, or it cannot be read, or it is wrong.
    pub fn find(folders: &[Folder], name: &str, diagnostics: &Diagnostics) -> Result<Self, LookupError> {
        let (file, text) = lookup::read(folders, "corpus", name)?;
        Self::parse(&file.to_string(), &text, diagnostics).ok_or(LookupError::Wrong { file })
    }

    /// The names by which [`Card::find`] finds cards: sorted, in lower case.
    #[must_use]
    pub fn names(folders: &[Folder]) -> Vec<String> {
        lookup::names(folders)
    }

    /// Reads a card's text; `path` is shown to the person. `None` when it is wrong: `diagnostics` says where.
    #[must_use]
    pub fn parse(path: &str, text: &str, diagnostics: &Diagnostics) -> Option<Self> {
        card_reader::parse(path, text, diagnostics)
    }

    /// The corpus' folder among the data: `RAVDESS`.
    #[must_use]
    pub fn folder_name(&self) -> &str {
        &self.name
    }

    /// Whether the official part of every recording is meant to be known.
    pub(crate) fn tells_part(&self) -> bool {
        self.grammar.tells_part() || self.tables.as_ref().is_some_and(|tables| tables.part.is_some())
    }

    /// How many recordings with labels that `keep` says yes to each session of the complete corpus has, where the card
    /// tells of all of these.
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

    /// How many recordings of the complete corpus have each emotion, where the card tells for all its labels.
    #[must_use]
    pub fn files_of_emotions(&self) -> Option<BTreeMap<&str, usize>> {
        let mut files = BTreeMap::new();
        for label in self.labels.values() {
            *files.entry(label.emotion.as_str()).or_default() += label.files?;
        }
        Some(files)
    }
}
