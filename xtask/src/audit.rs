//! `audit`: whether the folds of an experiment leak.

use std::collections::BTreeSet;

use affekt_corpus::{Audit, Permission, Sharing, describe_leaks};
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
    /// What must not stand in two roles of a fold.
    disjoint: BTreeSet<Sharing>,
    /// What is permitted nevertheless.
    permitted: BTreeSet<Permission>,
    /// What has to stand beside every figure.
    stamps: BTreeSet<String>,
    audit: Audit,
    /// What is shared, must not be, and is not permitted, in words.
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
        let rules = &variant.rules;
        let audit = affekt_corpus::audit(&folds, &examples, rules.disjoint())
            .map_err(|cause| error("the audit failed", &cause))?;
        let leaks = audit.leaks(rules);
        audits.variants.push(VariantAudit {
            id: variant.id.clone(),
            protocol: serde_json::to_value(&variant.protocol).unwrap_or_default(),
            disjoint: rules.disjoint().clone(),
            permitted: rules.permitted().clone(),
            stamps: variant.protocol.stamps().into_iter().chain(audit.stamps()).collect(),
            leaks: if arguments.json {
                leaks.iter().map(ToString::to_string).collect()
            } else {
                describe_leaks(&leaks)
            },
            audit,
        });
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
    let VariantAudit { id, disjoint, permitted, stamps, audit, leaks, .. } = variant;
    out!("{id}: split {}", audit.digest);
    let kept: Vec<&str> = disjoint.iter().map(|what| what.name()).collect();
    out!("  must not be shared between roles: {}", kept.join(", "));
    for permission in permitted {
        out!("  permitted: {}", permission.name());
    }
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
    for what in Sharing::ALL {
        let shared = audit.shared.iter().filter(|shared| shared.what == what).count();
        out!("  shared between roles: {shared} × {}", what.name());
    }
    if !audit.unknown.is_empty() {
        out!("  named by the split and not here: {} utterances", audit.unknown.len());
    }
    if audit.unknown_speakers > 0 {
        out!("  of unknown speakers, and so never found to be shared: {} utterances", audit.unknown_speakers);
    }
    if leaks.is_empty() {
        out!("  no leak: nothing is shared that must not be");
    }
    for line in leaks {
        // Rows are told below what they share.
        let is_row = line.starts_with(' ');
        out!("  {}{line}", if is_row { "  " } else { "LEAK: " });
    }
}
