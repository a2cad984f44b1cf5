//! What a run came to: whatever must not depend on how often it was disturbed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use affekt_domain::Digest;
use affekt_graph::{JournalRow, Output};

use crate::exit::{Stop, error};

/// The results of a finished run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Results {
    /// Files of the run folder that hold nothing of time and machine.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The outputs of all nodes, by node and name.
    pub outputs: BTreeMap<String, Digest>,
}

impl Results {
    /// Reads those of a run folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(run: &Path) -> Result<Self, Stop> {
        let failed = |cause: std::io::Error| error(&format!("failed to read {}", run.display()), &cause);
        let mut results = Self::default();
        for folder in [run.to_owned(), run.join("submissions")] {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let is_result = ["predictions", "submission"].iter().any(|stem| name.starts_with(stem))
                    || ["metrics.json", "trainings.json"].contains(&name.as_str())
                    || name.ends_with(".csv");
                if is_result && entry.path().is_file() {
                    results.files.insert(name, fs::read(entry.path()).map_err(failed)?);
                }
            }
        }
        let journal = fs::read_to_string(run.join("journal.jsonl")).map_err(failed)?;
        for line in journal.lines() {
            if let Ok(JournalRow::Node(row)) = serde_json::from_str(line) {
                let named = |Output { name, digest, .. }| (format!("{}.{name}", row.id), digest);
                results.outputs.extend(row.outputs.into_iter().map(named));
            }
        }
        Ok(results)
    }

    /// Names what others have otherwise, or have not.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let files: BTreeSet<_> = self.files.keys().chain(other.files.keys()).collect();
        let files = files.into_iter().filter(|name| self.files.get(*name) != other.files.get(*name));
        let outputs: BTreeSet<_> = self.outputs.keys().chain(other.outputs.keys()).collect();
        let outputs = outputs.into_iter().filter(|name| self.outputs.get(*name) != other.outputs.get(*name));
        files.chain(outputs).cloned().collect()
    }
}
