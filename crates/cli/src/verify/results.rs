//! What a run came to: whatever must not depend on how often it was disturbed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use affekt_domain::Digest;
use affekt_graph::{JournalRow, Key, Output};

use crate::exit::{Stop, error};

/// The results of a finished run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Results {
    /// Files of the run folder that hold nothing of time and machine.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The outputs of all nodes, by node and name.
    pub outputs: BTreeMap<String, Digest>,
    /// The keys of all nodes.
    pub keys: BTreeMap<String, Key>,
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
                results.keys.extend(row.key.map(|key| (row.id.clone(), key)));
                let named = |Output { name, digest, .. }| (format!("{}.{name}", row.id), digest);
                results.outputs.extend(row.outputs.into_iter().map(named));
            }
        }
        Ok(results)
    }

    /// Names the nodes that made other outputs from the same inputs: where differences begin. Those below differ in what they read.
    pub fn origins(&self, other: &Self) -> Vec<String> {
        let differs = |id: &str| {
            let of = |results: &Self| -> Vec<(String, Digest)> {
                let own = results
                    .outputs
                    .iter()
                    .filter(|(name, _)| name.rsplit_once('.').is_some_and(|(node, _)| node == id));
                own.map(|(name, digest)| (name.clone(), *digest)).collect()
            };
            of(self) != of(other)
        };
        let same_key = self.keys.iter().filter(|(id, key)| other.keys.get(*id) == Some(key));
        same_key.map(|(id, _)| id).filter(|id| differs(id)).cloned().collect()
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

#[cfg(test)]
mod tests {
    use affekt_graph::{KeyPart, hash_bytes};

    use super::*;

    fn results(nodes: &[(&str, &str, &str)]) -> Results {
        let mut results = Results::default();
        for (node, input, output) in nodes {
            let part = KeyPart { name: "in".into(), value: (*input).into() };
            results.keys.insert((*node).into(), Key::of(&[part]));
            results.outputs.insert(format!("{node}.model"), hash_bytes(output.as_bytes()));
        }
        results
    }

    #[test]
    fn differences_begin_where_inputs_are_the_same() {
        let whole = results(&[("a[fold=1]", "", "1"), ("b[fold=1]", "1", "2"), ("c", "", "3")]);
        let other = results(&[("a[fold=1]", "", "one"), ("b[fold=1]", "one", "two"), ("c", "", "3")]);
        assert_eq!(other.origins(&whole), ["a[fold=1]"]);
        assert_eq!(other.differences(&whole), ["a[fold=1].model", "b[fold=1].model"]);
        assert_eq!(whole.origins(&whole), [""; 0]);
    }
}
