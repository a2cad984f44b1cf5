//! `explain`: what a node's key is made of, and what changed since the last run.

use affekt_graph::{Change, KeyPart, State, changes};
use serde::Serialize;

use crate::context::{ExperimentArguments, ExperimentContext, print_json};
use crate::exit::{Exit, Stop};
use crate::out::out;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    experiment: ExperimentArguments,
    /// The node: `train[fold=1,seed=2]`
    node: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Explanation {
    version: u32,
    id: String,
    state: &'static str,
    key: Option<String>,
    parts: Vec<KeyPart>,
    /// `None` where the last run did not have this node.
    changed: Option<Vec<Change>>,
    awaits: Option<String>,
}

/// Explains.
pub fn explain(arguments: &Arguments) -> Result<Exit, Stop> {
    let context = ExperimentContext::open(&arguments.experiment)?;
    let viewed = context.view(None)?;
    let at = viewed.position(&arguments.node)?;
    let (node, state) = (&viewed.walk.graph().nodes()[at], &viewed.walk.states()[at]);
    let parts = viewed.walk.parts(at);
    let changed = match (&parts, viewed.last.row(&node.id)) {
        (Some(parts), Some(last)) if !last.parts.is_empty() => Some(changes(&last.parts, parts)),
        _ => None,
    };
    let explanation = Explanation {
        version: 1,
        id: node.id.to_string(),
        state: state.name(),
        key: viewed.walk.key(at).map(|key| key.to_string()),
        parts: parts.unwrap_or_default(),
        changed,
        awaits: match state {
            State::Waiting { on } => Some(viewed.walk.graph().nodes()[*on].id.to_string()),
            _ => None,
        },
    };
    if arguments.json {
        return print_json(&explanation);
    }
    out!("{}: {}", explanation.id, explanation.state);
    match (&explanation.key, &explanation.awaits) {
        (Some(key), _) => out!("key {key}"),
        (None, Some(on)) => out!("no key yet: awaits `{on}`"),
        (None, None) => out!("no key of its own"),
    }
    let width = explanation.parts.iter().map(|part| part.name.len()).max().unwrap_or(0);
    for part in &explanation.parts {
        out!("  {:<width$}  {}", part.name, part.value);
    }
    match &explanation.changed {
        None => out!("the last run did not have this node"),
        Some(changed) if changed.is_empty() => out!("nothing changed since the last run"),
        Some(changed) => {
            out!("changed since the last run:");
            for change in changed {
                let show = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".into());
                out!("  {}: {} → {}", change.name, show(&change.before), show(&change.after));
            }
        }
    }
    Ok(Exit::Done)
}
