//! Parts of the data that must stay apart: no node about one may read, however indirectly, what was made from another.
//!
//! What a node is about is said by the rule that yielded it ([`crate::Grow::about`]). Which wires there are is not taken from
//! the rule but from the graph that came of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::node::{Graph, GraphError, Growth, NodeId};

/// Complains of the first node that reads what another part's node made. `about` says which nodes, by position, are about
/// what; `grown` what growing ones yielded.
pub fn check(
    graph: &Graph,
    grown: &HashMap<usize, Growth>,
    about: &BTreeMap<usize, String>,
) -> Result<(), GraphError> {
    let mut parts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, part) in about {
        parts.entry(part).or_default().push(*at);
    }
    for (part, readers) in parts {
        // Backwards from all readers at once; each node remembers who brought it up.
        let mut seen: HashSet<usize> = readers.iter().copied().collect();
        let mut reader_of: HashMap<usize, usize> = HashMap::new();
        let mut open = readers;
        while let Some(at) = open.pop() {
            if let Some(other) = about.get(&at).filter(|other| *other != part) {
                let mut path = vec![at];
                path.extend(std::iter::successors(reader_of.get(&at), |at| reader_of.get(at)));
                let path: Vec<NodeId> = path.into_iter().map(|at| graph.nodes()[at].id.clone()).collect();
                return Err(GraphError::Mixed { path, made: other.clone(), read: part.to_owned() });
            }
            let inputs = graph.nodes()[at].inputs.iter().flat_map(|input| &input.from);
            let sources = inputs.map(|source| source.node());
            let fruits = grown.get(&at).into_iter().flat_map(|growth| &growth.nodes).map(|node| &node.id);
            for source in sources.chain(fruits).filter_map(|id| graph.position(id)) {
                if seen.insert(source) {
                    reader_of.insert(source, at);
                    open.push(source);
                }
            }
        }
    }
    Ok(())
}
