//! What a run's journal says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// The rows of a `journal.jsonl`.
#[derive(Debug, Default)]
pub struct Journal {
    pub rows: Vec<Value>,
}

impl Journal {
    /// Reads a run folder's journal as far as it is written; a last line that is not whole is left out.
    pub fn read(run: &Path) -> Self {
        let text = fs::read_to_string(run.join("journal.jsonl")).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        Self { rows: whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect() }
    }

    /// The nodes that ended in a state (`ran`, `cached`, `failed`), in the order of their names.
    pub fn nodes(&self, state: &str) -> Vec<String> {
        let rows = self.of("node").filter(|row| row["state"] == state);
        let mut nodes: Vec<String> = rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect();
        nodes.sort();
        nodes
    }

    /// The nodes that began.
    pub fn started(&self) -> Vec<String> {
        self.of("started").map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Op → the digests of its nodes' outputs, by node and output.
    pub fn outputs(&self, op: &str) -> BTreeMap<String, String> {
        let mut outputs = BTreeMap::new();
        for row in self.of("node").filter(|row| row["op"] == op) {
            for output in row["outputs"].as_array().unwrap() {
                let name = format!("{}.{}", row["id"].as_str().unwrap(), output["name"].as_str().unwrap());
                outputs.insert(name, output["digest"].as_str().unwrap().to_owned());
            }
        }
        outputs
    }

    /// How the run ended; `None` where it was cut off.
    pub fn outcome(&self) -> Option<&str> {
        self.of("run-finished").next()?["outcome"].as_str()
    }

    fn of<'j>(&'j self, event: &'j str) -> impl Iterator<Item = &'j Value> {
        self.rows.iter().filter(move |row| row["event"] == event)
    }
}
