//! `audit`: whether the folds of an experiment leak.

use affekt_corpus::Audit;
use affekt_graph::State;
use serde::Serialize;

use crate::exit::{Exit, Stop, error};
use crate::lab::{Asked, Lab, print_json};
use crate::out::out;
use crate::run::run_only;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    asked: Asked,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Audits {
    version: u32,
    variants: Vec<VariantAudit>,
}

#[derive(Serialize)]
struct VariantAudit {
    id: String,
    protocol: serde_json::Value,
    stamps: Vec<String>,
    audit: Audit,
    /// What the protocol forbids and the folds do.
    leaks: Vec<String>,
}

/// Audits. Reads the corpora if need be; trains nothing. Makes the folds itself: the node that makes them fails when
/// they leak, and here the leak is the answer.
pub fn audit(arguments: &Arguments) -> Result<Exit, Stop> {
    let lab = Lab::open(&arguments.asked)?;
    let walk = run_only(&lab, "examples")?;
    let mut audits = Audits { version: 1, variants: Vec::new() };
    for variant in &lab.experiment.variants {
        let at = walk.graph().position(&variant.examples);
        let Some(State::Done { record: Some(record), .. }) = at.map(|at| &walk.states()[at]) else {
            return Err(Stop::failed("error: the examples could not be had"));
        };
        let digest = record.outputs[0].digest;
        let object = lab.store.object(digest).map_err(affekt_graph::Failure::from)?;
        let examples = affekt_ops::table::read(&object, affekt_table::examples::read)?.examples;
        let folds = affekt_corpus::folds(&variant.protocol, &examples)
            .map_err(|cause| error(&format!("variant `{}`", variant.id), &cause))?;
        let audit =
            affekt_corpus::audit(&folds, &examples).map_err(|cause| error("the audit failed", &cause))?;
        let leaks = audit.leaks(&variant.protocol).iter().map(ToString::to_string).collect();
        let protocol = serde_json::to_value(&variant.protocol).unwrap_or_default();
        let (id, stamps) = (variant.id.clone(), variant.protocol.stamps());
        audits.variants.push(VariantAudit { id, protocol, stamps, audit, leaks });
    }
    let leaks = audits.variants.iter().any(|variant| !variant.leaks.is_empty());
    if arguments.json {
        print_json(&audits)?;
    } else {
        audits.variants.iter().for_each(print);
    }
    Ok(if leaks { Exit::Failed } else { Exit::Done })
}

fn print(variant: &VariantAudit) {
    let VariantAudit { id, stamps, audit, leaks, .. } = variant;
    out!("{id}: split {}", audit.digest.short());
    for stamp in stamps {
        out!("  stamped: {stamp}");
    }
    for part in &audit.parts {
        out!(
            "  fold {} {:<5} {:>6} utterances, {:>3} speakers",
            part.fold,
            part.role.name(),
            part.examples,
            part.speakers
        );
    }
    for what in affekt_corpus::Sharing::ALL {
        let shared = audit.shared.iter().filter(|shared| shared.what == what).count();
        out!("  shared between roles: {shared} × {}", what.name());
    }
    if leaks.is_empty() {
        out!("  nothing that the protocol forbids");
    }
    for leak in leaks {
        out!("  LEAK: {leak}");
    }
}
