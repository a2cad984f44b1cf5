//! Partitions of the data that must stay apart: no node at one may read, however indirectly, what was made at another.
//!
//! # Approach
//! Which partition a node belongs to is read off the axis that its rule [isolates](crate::Grow::isolates); which edges there are
//! is taken not from the rule but from the graph that came of it. Along those edges every node learns from which partitions
//! something reaches it: none, one, or several. That grows at most twice a node, so that every edge is looked at a few times,
//! however often the graph grows.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::graph::{Graph, GraphError};
use crate::id::NodeId;
use crate::index::{NodeIndex, NodeMap};

/// What is known of partitions in a growing graph.
#[derive(Default)]
pub struct Isolation {
    /// Partitions, as they are written: `fold=3`.
    names: Vec<String>,
    numbers: HashMap<String, usize>,
    /// The partition that each node belongs to, where it belongs to one.
    own: NodeMap<Option<usize>>,
    /// From which partitions something reaches each node.
    reached: NodeMap<Reach>,
    /// How many edges were looked at.
    pub visits: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Reach {
    #[default]
    Nothing,
    One(usize),
    Several,
}

impl Reach {
    fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, reach) | (reach, Self::Nothing) => reach,
            (one, other) if one == other => one,
            _ => Self::Several,
        }
    }
}

/// Which nodes a growing node yielded, and which node yielded another.
pub struct Yields<'y> {
    /// By the growing node.
    pub of: &'y dyn Fn(NodeIndex) -> &'y [NodeIndex],
    /// By the node that it yielded.
    pub by: &'y NodeMap<Option<NodeIndex>>,
}

impl Isolation {
    /// Takes note of the partition that a node belongs to.
    pub fn assign(&mut self, at: NodeIndex, partition: String) {
        let number = *self.numbers.entry(partition).or_insert_with_key(|name| {
            self.names.push(name.clone());
            self.names.len() - 1
        });
        self.own.grow_to(at.position() + 1);
        self.own[at] = Some(number);
    }

    /// Checks what was added to the graph since the last time.
    ///
    /// # Errors
    /// With the first node that reads what another partition's node made.
    pub fn check(&mut self, graph: &Graph, yields: &Yields<'_>) -> Result<(), GraphError> {
        let first = self.reached.len();
        let len = graph.nodes().len();
        self.own.grow_to(len);
        self.reached.grow_to(len);
        let mut open = Vec::new();
        for at in (first..len).map(NodeIndex::new) {
            if let Some(own) = self.own[at] {
                self.reached[at] = Reach::One(own);
            }
            let sources = graph.sources(at).iter().chain((yields.of)(at));
            for reach in sources.map(|source| self.reached[*source]).collect::<Vec<_>>() {
                self.visits += 1;
                self.reach(at, reach, (graph, yields))?;
            }
            if self.reached[at] != Reach::Nothing {
                open.push(at);
            }
        }
        while let Some(at) = open.pop() {
            let reach = self.reached[at];
            for reader in graph.readers(at).iter().copied().chain(yields.by[at]) {
                self.visits += 1;
                if self.reach(reader, reach, (graph, yields))? {
                    open.push(reader);
                }
            }
        }
        Ok(())
    }

    /// Takes note that something reaches a node. Returns whether that is new.
    fn reach(&mut self, at: NodeIndex, reach: Reach, of: (&Graph, &Yields<'_>)) -> Result<bool, GraphError> {
        let joined = self.reached[at].join(reach);
        if self.own[at].is_some_and(|own| joined != Reach::One(own)) {
            return self.trace(of.0, of.1).map(|()| false);
        }
        Ok(std::mem::replace(&mut self.reached[at], joined) != joined)
    }

    /// Complains of the first node that reads what another partition's node made, with the way that it takes.
    fn trace(&self, graph: &Graph, yields: &Yields<'_>) -> Result<(), GraphError> {
        let mut members: BTreeMap<&str, Vec<NodeIndex>> = BTreeMap::new();
        for (at, own) in self.own.iter() {
            if let Some(own) = own {
                members.entry(&self.names[*own]).or_default().push(at);
            }
        }
        for (partition, readers) in members {
            // Backwards from all readers at once; each node remembers who brought it up.
            let mut seen: HashSet<NodeIndex> = readers.iter().copied().collect();
            let mut reader_of: HashMap<NodeIndex, NodeIndex> = HashMap::new();
            let mut open = readers;
            while let Some(at) = open.pop() {
                let own = self.own[at].map(|own| self.names[own].as_str());
                if let Some(other) = own.filter(|other| *other != partition) {
                    let onwards = std::iter::successors(Some(at), |at| reader_of.get(at).copied());
                    let path: Vec<NodeId> = onwards.map(|at| graph.nodes()[at].id.clone()).collect();
                    return Err(GraphError::Mixed {
                        path,
                        made: other.to_owned(),
                        read: partition.to_owned(),
                    });
                }
                for source in graph.sources(at).iter().chain((yields.of)(at)) {
                    if seen.insert(*source) {
                        reader_of.insert(*source, at);
                        open.push(*source);
                    }
                }
            }
        }
        Ok(())
    }
}
