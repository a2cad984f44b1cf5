//! What a run cost, by op and by variant: as the records of its nodes say, which an earlier run may have made.

use std::collections::{BTreeMap, BTreeSet};

use affekt_graph::{NodeId, State, Walk};
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
    for (at, node) in walk.graph().nodes().iter().enumerate() {
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
    let leading: Vec<BTreeSet<usize>> = evaluates.iter().map(|evaluate| leading_to(walk, evaluate)).collect();
    let is_shared = |at: &usize| leading.iter().filter(|nodes| nodes.contains(at)).count() > 1;
    let of = |nodes: &mut dyn Iterator<Item = &usize>| nodes.map(|at| spent(walk, *at)).sum();
    let variants = leading.iter().map(|nodes| page::VariantCost {
        own: of(&mut nodes.iter().filter(|at| !is_shared(at))),
        shared: of(&mut nodes.iter().filter(|at| is_shared(at))),
    });
    let all: BTreeSet<usize> = leading.iter().flatten().copied().collect();
    page::VariantCosts {
        variants: variants.collect(),
        shared: of(&mut all.iter().filter(|at| is_shared(at))),
    }
}

/// A node and everything that it reads, however far back.
fn leading_to(walk: &Walk<'_>, node: &NodeId) -> BTreeSet<usize> {
    let graph = walk.graph();
    let mut open: Vec<usize> = graph.position(node).into_iter().collect();
    let mut leading = BTreeSet::new();
    while let Some(at) = open.pop() {
        if !leading.insert(at) {
            continue;
        }
        for source in graph.nodes()[at].inputs.iter().flat_map(|input| &input.from) {
            open.extend(graph.position(source.node()));
            let outputs = walk.outputs(source).unwrap_or_default();
            open.extend(outputs.iter().filter_map(|output| graph.position(&output.node)));
        }
    }
    leading
}

/// What one node cost. A growing node costs nothing and is not counted.
fn spent(walk: &Walk<'_>, at: usize) -> page::Spent {
    let State::Done { record: Some(record), .. } = &walk.states()[at] else { return page::Spent::default() };
    let resources = walk.graph().nodes()[at].resources;
    page::Spent {
        nodes: 1,
        seconds: record.seconds,
        core_seconds: record.seconds * f64::from(resources.cpu),
        gpu_seconds: record.seconds * f64::from(resources.gpu),
    }
}
