//! What a recording goes through on its way to a network: read off the graph that the network was trained in.

use affekt_graph::{NodeIndex, Object, Source, Work};
use affekt_ops::audio::Audio;
use affekt_ops::exported::{Step, StepFile};
use affekt_ops::{Operation, Purpose};

use crate::context::Viewed;
use crate::exit::Stop;

/// A stored file that a step reads, and what it is called in the exported folder.
pub struct Read {
    pub object: Object,
    pub file: String,
}

/// The steps from recordings to what flows into port `features` of the node at `at`, and the files they read.
pub fn steps(viewed: &Viewed<'_>, at: NodeIndex) -> Result<(Vec<Step>, Vec<Read>), Stop> {
    let graph = viewed.walk.graph();
    let mut steps = Vec::new();
    let mut files = Vec::new();
    let mut next = source(viewed, at, "features");
    while let Some(at) = next {
        let node = &graph.nodes()[at];
        let Some(definition) = affekt_ops::find(&node.op) else { break };
        let Some((first, others)) = definition.inputs.split_first() else {
            let mut params = (*node.params).clone();
            if let Some(params) = params.as_object_mut() {
                params.remove("recordings");
            }
            steps.push(Step { op: node.op.clone(), version: node.version, params, files: Vec::new() });
            break;
        };
        next = source(viewed, at, first.name);
        // Noisy copies are for training: a recording goes by as it is.
        if definition.purpose == Purpose::Augment {
            continue;
        }
        let mut step = Step {
            op: node.op.clone(),
            version: node.version,
            params: (*node.params).clone(),
            files: vec![],
        };
        for port in others {
            let Some(read) = source(viewed, at, port.name) else { continue };
            let node_read = &graph.nodes()[read];
            let object = viewed.finished(read, &node_read.outputs[0]);
            let object = object.ok_or_else(|| {
                Stop::failed(format!(
                    "error: `{}` is gone from the store: run the experiment again",
                    node_read.id
                ))
            })?;
            let file = format!("{}.{}", node.op, port.name);
            let digest = Some(object.digest());
            step.files.push(StepFile { port: port.name.to_owned(), file: file.clone(), digest });
            files.push(Read { object, file });
        }
        steps.push(step);
    }
    steps.reverse();
    match steps.first() {
        Some(step) if step.op == Audio::NAME => Ok((steps, files)),
        _ => Err(Stop::failed(
            "error: what this network reads is not made from recordings here: it cannot be exported",
        )),
    }
}

/// The node whose output flows into a port; of one that grew, the first that it yielded.
fn source(viewed: &Viewed<'_>, at: NodeIndex, port: &str) -> Option<NodeIndex> {
    let graph = viewed.walk.graph();
    let input = graph.nodes()[at].inputs.iter().find(|input| input.port == port)?;
    let from = input.from.first()?;
    let at = graph.find(from.node())?;
    match (from, &graph.nodes()[at].work) {
        (Source::Grown { .. }, Work::Grow(_)) => viewed.walk.yielded(at)?.first().copied(),
        _ => Some(at),
    }
}
