//! The journal of a run: one JSON object a line, written as things happen.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::ops::{Bound, Range};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::id::NodeId;
use crate::key::{Key, KeyPart};
use crate::store::Output;

/// A journal being written.
#[derive(Debug)]
pub struct Journal {
    file: File,
    /// Whether the last write failed, and may have left half a line.
    is_torn: bool,
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum JournalRow {
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
        /// The id of the node, as it is written.
        id: String,
        /// The GPU it runs on, as the user calls it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gpu: Option<String>,
    },
    /// A GPU failed; no node is started on it any more.
    GpuSetAside {
        /// The GPU, as the user calls it.
        gpu: String,
        /// What its worker sees of the machine's GPUs: an entry of `CUDA_VISIBLE_DEVICES`.
        visible: String,
        /// The id of the node that failed on it, which is tried on another.
        id: String,
        /// Why.
        failure: String,
    },
    /// An attempt at a node failed; there is another.
    Retried {
        /// The id of the node, as it is written.
        id: String,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// Why.
        failure: String,
    },
    /// Nodes are started on a GPU again: the node that failed on it failed on another, too.
    GpuUsedAgain {
        /// The GPU, as the user calls it.
        gpu: String,
    },
    /// A node has its result, or has failed.
    Node(NodeRow),
    /// A node yielded more nodes.
    Grown {
        /// The id of the node, as it is written.
        id: String,
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
    /// Its id, as it is written.
    pub id: String,
    /// Its op.
    pub op: String,
    /// `cached`, `ran` or `failed`.
    pub state: String,
    /// Its key.
    pub key: Option<Key>,
    /// How long its result took to compute, in this run or an earlier one.
    pub seconds: Option<f64>,
    /// What its key is made of.
    pub parts: Vec<KeyPart>,
    /// Its outputs.
    pub outputs: Vec<Output>,
    /// Why it failed.
    pub failure: Option<String>,
}

#[derive(Serialize)]
struct Line<'r> {
    /// Seconds since 1970.
    time: f64,
    #[serde(flatten)]
    row: &'r JournalRow,
}

impl Journal {
    /// Begins or continues the journal at `path`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: OpenOptions::new().create(true).append(true).open(path)?, is_torn: false })
    }

    /// Adds rows, all in one write.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&mut self, rows: &[JournalRow]) -> io::Result<()> {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
        let mut lines = Vec::new();
        if self.is_torn {
            lines.push(b'\n');
        }
        for row in rows {
            serde_json::to_writer(&mut lines, &Line { time, row })?;
            lines.push(b'\n');
        }
        let written = self.file.write_all(&lines);
        self.is_torn = written.is_err();
        written
    }
}

/// What the last run's journal says of each node.
#[derive(Debug, Default)]
pub struct LastRun {
    text: String,
    nodes: BTreeMap<String, Ended>,
    /// The mean of the seconds that nodes of each op took.
    mean_of_op: BTreeMap<String, f64>,
}

/// How a node ended, without what its key was made of.
#[derive(Debug)]
struct Ended {
    op: String,
    seconds: Option<f64>,
    /// Where its line lies in the text.
    line: Range<usize>,
}

/// What is read of every line; the rest of it, which is long, only where it is asked for.
#[derive(Deserialize)]
struct Head<'l> {
    #[serde(borrow)]
    event: Cow<'l, str>,
    #[serde(borrow, default)]
    id: Cow<'l, str>,
    #[serde(default)]
    op: String,
    #[serde(default)]
    seconds: Option<f64>,
}

impl LastRun {
    /// Reads a journal. Lines that cannot be read (a run may have died writing one) are passed over; a missing file is an empty
    /// journal.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut nodes = BTreeMap::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let range = start..start + line.len();
            start = range.end;
            match serde_json::from_str::<Head<'_>>(line) {
                Ok(Head { event, id, op, seconds }) if event == "node" => {
                    nodes.insert(id.into_owned(), Ended { op, seconds, line: range });
                }
                _ => {}
            }
        }
        let mut sums: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
        for (op, seconds) in nodes.values().filter_map(|ended| Some((&ended.op, ended.seconds?))) {
            let sum = sums.entry(op).or_default();
            *sum = (sum.0 + seconds, sum.1 + 1);
        }
        let mean_of_op =
            sums.into_iter().map(|(op, (sum, count))| (op.to_owned(), sum / count as f64)).collect();
        Self { text, nodes, mean_of_op }
    }

    /// Returns the row of a node; `None` where the last run did not come to its end.
    #[must_use]
    pub fn row(&self, id: &NodeId) -> Option<NodeRow> {
        let ended = self.nodes.get(id.as_str())?;
        match serde_json::from_str(&self.text[ended.line.clone()]) {
            Ok(JournalRow::Node(row)) => Some(row),
            _ => None,
        }
    }

    /// Returns the rows of all nodes that came to their end, by id.
    pub fn rows(&self) -> impl Iterator<Item = NodeRow> {
        self.nodes.values().filter_map(|ended| match serde_json::from_str(&self.text[ended.line.clone()]) {
            Ok(JournalRow::Node(row)) => Some(row),
            _ => None,
        })
    }

    /// Returns how long a node is likely to take, in seconds: what it took last time, else the mean of its op.
    #[must_use]
    pub fn estimate(&self, id: &NodeId, op: &str) -> Option<f64> {
        let took = self.nodes.get(id.as_str()).and_then(|ended| ended.seconds);
        took.or_else(|| self.mean_of_op.get(op).copied())
    }

    /// Returns, for each node whose id is written like one of these (any number standing for a `*`), how long it took.
    pub fn took<'l>(&'l self, patterns: &'l [NodeId]) -> impl Iterator<Item = Option<f64>> + 'l {
        patterns.iter().flat_map(|pattern| {
            let start = pattern.literal_start();
            let alike = self
                .nodes
                .range::<str, _>((Bound::Included(start), Bound::Unbounded))
                .take_while(move |(id, _)| id.starts_with(start));
            alike.filter(|(id, _)| pattern.matches(id)).map(|(_, ended)| ended.seconds)
        })
    }
}
