//! The corpus cards and label schemes within an experiment's reach, each read once however many variants use it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use affekt_config::{Diagnostic, Diagnostics, Span};
use affekt_corpus::{Card, ShelfError, find_scheme, scheme_names};
use affekt_domain::LabelScheme;

/// The folders that are looked through, and what was found there.
pub struct Shelves {
    folders: Vec<PathBuf>,
    cards: Shelf<Card>,
    schemes: Shelf<LabelScheme>,
}

/// What was read by its name; `None` where it was wrong, which has then been reported.
type Shelf<T> = RefCell<HashMap<String, Option<T>>>;

impl Shelves {
    /// `datasets/` beside the experiment (and one folder up), before the workspace's own.
    pub fn of(experiment: &Path, workspace: &Path) -> Self {
        let folder = experiment.parent().unwrap_or(Path::new(""));
        let mut folders = vec![folder.join("datasets")];
        folders.extend(folder.parent().map(|above| above.join("datasets")));
        folders.push(workspace.join("datasets"));
        Self { folders, cards: Shelf::default(), schemes: Shelf::default() }
    }

    /// The folders, the first to be looked through first.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
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
    shelf: &Shelf<T>,
    kind: &str,
    name: &str,
    span: &Span,
    names: impl FnOnce() -> Vec<String>,
    read: impl FnOnce(&str) -> Result<T, ShelfError>,
    diagnostics: &Diagnostics,
) -> Option<T> {
    let lower = name.to_lowercase();
    if let Some(found) = shelf.borrow().get(&lower) {
        return found.clone();
    }
    let names = names();
    if !names.contains(&lower) {
        diagnostics.push(Diagnostic::unknown(span, kind, name, "there are", &names));
        return None;
    }
    let found = read(&lower).map_err(|error| diagnostics.error(span, error.to_string())).ok();
    shelf.borrow_mut().insert(lower, found.clone());
    found
}
