//! Nodes and the graph they make.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::store::Object;

/// The name of a node: `train[fold=1,seed=2]`. Never part of a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(String);

impl NodeId {
    /// `name` alone, or `name[axis=value,…]`.
    #[must_use]
    pub fn new(name: &str, axes: &[(&str, String)]) -> Self {
        if axes.is_empty() {
            return Self(name.to_owned());
        }
        let axes: Vec<_> = axes.iter().map(|(axis, value)| format!("{axis}={value}")).collect();
        Self(format!("{name}[{}]", axes.join(",")))
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the bracket.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split('[').next().unwrap_or(&self.0)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for NodeId {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

/// One step: an op with its parameters, wired to its inputs.
#[derive(Clone)]
pub struct Node {
    /// Its name.
    pub id: NodeId,
    /// What kind of step this is.
    pub work: Work,
    /// The op's name.
    pub op: String,
    /// The op's version: raised whenever its results change for the same inputs.
    pub version: u32,
    /// Every parameter, defaults filled in.
    pub params: serde_json::Value,
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
    /// The nodes for these inputs (one list a port). The same inputs must give the same nodes.
    ///
    /// # Errors
    /// In words for a person, when the inputs are damaged or make no sense.
    fn grow(&self, inputs: &[Vec<Object>]) -> Result<Growth, crate::Failure>;

    /// Whether it may yield a node of this name, in full or without the bracket.
    fn may_yield(&self, name: &str) -> bool;

    /// What its nodes will read from: whoever needs them needs that too. A growing node stands for what it yields.
    fn reads(&self) -> Vec<NodeId>;

    /// Which of several parts of the data a node that it yielded is about, in the words of the node's name (`fold=3`). Nodes
    /// about different parts must not reach each other: a graph in which they do is refused.
    fn about(&self, _node: &NodeId) -> Option<String> {
        None
    }
}

/// What a growing node yields.
#[derive(Default, Clone)]
pub struct Growth {
    /// New nodes, growing ones among them.
    pub nodes: Vec<Node>,
    /// What consumers of the growing node get, by the name they ask for, in order.
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
    /// What others read of it under the name of an output: where it grows, that of all that it yields.
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
    /// The output called `output` of `node`.
    #[must_use]
    pub fn output(node: &NodeId, output: &str) -> Self {
        Self::Output(OutputRef { node: node.clone(), output: output.to_owned() })
    }

    /// The node it names.
    #[must_use]
    pub fn node(&self) -> &NodeId {
        match self {
            Self::Output(output) => &output.node,
            Self::Grown { node, .. } => node,
        }
    }
}

/// Where a node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In the runner, on a thread.
    Runner,
    /// In a worker process.
    Worker,
}

/// What a node occupies while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Processor cores.
    pub cpu: u32,
    /// GPUs.
    pub gpu: u32,
    /// Memory in MiB; 0 where it does not matter.
    pub memory_mib: u64,
}

impl Default for Resources {
    fn default() -> Self {
        Self { cpu: 1, gpu: 0, memory_mib: 0 }
    }
}

/// Nodes by name.
#[derive(Default, Clone)]
pub struct Graph {
    nodes: Vec<Node>,
    index: HashMap<NodeId, usize>,
}

/// The nodes do not make a graph.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// Two nodes have one name.
    #[error("two nodes are called `{0}`")]
    Duplicate(NodeId),
    /// An input names no node.
    #[error("node `{node}` reads from `{missing}`, which does not exist")]
    Missing {
        /// The reader.
        node: NodeId,
        /// The name it uses.
        missing: NodeId,
    },
    /// Nodes wait for each other.
    #[error("nodes wait for each other: {}", .0.iter().map(NodeId::as_str).collect::<Vec<_>>().join(" → "))]
    Cycle(Vec<NodeId>),
    /// A node reads what was made from a part of the data that it must not know.
    #[error("what is made for {made} reaches {read}: {}", .path.iter().map(NodeId::as_str).collect::<Vec<_>>().join(" → "))]
    Mixed {
        /// From the node that made it to the one that must not have it.
        path: Vec<NodeId>,
        /// What the first is about.
        made: String,
        /// What the last is about.
        read: String,
    },
}

impl Graph {
    /// A graph of these nodes.
    ///
    /// # Errors
    /// When names clash or lead nowhere, or nodes wait for each other.
    pub fn new(nodes: Vec<Node>) -> Result<Self, GraphError> {
        let mut graph = Self::default();
        graph.add(nodes)?;
        Ok(graph)
    }

    /// Adds nodes, which may read from each other and from those already there.
    ///
    /// # Errors
    /// As for [`Graph::new`]; the graph is then unchanged.
    pub fn add(&mut self, nodes: Vec<Node>) -> Result<(), GraphError> {
        let mut grown = self.clone();
        for node in nodes {
            let id = node.id.clone();
            if grown.index.insert(id.clone(), grown.nodes.len()).is_some() {
                return Err(GraphError::Duplicate(id));
            }
            grown.nodes.push(node);
        }
        for node in &grown.nodes[self.nodes.len()..] {
            for source in node.inputs.iter().flat_map(|input| &input.from) {
                if !grown.index.contains_key(source.node()) {
                    return Err(GraphError::Missing {
                        node: node.id.clone(),
                        missing: source.node().clone(),
                    });
                }
            }
        }
        grown.refuse_cycles()?;
        *self = grown;
        Ok(())
    }

    /// All nodes, in the order they were added.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The position of a node.
    #[must_use]
    pub fn position(&self, id: &NodeId) -> Option<usize> {
        self.index.get(id).copied()
    }

    fn refuse_cycles(&self) -> Result<(), GraphError> {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Open,
            Closed,
        }
        let mut marks = vec![Mark::New; self.nodes.len()];
        for start in 0..self.nodes.len() {
            // Depth-first with an explicit stack: graphs may be deeper than the thread's stack.
            let mut path = vec![(start, self.sources(start))];
            if marks[start] != Mark::New {
                continue;
            }
            marks[start] = Mark::Open;
            while let Some((at, sources)) = path.last_mut() {
                let Some(next) = sources.pop() else {
                    marks[*at] = Mark::Closed;
                    path.pop();
                    continue;
                };
                match marks[next] {
                    Mark::Closed => {}
                    Mark::New => {
                        marks[next] = Mark::Open;
                        let sources = self.sources(next);
                        path.push((next, sources));
                    }
                    Mark::Open => {
                        let from = path.iter().position(|(node, _)| *node == next).unwrap_or(0);
                        let mut cycle: Vec<_> =
                            path[from..].iter().rev().map(|(node, _)| self.nodes[*node].id.clone()).collect();
                        cycle.push(cycle[0].clone());
                        return Err(GraphError::Cycle(cycle));
                    }
                }
            }
        }
        Ok(())
    }

    fn sources(&self, node: usize) -> Vec<usize> {
        let from = self.nodes[node].inputs.iter().flat_map(|input| &input.from);
        from.filter_map(|source| self.position(source.node())).collect()
    }
}
