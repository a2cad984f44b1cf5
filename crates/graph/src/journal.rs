//! The journal of a run: one JSON object a line, written as things happen.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::key::{Key, Part};
use crate::node::NodeId;
use crate::store::Output;

/// A journal being written.
#[derive(Debug)]
pub struct Journal {
    file: File,
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Row {
    /// The run began.
    RunStarted {
        /// The format's version: 1.
        version: u32,
        /// The experiment.
        experiment: String,
        /// The command line.
        command: Vec<String>,
    },
    /// A node began.
    Started {
        /// The node.
        id: NodeId,
    },
    /// A node has its result, or has failed.
    Node(NodeRow),
    /// A node yielded more nodes.
    Grown {
        /// The node.
        id: NodeId,
    },
    /// The run ended.
    RunFinished {
        /// `done`, `failed`, `interrupted`.
        outcome: String,
        /// How long it took.
        seconds: f64,
    },
}

/// How a node ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeRow {
    /// The node.
    pub id: NodeId,
    /// Its op.
    pub op: String,
    /// `cached`, `ran` or `failed`.
    pub state: String,
    /// Its key.
    pub key: Option<Key>,
    /// How long its result took to compute, in this run or an earlier one.
    pub seconds: Option<f64>,
    /// What its key is made of.
    pub parts: Vec<Part>,
    /// Its outputs.
    pub outputs: Vec<Output>,
    /// Why it failed.
    pub failure: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    /// Seconds since 1970.
    time: f64,
    #[serde(flatten)]
    row: Row,
}

impl Journal {
    /// Begins or continues the journal at `path`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: OpenOptions::new().create(true).append(true).open(path)? })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, row: &Row) -> io::Result<()> {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
        let mut line = serde_json::to_string(&Line { time, row: row.clone() })?;
        line.push('\n');
        self.file.write_all(line.as_bytes())
    }
}

/// What the last run's journal says of each node.
#[derive(Debug, Default, Clone)]
pub struct LastRun {
    /// The nodes that have a row.
    pub nodes: BTreeMap<NodeId, NodeRow>,
}

impl LastRun {
    /// Reads a journal. Lines that cannot be read (a run may have died writing one) are passed over; a missing
    /// file is an empty journal.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let rows = text.lines().filter_map(|line| match serde_json::from_str(line) {
            Ok(Line { row: Row::Node(row), .. }) => Some((row.id.clone(), row)),
            _ => None,
        });
        Self { nodes: rows.collect() }
    }

    /// How long a node is likely to take: what it took last time, else the mean of its op.
    #[must_use]
    pub fn estimate(&self, id: &NodeId, op: &str) -> Option<f64> {
        if let Some(seconds) = self.nodes.get(id).and_then(|row| row.seconds) {
            return Some(seconds);
        }
        let of_op: Vec<f64> =
            self.nodes.values().filter(|row| row.op == op).filter_map(|row| row.seconds).collect();
        (!of_op.is_empty()).then(|| of_op.iter().sum::<f64>() / of_op.len() as f64)
    }
}
