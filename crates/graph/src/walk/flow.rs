//! What flows into a node, followed as far as it is known.

use affekt_domain::Digest;

use super::{State, Walk};
use crate::index::NodeIndex;
use crate::node::Source;
use crate::ops::{Item, Port};

/// What flows into a node. It only ever becomes more: how far it was followed is kept, so that an input is looked at once
/// however many others are waited for.
#[derive(Default)]
pub(super) struct Flow {
    /// What flows into each port, growth followed to its last outputs.
    pub items: Vec<FlowItem>,
    /// Of how many sources the items are.
    followed: usize,
    /// The port of the next source, and its position there.
    next: (usize, usize),
    /// How many of the items are known by content.
    known: usize,
}

/// One output that flows into a port.
#[derive(Debug, Clone, Copy)]
pub(super) struct FlowItem {
    /// The position of the port among the reader's inputs.
    port: u32,
    pub output: OutputAt,
}

/// One output of one node.
#[derive(Debug, Clone, Copy)]
pub(super) struct OutputAt {
    pub node: NodeIndex,
    /// Its position among the node's outputs. Past the last where there is no such output, which nobody ever makes.
    pub output: u32,
}

impl Flow {
    /// Forgets what was known by content.
    pub fn forget(&mut self) {
        self.known = 0;
    }
}

impl Walk<'_> {
    /// Follows what flows into a node as far as it is known. Fails with the first node that has yet to grow, or to be done.
    pub(super) fn follow(&mut self, at: NodeIndex) -> Result<(), NodeIndex> {
        let mut flow = std::mem::take(&mut self.flows[at]);
        let ends = self.follow_further(at, &mut flow);
        self.flows[at] = flow;
        ends
    }

    fn follow_further(&mut self, at: NodeIndex, flow: &mut Flow) -> Result<(), NodeIndex> {
        loop {
            while let Some(item) = flow.items.get(flow.known) {
                self.visits += 1;
                if self.digest(item.output).is_none() {
                    return Err(item.output.node);
                }
                flow.known += 1;
            }
            let Some(node) = self.graph.sources(at).get(flow.followed) else { return Ok(()) };
            let inputs = &self.graph.nodes()[at].inputs;
            while flow.next.1 == inputs[flow.next.0].from.len() {
                flow.next = (flow.next.0 + 1, 0);
            }
            let (port, position) = flow.next;
            let mut outputs = Vec::new();
            self.visits += 1;
            self.outputs_into(*node, &inputs[port].from[position], &mut outputs)?;
            let item = |output| FlowItem { port: port as u32, output };
            flow.items.extend(outputs.into_iter().map(item));
            flow.followed += 1;
            flow.next.1 += 1;
        }
    }

    /// Whether all that flows into a node was followed, and so may be read off its flow.
    pub(super) fn is_followed(&self, at: NodeIndex) -> bool {
        self.flows[at].followed == self.graph.sources(at).len()
    }

    /// Lists the outputs that a source names. Fails with the first node that has yet to grow.
    pub(super) fn outputs_into(
        &self,
        node: NodeIndex,
        source: &Source,
        outputs: &mut Vec<OutputAt>,
    ) -> Result<(), NodeIndex> {
        match source {
            Source::Output(named) => {
                let names = &self.graph.nodes()[node].outputs;
                let output = names.iter().position(|name| *name == named.output).unwrap_or(names.len());
                outputs.push(OutputAt { node, output: output as u32 });
            }
            Source::Grown { port, .. } => {
                let grown = self.grown.get(&node).and_then(|grown| grown.ports.get(port)).ok_or(node)?;
                for (node, source) in grown {
                    self.outputs_into(*node, source, outputs)?;
                }
            }
        }
        Ok(())
    }

    /// Returns the outputs that a source names, growth followed to its last outputs: each with its node. `None` where some
    /// node has yet to grow.
    #[must_use]
    pub fn outputs(&self, source: &Source) -> Option<Vec<(NodeIndex, &str)>> {
        let mut outputs = Vec::new();
        self.outputs_into(self.graph.find(source.node())?, source, &mut outputs).ok()?;
        let named = |of: OutputAt| Some((of.node, self.output_name(of)?));
        outputs.into_iter().map(named).collect()
    }

    /// Returns the nodes whose outputs flow into a node, growth followed to its last outputs, as far as that is known.
    pub fn flows_from(&self, at: NodeIndex) -> impl Iterator<Item = NodeIndex> {
        self.flows[at].items.iter().map(|item| item.output.node)
    }

    fn output_name(&self, of: OutputAt) -> Option<&str> {
        self.graph.nodes()[of.node].outputs.get(of.output as usize).map(String::as_str)
    }

    /// The content of an output, where it is known.
    pub(super) fn digest(&self, of: OutputAt) -> Option<Digest> {
        let record = match &self.states[of.node] {
            State::Done { record: Some(record), .. } => record,
            // A result that only has to be brought back: its content is known, and so are the keys below.
            State::Ready { key, .. } | State::Running { key } => {
                self.stale.get(&of.node).filter(|record| *key == Some(record.key))?
            }
            _ => return None,
        };
        Some(record.output(self.output_name(of)?)?.digest)
    }

    /// What flows into each port of a node, by content; `None` where some of it is not known.
    pub(super) fn digests(&self, at: NodeIndex) -> Option<Vec<Vec<Digest>>> {
        if !self.is_followed(at) {
            return None;
        }
        let mut ports = vec![Vec::new(); self.graph.nodes()[at].inputs.len()];
        for item in &self.flows[at].items {
            ports[item.port as usize].push(self.digest(item.output)?);
        }
        Some(ports)
    }

    /// Returns what flows into a node, as its op gets it; `None` where some of it is not known.
    #[must_use]
    pub fn ports(&self, at: NodeIndex) -> Option<Vec<Port>> {
        let item = |digest| Item { digest, path: self.store.object_path(digest) };
        let ports = self.graph.nodes()[at].inputs.iter().zip(self.digests(at)?);
        let ports = ports.map(|(input, digests)| Port {
            name: input.port.clone(),
            items: digests.into_iter().map(item).collect(),
        });
        Some(ports.collect())
    }
}
