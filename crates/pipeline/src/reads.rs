//! What the nodes of a growing step read.

use affekt_graph::{Input, NodeId, OutputRef, Source};

/// Port → what flows into it.
pub struct Reads(pub Vec<(String, Vec<Read>)>);

/// One thing that a node reads.
pub enum Read {
    /// Of a step that grows as its own does: what the node of the same fold or shard gives.
    Alike(Source),
    /// What is the same for all nodes.
    Common(Source),
}

impl Reads {
    /// Lists the nodes that are named.
    pub fn nodes(&self) -> Vec<NodeId> {
        let node = |read: &Read| match read {
            Read::Alike(source) | Read::Common(source) => source.node().clone(),
        };
        self.0.iter().flat_map(|(_, from)| from).map(node).collect()
    }

    /// Makes the inputs of one node, given how the node of its fold or shard is called in a step that grows alike.
    pub fn inputs(&self, alike: impl Fn(&NodeId) -> NodeId) -> Vec<Input> {
        let source = |read: &Read| match read {
            Read::Alike(Source::Output(OutputRef { node, output })) => Source::output(&alike(node), output),
            Read::Alike(Source::Grown { node, port }) => {
                Source::Grown { node: alike(node), port: port.clone() }
            }
            Read::Common(source) => source.clone(),
        };
        let input = |(port, from): &(String, Vec<Read>)| Input {
            port: port.clone(),
            from: from.iter().map(source).collect(),
        };
        self.0.iter().map(input).collect()
    }
}
