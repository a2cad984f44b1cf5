//! Nodes before they have names.
//!
//! Each variant is drafted by itself; a draft equal to one that is already there is that one. Only when all
//! variants are drafted is it known which nodes are common (`audio`) and which belong to some
//! (`train[variant=published,fold=1,seed=1]`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;

use affekt_graph::{AxisValue, Graph, GraphError, Input, Node, NodeId, OutputRef, Resources, Source, Work};
use affekt_ops::{Definition, Params};

use crate::axes;
use crate::folds::PerFold;
use crate::reads::{Read, Reads};
use crate::shards::PerShard;
use crate::tuning::{self, Search};

/// A node whose inputs are other drafts.
pub struct Draft {
    pub name: String,
    pub axes: Vec<(&'static str, AxisValue)>,
    /// The node, but for its name and inputs.
    pub node: Node,
    pub inputs: Ports,
    /// Set where this is not one node.
    pub grows: Option<Grows>,
}

/// How a draft becomes many nodes: by which rule, and what that looks at.
pub struct Grows {
    pub rule: Rule,
    pub looks_at: Ports,
}

/// One node a what.
pub enum Rule {
    PerShard(Arc<dyn Params>),
    PerFold {
        /// The folds, where the protocol alone says which there are.
        numbers: Option<Vec<u32>>,
        /// The parameters, where those of a fold's node depend on the fold.
        params: Option<Arc<dyn Params>>,
        /// Where each fold's node grows in turn: what is searched for there, by trials such as the draft's node.
        search: Option<Arc<Search>>,
    },
}

/// Port → what flows into it.
pub type Ports = Vec<(String, Vec<DraftOutput>)>;

/// One output of a draft.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
    /// Adds a draft for a variant, unless there is an equal one, and returns its number.
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

    /// Makes the graph, and returns the id of each draft's node.
    ///
    /// # Errors
    /// When the drafts make no graph.
    pub fn name(self, variants: &[String]) -> Result<(Graph, Vec<NodeId>), GraphError> {
        let ids: Vec<NodeId> = self
            .drafts
            .iter()
            .map(|(draft, used_by)| {
                let mut axes = Vec::new();
                if used_by.len() < variants.len() {
                    let users = used_by.iter().map(|variant| variants[*variant].as_str());
                    axes.push((axes::VARIANT, AxisValue::Name(together(&users.collect::<Vec<_>>()))));
                }
                axes.extend(draft.is_per_fold().then_some((axes::FOLD, AxisValue::Every)));
                axes.extend(draft.axes.iter().cloned());
                NodeId::new(&draft.name, axes)
            })
            .collect();
        let grows: Vec<bool> = self.drafts.iter().map(|(draft, _)| draft.grows.is_some()).collect();
        let rules: Vec<_> = self.drafts.iter().map(|(draft, _)| draft.rule()).collect();
        let output = |of: &DraftOutput| OutputRef { node: ids[of.draft].clone(), output: of.output.clone() };
        let source = |of: &DraftOutput| match grows[of.draft] {
            true => Source::Grown { node: ids[of.draft].clone(), port: of.output.clone() },
            false => Source::Output(output(of)),
        };
        let searches: Vec<bool> = self.drafts.iter().map(|(draft, _)| draft.is_search()).collect();
        // What a step of the same rule gives for the same fold or shard.
        let alike = |of: &DraftOutput| match searches[of.draft] {
            true => source(of),
            false => Source::Output(output(of)),
        };
        let mut nodes = Vec::with_capacity(self.drafts.len());
        for (number, (draft, _)) in self.drafts.into_iter().enumerate() {
            let id = &ids[number];
            let read = |of: &DraftOutput| match rules[of.draft] == rules[number] {
                true => Read::Alike(alike(of)),
                false => Read::Common(source(of)),
            };
            let mut node = draft.node;
            node.id = id.clone();
            let looks_at = draft.grows.as_ref().map_or(&draft.inputs, |grows| &grows.looks_at);
            node.inputs = each(looks_at, source).map(|(port, from)| Input { port, from }).collect();
            if let Some(Grows { rule, .. }) = draft.grows {
                let template = node.clone();
                let reads = Reads(each(&draft.inputs, read).collect());
                if searches[number] {
                    node.op = tuning::TUNE.to_owned();
                    node.outputs = tuning::OUTPUTS.map(str::to_owned).to_vec();
                }
                node.work = Work::Grow(match rule {
                    Rule::PerShard(params) => Arc::new(PerShard { params, template, reads }),
                    Rule::PerFold { numbers, params, search } => {
                        Arc::new(PerFold { numbers, template, params, search, reads })
                    }
                });
            }
            nodes.push(node);
        }
        Ok((Graph::new(nodes)?, ids))
    }
}

impl Draft {
    fn is_per_fold(&self) -> bool {
        self.grows.as_ref().is_some_and(|grows| matches!(grows.rule, Rule::PerFold { .. }))
    }

    fn is_search(&self) -> bool {
        self.grows.as_ref().is_some_and(|grows| matches!(grows.rule, Rule::PerFold { search: Some(_), .. }))
    }

    /// Which rule it grows by.
    fn rule(&self) -> Option<Discriminant<Rule>> {
        self.grows.as_ref().map(|grows| discriminant(&grows.rule))
    }
}

/// What flows into each port, as `of` names it.
fn each<T>(ports: &Ports, of: impl Fn(&DraftOutput) -> T) -> impl Iterator<Item = (String, Vec<T>)> {
    ports.iter().map(move |(port, from)| (port.clone(), from.iter().map(&of).collect()))
}

fn signature(draft: &Draft) -> String {
    let node = &draft.node;
    let grows = draft.grows.as_ref().map(|Grows { rule, looks_at }| match rule {
        Rule::PerShard(_) => format!("once a shard of {looks_at:?}"),
        Rule::PerFold { numbers, search, .. } => {
            format!("once a fold of {numbers:?} {looks_at:?} {search:?}")
        }
    });
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
        grows
    )
}

/// Makes a node of an op, which has no parameters yet, reads nothing and runs on one core.
pub fn plain_node(definition: &'static Definition, name: &str) -> Node {
    Node {
        id: NodeId::from(name),
        work: if definition.source { Work::Source } else { Work::Op },
        op: definition.name.to_owned(),
        version: definition.version,
        params: Arc::default(),
        steps: None,
        inputs: Vec::new(),
        outputs: definition.outputs.iter().map(|output| output.name.to_owned()).collect(),
        seed: None,
        numerics: BTreeMap::new(),
        place: definition.place,
        resources: Resources::default(),
        reproducible: true,
    }
}

/// How many variants a name spells out.
const SPELT_OUT: usize = 3;

/// `a+b`; of many the first and how many more, which is no other node's name: a variant uses one node of a kind.
fn together(variants: &[&str]) -> String {
    match variants {
        [first, rest @ ..] if rest.len() >= SPELT_OUT => format!("{first}+{}", rest.len()),
        few => few.join("+"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_many_variants_stay_short() {
        assert_eq!(together(&["a", "b", "c"]), "a+b+c");
        assert_eq!(together(&["a", "b", "c", "d"]), "a+3");
    }
}
