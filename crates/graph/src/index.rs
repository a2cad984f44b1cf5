//! Integers for nodes inside a graph, and tables by them.

use std::ops::{Index, IndexMut};

/// The number of a node in its graph: nodes are counted in the order they were added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIndex(u32);

impl NodeIndex {
    /// Converts a position among a graph's nodes.
    ///
    /// # Panics
    /// At more than 2³² nodes.
    pub(crate) fn new(position: usize) -> Self {
        Self(u32::try_from(position).expect("a graph has at most 2^32 nodes"))
    }

    pub(crate) const fn position(self) -> usize {
        self.0 as usize
    }
}

/// A value for every node of a graph.
#[derive(Debug, Clone)]
pub struct NodeMap<T>(Vec<T>);

impl<T> Default for NodeMap<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> NodeMap<T> {
    /// Returns for how many nodes there is a value.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Goes through all nodes and their values, in the order of the graph.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (NodeIndex, &T)> + ExactSizeIterator {
        self.0.iter().enumerate().map(|(at, value)| (NodeIndex::new(at), value))
    }

    /// Goes through all values, in the order of the graph.
    pub fn values(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// Goes through all nodes.
    pub fn indices(&self) -> impl DoubleEndedIterator<Item = NodeIndex> + ExactSizeIterator + use<T> {
        (0..self.0.len()).map(NodeIndex::new)
    }

    /// Adds the value of the next node, and returns which that is.
    pub(crate) fn push(&mut self, value: T) -> NodeIndex {
        self.0.push(value);
        NodeIndex::new(self.0.len() - 1)
    }

    pub(crate) fn values_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.0.iter_mut()
    }
}

impl<T: Default> NodeMap<T> {
    /// Adds default values until there are `len`.
    pub(crate) fn grow_to(&mut self, len: usize) {
        self.0.resize_with(len.max(self.0.len()), T::default);
    }
}

impl<T> Index<NodeIndex> for NodeMap<T> {
    type Output = T;

    fn index(&self, at: NodeIndex) -> &T {
        &self.0[at.position()]
    }
}

impl<T> IndexMut<NodeIndex> for NodeMap<T> {
    fn index_mut(&mut self, at: NodeIndex) -> &mut T {
        &mut self.0[at.position()]
    }
}
