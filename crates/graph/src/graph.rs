//! Nodes and the edges between them.

use std::collections::HashMap;

use crate::id::NodeId;
use crate::index::{NodeIndex, NodeMap};
use crate::node::{Node, Source};

/// Nodes, whose edges can be followed both ways.
#[derive(Default, Clone)]
pub struct Graph {
    nodes: NodeMap<Node>,
    by_id: HashMap<NodeId, NodeIndex>,
    /// What each node reads from: one entry for every source of its inputs, in their order.
    sources: NodeMap<Vec<NodeIndex>>,
    /// Who reads from each node, each once.
    readers: NodeMap<Vec<NodeIndex>>,
}

/// The nodes do not make a graph.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// Two nodes have one id.
    #[error("two nodes are called `{0}`")]
    Duplicate(NodeId),
    /// An input, or what a growing node gives to others, names no node.
    #[error("node `{node}` reads from `{missing}`, which does not exist")]
    Missing {
        /// The reader.
        node: NodeId,
        /// The id it uses.
        missing: NodeId,
    },
    /// Nodes wait for each other.
    #[error("nodes wait for each other: {}", list(.0))]
    Cycle(Vec<NodeId>),
    /// A node reads what was made from a partition of the data that it must not know.
    #[error("what is made for {made} reaches {read}: {}", list(.path))]
    Mixed {
        /// From the node that made it to the one that must not have it.
        path: Vec<NodeId>,
        /// The partition of the first.
        made: String,
        /// The partition of the last.
        read: String,
    },
}

impl Graph {
    /// Makes a graph of these nodes.
    ///
    /// # Errors
    /// When two have one id, read from nodes that do not exist, or wait for each other.
    pub fn new(nodes: Vec<Node>) -> Result<Self, GraphError> {
        let mut graph = Self::default();
        graph.add(nodes)?;
        Ok(graph)
    }

    /// Adds nodes, which may read from each other and from those already there. Looks at the new nodes alone: those that are
    /// there read nothing new, so that no cycle leads through them.
    ///
    /// # Errors
    /// As for [`Graph::new`]; the graph is then unchanged.
    pub fn add(&mut self, nodes: Vec<Node>) -> Result<(), GraphError> {
        let first = self.nodes.len();
        let mut new: HashMap<&NodeId, NodeIndex> = HashMap::with_capacity(nodes.len());
        for (offset, node) in nodes.iter().enumerate() {
            let is_taken = self.by_id.contains_key(&node.id);
            if is_taken || new.insert(&node.id, NodeIndex::new(first + offset)).is_some() {
                return Err(GraphError::Duplicate(node.id.clone()));
            }
        }
        let mut sources = Vec::with_capacity(nodes.len());
        for node in &nodes {
            let index = |source: &Source| {
                let id = source.node();
                let known = new.get(id).or_else(|| self.by_id.get(id)).copied();
                known.ok_or_else(|| GraphError::Missing { node: node.id.clone(), missing: id.clone() })
            };
            let from = node.inputs.iter().flat_map(|input| &input.from);
            sources.push(from.map(index).collect::<Result<Vec<NodeIndex>, _>>()?);
        }
        if let Some(cycle) = cycle(&sources, first) {
            return Err(GraphError::Cycle(
                cycle.into_iter().map(|at| nodes[at - first].id.clone()).collect(),
            ));
        }
        self.readers.grow_to(first + nodes.len());
        for (node, from) in nodes.into_iter().zip(sources) {
            let at = NodeIndex::new(self.nodes.len());
            for source in &from {
                let readers = &mut self.readers[*source];
                // A node that reads several times from one adds itself in one go.
                if readers.last() != Some(&at) {
                    readers.push(at);
                }
            }
            self.by_id.insert(node.id.clone(), at);
            self.nodes.push(node);
            self.sources.push(from);
        }
        Ok(())
    }

    /// Returns all nodes, in the order they were added.
    #[must_use]
    pub fn nodes(&self) -> &NodeMap<Node> {
        &self.nodes
    }

    /// Returns the node with an id, given itself or as it is written.
    #[must_use]
    pub fn find(&self, id: &(impl AsRef<str> + ?Sized)) -> Option<NodeIndex> {
        self.by_id.get(id.as_ref()).copied()
    }

    /// Returns what a node reads from: one entry for every source of its inputs, in their order.
    #[must_use]
    pub fn sources(&self, at: NodeIndex) -> &[NodeIndex] {
        &self.sources[at]
    }

    /// Returns who reads from a node.
    #[must_use]
    pub fn readers(&self, at: NodeIndex) -> &[NodeIndex] {
        &self.readers[at]
    }
}

/// Finds a cycle among nodes that are counted from `first`, given what each reads from; in the order in which they wait.
fn cycle(sources: &[Vec<NodeIndex>], first: usize) -> Option<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Closed,
    }
    let mut marks = vec![Mark::New; sources.len()];
    for start in 0..sources.len() {
        if marks[start] != Mark::New {
            continue;
        }
        marks[start] = Mark::Open;
        // Depth-first with an explicit stack (a node, and how many of its sources are still to be looked at): graphs may be
        // deeper than the thread's stack.
        let mut path = vec![(start, sources[start].len())];
        while let Some((at, left)) = path.last_mut() {
            if *left == 0 {
                marks[*at] = Mark::Closed;
                path.pop();
                continue;
            }
            *left -= 1;
            let Some(next) = sources[*at][*left].position().checked_sub(first) else { continue };
            match marks[next] {
                Mark::Closed => {}
                Mark::New => {
                    marks[next] = Mark::Open;
                    path.push((next, sources[next].len()));
                }
                Mark::Open => {
                    let from = path.iter().position(|(node, _)| *node == next).unwrap_or(0);
                    let mut cycle: Vec<usize> =
                        path[from..].iter().rev().map(|(node, _)| first + node).collect();
                    cycle.push(cycle[0]);
                    return Some(cycle);
                }
            }
        }
    }
    None
}

fn list(ids: &[NodeId]) -> String {
    ids.iter().map(NodeId::as_str).collect::<Vec<_>>().join(" → ")
}
