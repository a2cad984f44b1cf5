//! Runs that ended, as their folders tell of them.

use std::collections::BTreeSet;
use std::path::Path;

use affekt_graph::{Key, LastRun};

use crate::exit::Stop;

/// Returns the name of the run in this folder: `<experiment>/<run id>`.
pub fn name(folder: &Path) -> String {
    let part = |path: Option<&Path>| Some(path?.file_name()?.to_string_lossy().into_owned());
    let parts = [part(folder.parent()), part(Some(folder))];
    parts.into_iter().flatten().collect::<Vec<_>>().join("/")
}

/// A run folder that was written before.
pub struct FinishedRun {
    /// `<experiment>/<run id>`.
    pub name: String,
    journal: LastRun,
}

impl FinishedRun {
    /// Reads the folder of a run, or the link to the latest.
    ///
    /// # Errors
    /// The input is wrong where it is none.
    pub fn read(folder: &Path) -> Result<Self, Stop> {
        let journal = folder.join("journal.jsonl");
        let found = folder.canonicalize().ok().filter(|_| journal.is_file());
        let Some(found) = found else {
            let folder = folder.display();
            return Err(Stop::wrong(format!(
                "error: `{folder}` is no run folder, nor a key\nhint: name a folder like runs/quickstart/latest"
            )));
        };
        Ok(Self { name: name(&found), journal: LastRun::read(&journal) })
    }

    /// Returns the keys of its results, or of one node's: by its id, or its name without the bracket.
    ///
    /// # Errors
    /// The input is wrong where there are none.
    pub fn keys(&self, node: Option<&str>) -> Result<BTreeSet<Key>, Stop> {
        let is_asked_for =
            |id: &str| node.is_none_or(|node| id == node || id.split('[').next() == Some(node));
        let rows = self.journal.rows().filter(|row| row.failure.is_none() && is_asked_for(&row.id));
        let keys: BTreeSet<Key> = rows.filter_map(|row| row.key).collect();
        match (keys.is_empty(), node) {
            (false, _) => Ok(keys),
            (true, Some(node)) => {
                Err(Stop::wrong(format!("error: the run {} has no result of a node `{node}`", self.name)))
            }
            (true, None) => Err(Stop::wrong(format!("error: the run {} has no results", self.name))),
        }
    }
}
