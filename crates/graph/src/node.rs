//! What a node is: an op with its parameters, wired to its inputs.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::NodeId;
use crate::store::Object;

/// One step: an op with its parameters, wired to its inputs.
#[derive(Clone)]
pub struct Node {
    /// What it is called.
    pub id: NodeId,
    /// What kind of step this is.
    pub work: Work,
    /// The op's name.
    pub op: String,
    /// The op's version: raised whenever its results change for the same inputs.
    pub version: u32,
    /// Every parameter, defaults filled in; shared by the nodes of all folds and seeds.
    pub params: Arc<serde_json::Value>,
    /// How many steps it reports while it works, epochs or optimiser steps, where its parameters say so. In no key.
    pub steps: Option<u64>,
    /// What it reads, in the order of the op's ports.
    pub inputs: Vec<Input>,
    /// The names of what it writes.
    pub outputs: Vec<String>,
    /// The seed, for ops that draw random numbers.
    pub seed: Option<u64>,
    /// What else decides the bits of the result: device kind, precision, threads, library version.
    pub numerics: BTreeMap<String, String>,
    /// Where it runs.
    pub place: Place,
    /// What it occupies while it runs.
    pub resources: Resources,
    /// Whether running it again gives the same bytes. What does not is never silently replaced.
    pub reproducible: bool,
}

/// How a node comes to its outputs.
#[derive(Clone)]
pub enum Work {
    /// By running its op.
    Op,
    /// By running its op on something outside the graph, whose fingerprint enters the key.
    Source,
    /// Not at all: it looks at its inputs and yields more nodes. Cheap, pure, done again at every walk.
    Grow(Arc<dyn Grow>),
}

/// A rule that turns finished inputs into more nodes.
pub trait Grow: Send + Sync {
    /// Makes the nodes for these inputs (one list a port). The same inputs must give the same nodes.
    ///
    /// # Errors
    /// In words for a person, when the inputs are damaged or make no sense.
    fn grow(&self, inputs: &[Vec<Object>]) -> Result<Growth, crate::Failure>;

    /// Returns the ids of what it may yield, also by growing on; `*` stands for numbers that are not known yet.
    fn yields(&self) -> Vec<NodeId>;

    /// Returns what its nodes will read from: whoever needs them needs that too. A growing node stands for what it yields.
    fn reads(&self) -> Vec<NodeId>;

    /// Returns the axis that divides its nodes into partitions of the data which must not reach each other: a graph in which a
    /// node at one value reads, however indirectly, what was made at another is refused.
    fn isolates(&self) -> Option<&'static str> {
        None
    }
}

/// What a growing node yields.
#[derive(Default, Clone)]
pub struct Growth {
    /// New nodes, growing ones among them.
    pub nodes: Vec<Node>,
    /// What readers of the growing node get, by the name they ask for, in order.
    pub ports: BTreeMap<String, Vec<Source>>,
}

/// These nodes, each output of theirs under its own name.
impl FromIterator<Node> for Growth {
    fn from_iter<I: IntoIterator<Item = Node>>(nodes: I) -> Self {
        let mut growth = Self::default();
        for node in nodes {
            for output in &node.outputs {
                growth.ports.entry(output.clone()).or_default().push(node.source(output));
            }
            growth.nodes.push(node);
        }
        growth
    }
}

impl Node {
    /// Returns what others read of it under the name of an output: where it grows, that of all that it yields.
    #[must_use]
    pub fn source(&self, output: &str) -> Source {
        match self.work {
            Work::Grow(_) => Source::Grown { node: self.id.clone(), port: output.to_owned() },
            Work::Op | Work::Source => Source::output(&self.id, output),
        }
    }
}

/// One output of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputRef {
    /// The node.
    pub node: NodeId,
    /// The output's name.
    pub output: String,
}

/// One input port and what flows into it, in order.
#[derive(Debug, Clone)]
pub struct Input {
    /// The port's name.
    pub port: String,
    /// Its sources.
    pub from: Vec<Source>,
}

/// Where an input comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// One output of one node.
    Output(OutputRef),
    /// All that a growing node yielded under a name.
    Grown {
        /// The growing node.
        node: NodeId,
        /// The name in [`Growth::ports`].
        port: String,
    },
}

impl Source {
    /// Names the output called `output` of `node`.
    #[must_use]
    pub fn output(node: &NodeId, output: &str) -> Self {
        Self::Output(OutputRef { node: node.clone(), output: output.to_owned() })
    }

    /// Returns the node it names.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        match self {
            Self::Output(output) => &output.node,
            Self::Grown { node, .. } => node,
        }
    }
}

/// Where a node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In the runner, on a thread.
    Runner,
    /// In a worker process.
    Worker,
}

/// What a node occupies while it runs, and what is done where it takes more. Part of no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Resources {
    /// Processor cores.
    pub cpu: u32,
    /// GPUs: what its time is counted as. Where there are GPUs, every node in a worker takes one, or a share of one.
    pub gpu: u32,
    /// Memory in MiB, which a node in a worker may not exceed; 0 where it does not matter.
    pub memory_mib: u64,
    /// Seconds that a node in a worker may take at one attempt; 0 sets no limit.
    pub timeout_s: u32,
    /// How often a node in a worker is tried again after it took too long or its worker died.
    pub retries: u32,
}

impl Default for Resources {
    fn default() -> Self {
        Self { cpu: 1, gpu: 0, memory_mib: 0, timeout_s: 0, retries: 0 }
    }
}
