//! What a run cost, by op and by variant: as the records of its nodes say, which an earlier run may have made.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use affekt_graph::{NodeId, NodeIndex, State, Walk};
use affekt_report as page;

use crate::progress::Summary;

/// What each op cost: in this run, and in all.
pub fn by_op(walk: &Walk<'_>, summary: &Summary) -> Vec<page::Cost> {
    let mut costs: BTreeMap<&str, page::Cost> = BTreeMap::new();
    for (op, (run, cached, seconds)) in &summary.by_op {
        let cost = page::Cost {
            op: op.clone(),
            run: *run,
            cached: *cached,
            seconds: *seconds,
            ..Default::default()
        };
        costs.insert(op, cost);
    }
    for (at, node) in walk.graph().nodes().iter() {
        let Some(cost) = costs.get_mut(node.op.as_str()) else { continue };
        let spent = spent(walk, at);
        cost.all_seconds += spent.seconds;
        cost.core_seconds += spent.core_seconds;
        cost.gpu_seconds += spent.gpu_seconds;
    }
    let mut costs: Vec<page::Cost> = costs.into_values().collect();
    costs.sort_by_key(|cost| affekt_ops::ALL.iter().position(|definition| definition.name == cost.op));
    costs
}

/// What led to the figures of each variant, which are its `evaluate` node's.
pub fn by_variant(walk: &Walk<'_>, evaluates: &[&NodeId]) -> page::VariantCosts {
    let leading: Vec<BTreeSet<NodeIndex>> =
        evaluates.iter().map(|evaluate| leading_to(walk, evaluate)).collect();
    let mut variants_of: HashMap<NodeIndex, usize> = HashMap::new();
    for at in leading.iter().flatten() {
        *variants_of.entry(*at).or_default() += 1;
    }
    let is_shared = |at: &NodeIndex| variants_of[at] > 1;
    let of = |nodes: &mut dyn Iterator<Item = &NodeIndex>| nodes.map(|at| spent(walk, *at)).sum();
    let variants = leading.iter().map(|nodes| page::VariantCost {
        own: of(&mut nodes.iter().filter(|at| !is_shared(at))),
        shared: of(&mut nodes.iter().filter(|at| is_shared(at))),
    });
    let variants = variants.collect();
    let mut shared: Vec<NodeIndex> = variants_of.keys().copied().filter(is_shared).collect();
    shared.sort();
    page::VariantCosts { variants, shared: of(&mut shared.iter()) }
}

/// A node and everything that it reads, however far back.
fn leading_to(walk: &Walk<'_>, node: &NodeId) -> BTreeSet<NodeIndex> {
    let graph = walk.graph();
    let mut open: Vec<NodeIndex> = graph.find(node).into_iter().collect();
    let mut leading = BTreeSet::new();
    while let Some(at) = open.pop() {
        if leading.insert(at) {
            open.extend(graph.sources(at).iter().copied().chain(walk.flows_from(at)));
        }
    }
    leading
}

/// What one node cost. A growing node costs nothing and is not counted.
fn spent(walk: &Walk<'_>, at: NodeIndex) -> page::Spent {
    let State::Done { record: Some(record), .. } = &walk.states()[at] else { return page::Spent::default() };
    let resources = walk.graph().nodes()[at].resources;
    page::Spent {
        nodes: 1,
        seconds: record.seconds,
        core_seconds: record.seconds * f64::from(resources.cpu),
        gpu_seconds: record.seconds * f64::from(resources.gpu),
    }
}
