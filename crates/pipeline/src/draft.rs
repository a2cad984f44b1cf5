//! Nodes before they have names.
//!
//! Each variant is drafted by itself; a draft equal to one that is already there is that one. Only when all
//! variants are drafted is it known which nodes are common (`audio`) and which belong to some
//! (`train[variant=published,fold=1,seed=1]`).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use affekt_graph::{Graph, GraphError, Input, Node, NodeId, OutputRef, Source, Work};
use affekt_ops::Definition;

use crate::shards::PerShard;

/// A node whose inputs are other drafts.
pub struct Draft {
    pub name: String,
    pub axes: Vec<(&'static str, String)>,
    /// The node, but for its name and inputs.
    pub node: Node,
    pub inputs: Ports,
    /// Set where the node runs once a shard: its op, and the ports that it reads shard by shard.
    pub sharded: Option<Sharded>,
}

/// What a draft that runs once a shard becomes.
pub struct Sharded {
    pub definition: &'static Definition,
    pub upstream: Ports,
}

/// Port → what flows into it.
pub type Ports = Vec<(String, Vec<DraftOutput>)>;

/// One output of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftOutput {
    pub draft: usize,
    pub output: String,
}

/// All drafts of an experiment.
#[derive(Default)]
pub struct Drafts {
    drafts: Vec<(Draft, BTreeSet<usize>)>,
    known: HashMap<String, usize>,
}

impl Drafts {
    /// Adds a draft for a variant, unless there is an equal one. Returns its number.
    pub fn add(&mut self, variant: usize, draft: Draft) -> usize {
        let signature = signature(&draft);
        let next = self.drafts.len();
        let number = *self.known.entry(signature).or_insert(next);
        if number == next {
            self.drafts.push((draft, BTreeSet::new()));
        }
        self.drafts[number].1.insert(variant);
        number
    }

    /// The graph, and the name of each draft's node.
    pub fn name(self, variants: &[String]) -> Result<(Graph, Vec<NodeId>), GraphError> {
        let ids: Vec<NodeId> = self
            .drafts
            .iter()
            .map(|(draft, used_by)| {
                let mut axes = Vec::new();
                if used_by.len() < variants.len() {
                    let users: Vec<&str> =
                        used_by.iter().map(|variant| variants[*variant].as_str()).collect();
                    axes.push(("variant", users.join("+")));
                }
                axes.extend(draft.axes.iter().cloned());
                NodeId::new(&draft.name, &axes)
            })
            .collect();
        let sharded: Vec<bool> = self.drafts.iter().map(|(draft, _)| draft.sharded.is_some()).collect();
        let output = |of: &DraftOutput| OutputRef { node: ids[of.draft].clone(), output: of.output.clone() };
        let source = |of: &DraftOutput| match sharded[of.draft] {
            true => Source::Grown { node: ids[of.draft].clone(), port: of.output.clone() },
            false => Source::Output(output(of)),
        };
        let mut nodes = Vec::with_capacity(self.drafts.len());
        for ((draft, _), id) in self.drafts.into_iter().zip(&ids) {
            let mut node = draft.node;
            node.id = id.clone();
            node.inputs = draft
                .inputs
                .into_iter()
                .map(|(port, from)| Input { port, from: from.iter().map(&source).collect() })
                .collect();
            if let Some(Sharded { definition, upstream }) = draft.sharded {
                let upstream =
                    upstream.into_iter().map(|(port, from)| (port, from.iter().map(&output).collect()));
                let upstream = upstream.collect();
                node.work = Work::Grow(Arc::new(PerShard { definition, template: node.clone(), upstream }));
            }
            nodes.push(node);
        }
        Ok((Graph::new(nodes)?, ids))
    }
}

fn signature(draft: &Draft) -> String {
    let node = &draft.node;
    let upstream = draft.sharded.as_ref().map(|sharded| &sharded.upstream);
    format!(
        "{} {:?} {} {} {} {:?} {:?} {:?} {:?} {:?}",
        draft.name,
        draft.axes,
        node.op,
        node.version,
        node.params,
        node.seed,
        node.numerics,
        node.resources,
        draft.inputs,
        upstream
    )
}
