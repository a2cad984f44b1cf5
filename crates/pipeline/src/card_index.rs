//! The corpus cards and label schemes that an experiment can name, each read once however many variants use it.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};

use affekt_config::{Diagnostic, Diagnostics, Folder, Span, lookup};
use affekt_corpus::{Card, LookupError, find_scheme, scheme_names};
use affekt_domain::LabelScheme;

/// Finds cards and schemes in folders, the first first, and keeps what it read.
pub struct CardIndex {
    folders: Vec<Folder>,
    cards: Read<Card>,
    schemes: Read<LabelScheme>,
}

/// What was read by its name; `None` where it was wrong, which has then been reported.
type Read<T> = RefCell<HashMap<String, Option<T>>>;

impl CardIndex {
    /// An index of `datasets/` in each of the folders.
    pub fn of(folders: &[Folder]) -> Self {
        let folders = folders.iter().map(|folder| folder.join("datasets")).collect();
        Self { folders, cards: Read::default(), schemes: Read::default() }
    }

    /// The folders that cards are looked for in, the first first.
    pub fn folders(&self) -> &[Folder] {
        &self.folders
    }

    /// The files of all cards and schemes that were read, and of the encoders called `encoders`, as paths below a folder with a
    /// `datasets/` and their texts. A scheme that names corpora brings their cards.
    pub fn files(&self, encoders: &[String], splits: &[String]) -> Vec<(String, String)> {
        let schemes = self.schemes.borrow();
        let rules = schemes.values().flatten().filter_map(LabelScheme::class_rules);
        let of_schemes = rules.flat_map(|rules| rules.corpora.keys().map(|name| name.to_lowercase()));
        let cards: BTreeSet<String> = self.cards.borrow().keys().cloned().chain(of_schemes).collect();
        let kinds = [
            ("datasets", "corpus", cards.into_iter().collect::<Vec<_>>()),
            ("datasets/labels", "label scheme", schemes.keys().cloned().collect()),
            ("datasets/encoders", "encoder", encoders.to_vec()),
            ("datasets/splits", "published split", splits.to_vec()),
        ];
        let mut files = Vec::new();
        for (below, kind, names) in kinds {
            let folder = below.strip_prefix("datasets/");
            let folders: Vec<Folder> = match folder {
                Some(name) => self.folders.iter().map(|folder| folder.join(name)).collect(),
                None => self.folders.clone(),
            };
            for name in names {
                if let Ok((file, text)) = lookup::read(&folders, kind, &name) {
                    files.push((format!("{below}/{}.yaml", file.stem()), text.into_owned()));
                }
            }
        }
        files.sort();
        files
    }

    /// The card of the corpus that `span` names.
    pub fn card(&self, name: &str, span: &Span, diagnostics: &Diagnostics) -> Option<Card> {
        let read = |name: &str| Card::find(&self.folders, name, diagnostics);
        find(&self.cards, "corpus", name, span, || Card::names(&self.folders), read, diagnostics)
    }

    /// The label scheme that `span` names.
    pub fn scheme(&self, name: &str, span: &Span, diagnostics: &Diagnostics) -> Option<LabelScheme> {
        let read = |name: &str| find_scheme(&self.folders, name, diagnostics);
        find(&self.schemes, "label scheme", name, span, || scheme_names(&self.folders), read, diagnostics)
    }
}

/// What is called `name`: an error at its place where there is no such thing, errors at its own lines where it is
/// wrong.
fn find<T: Clone>(
    known: &Read<T>,
    kind: &str,
    name: &str,
    span: &Span,
    names: impl FnOnce() -> Vec<String>,
    read: impl FnOnce(&str) -> Result<T, LookupError>,
    diagnostics: &Diagnostics,
) -> Option<T> {
    let lower = name.to_lowercase();
    if let Some(found) = known.borrow().get(&lower) {
        return found.clone();
    }
    let names = names();
    if !names.contains(&lower) {
        diagnostics.push(Diagnostic::unknown(span, kind, name, "there are", &names));
        return None;
    }
    let found = read(&lower).map_err(|error| diagnostics.error(span, error.to_string())).ok();
    known.borrow_mut().insert(lower, found.clone());
    found
}
