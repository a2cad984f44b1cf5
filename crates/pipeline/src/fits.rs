//! What is fitted, and on which rows.
//!
//! Which ports fit is read off the ops' definitions: one that takes rows and refuses those of role test, or takes them only by
//! permission, has something learn from them, be it weights, means or the number of an epoch. A port that takes test rows as
//! freely as others predicts them.

use affekt_domain::Role;
use affekt_graph::{Node, NodeId, NodeIndex, Walk};
use affekt_ops::{InputPort, Kind};
use affekt_spec::protocol::Permission;

/// A node that fits something.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The node.
    pub node: NodeId,
    /// Its op.
    pub op: String,
    /// What it learns from.
    pub on: Vec<FittedOn>,
}

/// Rows that flow into a port that fits.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedOn {
    /// The port.
    pub port: &'static str,
    /// The role of the rows.
    pub role: Role,
    /// Their fold.
    pub fold: u32,
    /// The node that made the folds.
    pub folds: NodeId,
    /// What it takes for test rows to flow in here; where it is none, nothing permits them.
    pub needed_for_test_rows: Option<Permission>,
}

/// Lists the nodes of a graph that fit something, in its order. What has not grown yet is not among them.
#[must_use]
pub fn fits(walk: &Walk<'_>) -> Vec<Fit> {
    let fit = |node: &Node| {
        let on = fitted_on(node, walk);
        (!on.is_empty()).then(|| Fit { node: node.id.clone(), op: node.op.clone(), on })
    };
    walk.order().into_iter().filter_map(|at| fit(&walk.graph().nodes()[at])).collect()
}

fn fitted_on(node: &Node, walk: &Walk<'_>) -> Vec<FittedOn> {
    let Some(definition) = affekt_ops::find(&node.op) else { return Vec::new() };
    let mut on = Vec::new();
    for input in &node.inputs {
        let port = definition.inputs.iter().find(|port| port.name == input.port);
        let Some(port) = port.filter(|port| learns(port)) else { continue };
        // What has not grown yet is not there.
        let outputs = input.from.iter().flat_map(|source| walk.outputs(source).unwrap_or_default());
        let rows = outputs.filter_map(|(node, output)| rows(node, output, walk));
        on.extend(rows.map(|(role, fold, folds)| FittedOn {
            port: port.name,
            role,
            fold,
            folds,
            needed_for_test_rows: port.test_rows,
        }));
    }
    on
}

fn learns(port: &InputPort) -> bool {
    let takes = |role: Role| port.kinds.contains(&Kind::Rows(role));
    Role::ALL.into_iter().any(takes) && (!takes(Role::Test) || port.test_rows.is_some())
}

/// The role of the rows, their fold, and the node that made the folds.
fn rows(node: NodeIndex, output: &str, walk: &Walk<'_>) -> Option<(Role, u32, NodeId)> {
    let split = &walk.graph().nodes()[node];
    let outputs = affekt_ops::find(&split.op)?.outputs;
    let Kind::Rows(role) = outputs.iter().find(|known| known.name == output)?.kind else {
        return None;
    };
    let (_, params) = affekt_ops::of_node(split)?;
    let fold = params.facts().fold?;
    let folds = split.inputs.iter().find(|input| input.port == "folds")?.from.first()?;
    Some((role, fold, folds.node().clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_that_learns_is_seen_and_none_that_predicts() {
        let mut learning = Vec::new();
        for op in affekt_ops::ALL {
            let ports = op.inputs.iter().filter(|port| learns(port));
            learning.extend(ports.map(|port| (op.name, port.name)));
        }
        for known in [
            ("standardise", "train"),
            ("standardise", "enrol"),
            ("train", "train"),
            ("train", "dev"),
            ("evaluate", "train"),
        ] {
            assert!(learning.contains(&known), "{known:?} is not among {learning:?}");
        }
        assert!(learning.iter().all(|(op, _)| *op != "predict"), "{learning:?}");
    }
}
