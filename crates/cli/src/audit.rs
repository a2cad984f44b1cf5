//! `audit`: whether the folds of an experiment leak, and on which rows of which fold each step is fitted.

use std::collections::{BTreeMap, BTreeSet};

use affekt_corpus::{Audit, CardYield, EncoderAudit, Without, describe_leaks};
use affekt_domain::{Example, Fold, Role};
use affekt_graph::{NodeId, State};
use affekt_pipeline::{FittedOn, fits};
use affekt_spec::Words;
use affekt_spec::protocol::{Permission, Sharing};
use serde::Serialize;

use crate::context::{ExperimentArguments, ExperimentContext, print_json};
use crate::encoder_audit::encoders;
use crate::exit::{Exit, Stop, error};
use crate::out::{out, say};
use crate::remarks;
use crate::run::run_only;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    experiment: ExperimentArguments,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Audits {
    version: u32,
    /// What cards make of the files of their corpora.
    corpora: Vec<CardYield>,
    variants: Vec<VariantAudit>,
    /// Every node from which something learns, with the rows that it reads.
    fits: Vec<FitAudit>,
}

#[derive(Serialize)]
struct FitAudit {
    node: NodeId,
    op: String,
    on: Vec<Rows>,
}

/// What flows into one port of a node that fits.
#[derive(Clone, PartialEq, Serialize)]
struct Rows {
    port: &'static str,
    role: Role,
    fold: u32,
    rows: usize,
    /// `None` where no speaker is known.
    speakers: Option<usize>,
    /// How many of them are test rows of the fold, and how many speakers of such rows they have.
    test_rows: usize,
    test_speakers: Option<usize>,
    /// What permits test rows here, where something does.
    permitted: Option<Permission>,
}

/// Utterances without a label.
#[derive(Serialize)]
struct Unlabelled {
    utterances: usize,
    first: Vec<String>,
}

/// The folds of one variant, as the audit made them.
struct Parted {
    folds: Vec<Fold>,
    /// The speaker of each utterance, where it is known.
    speakers: BTreeMap<String, Option<String>>,
    permitted: BTreeSet<Permission>,
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
    #[serde(serialize_with = "unknown_as_null")]
    audit: Audit,
    /// How many times roles share something, by what it is; `None` where it is unknown of all utterances.
    times_shared: BTreeMap<&'static str, Option<usize>>,
    /// Utterances without a label, which train nothing.
    unlabelled: Unlabelled,
    /// The past of its pretrained encoders.
    encoders: Vec<EncoderAudit>,
    /// What is shared, must not be, and is not permitted, in words.
    leaks: Vec<String>,
}

/// Audits. Reads the corpora if need be; trains nothing. Makes the folds itself: the node that makes them fails when
/// they leak, and here the leak is the answer.
pub fn audit(arguments: &Arguments) -> Result<Exit, Stop> {
    let context = ExperimentContext::open(&arguments.experiment)?;
    audit_in(&context, arguments).inspect_err(|_| {
        // What cannot be divided into folds may be what a card leaves of a corpus.
        remarks::of_files(&context).iter().for_each(|line| say!("note: {line}"));
    })
}

fn audit_in(context: &ExperimentContext, arguments: &Arguments) -> Result<Exit, Stop> {
    let walk = run_only(context, "examples")?;
    let mut audits =
        Audits { version: 1, corpora: context.ops.yields(), variants: Vec::new(), fits: Vec::new() };
    let mut parted: BTreeMap<NodeId, Parted> = BTreeMap::new();
    for variant in &context.experiment.variants {
        let at = walk.graph().find(&variant.examples);
        let Some(State::Done { record: Some(record), .. }) = at.map(|at| &walk.states()[at]) else {
            return Err(Stop::failed("error: failed to build the examples"));
        };
        let digest = record.outputs[0].digest;
        let object = context.store.object(digest).map_err(affekt_graph::Failure::from)?;
        let examples = affekt_ops::table::read(&object, affekt_table::examples::read)?.examples;
        let folds = affekt_corpus::folds(&variant.protocol, &examples)
            .map_err(|cause| error(&format!("variant `{}`", variant.id), &cause))?;
        let rules = &variant.rules;
        let audit = affekt_corpus::audit(&folds, &examples, rules.disjoint());
        let encoders = encoders(context, variant, &folds, &examples);
        let leaks = audit.leaks(rules);
        let of_encoders = encoders.iter().flat_map(|encoder| encoder.leaks(rules));
        let speaker = |example: &Example| {
            let utterance = &example.utterance;
            (utterance.id.clone(), utterance.known_speaker().map(str::to_owned))
        };
        let speakers = examples.iter().map(speaker).collect();
        let permitted = rules.permitted().clone();
        parted.insert(variant.folds.clone(), Parted { folds, speakers, permitted });
        audits.variants.push(VariantAudit {
            id: variant.id.clone(),
            protocol: serde_json::to_value(&variant.protocol).unwrap_or_default(),
            disjoint: rules.disjoint().clone(),
            permitted: rules.permitted().clone(),
            stamps: variant
                .protocol
                .stamps()
                .into_iter()
                .chain(audit.stamps())
                .chain(encoders.iter().flat_map(EncoderAudit::stamps))
                .collect(),
            leaks: {
                let shared = match arguments.json {
                    true => leaks.iter().map(ToString::to_string).collect(),
                    false => describe_leaks(&leaks),
                };
                audit.untold(rules).into_iter().chain(shared).chain(of_encoders).collect()
            },
            times_shared: Sharing::ALL.iter().map(|what| (what.name(), audit.times_shared(*what))).collect(),
            unlabelled: {
                let Without { utterances, first, .. } = remarks::unlabelled(&examples);
                Unlabelled { utterances, first }
            },
            audit,
            encoders,
        });
    }
    let mut leaks = audits.variants.iter().any(|variant| !variant.leaks.is_empty());
    if !leaks {
        // Where the examples alone tell the folds, nodes become known with them.
        run_only(context, "folds")?;
    }
    let viewed = context.view(None)?;
    for fit in fits(&viewed.walk) {
        let on = fit.on.iter().filter_map(|on| Some(rows(on, parted.get(&on.folds)?)));
        audits.fits.push(FitAudit { node: fit.node, op: fit.op, on: on.collect() });
    }
    leaks |= audits.fits.iter().flat_map(|fit| &fit.on).any(Rows::leak);
    if arguments.json {
        print_json(&audits)?;
    } else {
        remarks::remarks(context).iter().for_each(|remark| say!("warning: {remark}"));
        remarks::of_files(context).iter().for_each(|line| out!("{line}"));
        audits.variants.iter().for_each(print);
        print_fits(&audits.fits);
    }
    Ok(if leaks { Exit::Failed } else { Exit::Done })
}

impl Rows {
    fn leak(&self) -> bool {
        self.test_rows > 0 && self.permitted.is_none()
    }
}

/// Counts what a port is fitted on: the rows of the role, whoever they belong to, against those of role test.
fn rows(on: &FittedOn, parted: &Parted) -> Rows {
    let of_role = |role: Role| {
        let fold = parted.folds.iter().filter(|fold| fold.number() == on.fold);
        let rows = fold.flat_map(Fold::rows).filter(|(_, known)| *known == role);
        // A split from a table may name what the corpus lacks.
        rows.filter_map(|(utterance, _)| parted.speakers.get_key_value(utterance)).collect::<Vec<_>>()
    };
    let (read, test) = (of_role(on.role), of_role(Role::Test));
    let [utterances, test_utterances] = [&read, &test]
        .map(|rows| -> BTreeSet<&str> { rows.iter().map(|(utterance, _)| utterance.as_str()).collect() });
    let (speakers, test_speakers) = (speakers(&read), speakers(&test));
    Rows {
        port: on.port,
        role: on.role,
        fold: on.fold,
        rows: utterances.len(),
        speakers: speakers.as_ref().map(BTreeSet::len),
        test_rows: utterances.intersection(&test_utterances).count(),
        test_speakers: speakers.zip(test_speakers).map(|(own, test)| own.intersection(&test).count()),
        permitted: on.needed_for_test_rows.filter(|needed| parted.permitted.contains(needed)),
    }
}

/// Returns the speakers of some rows; `None` where there are rows and none of their speakers is known.
fn speakers<'r>(rows: &[(&'r String, &'r Option<String>)]) -> Option<BTreeSet<&'r str>> {
    let speakers: BTreeSet<&str> = rows.iter().filter_map(|(_, speaker)| speaker.as_deref()).collect();
    (rows.is_empty() || !speakers.is_empty()).then_some(speakers)
}

/// Writes `null` for numbers of speakers that nobody knows.
fn unknown_as_null<S: serde::Serializer>(audit: &Audit, serializer: S) -> Result<S::Ok, S::Error> {
    let mut value = serde_json::to_value(audit).map_err(serde::ser::Error::custom)?;
    for (at, part) in audit.parts.iter().enumerate() {
        value["parts"][at]["speakers"] = part.known_speakers().into();
    }
    value.serialize(serializer)
}

/// A number, or that it is unknown.
fn known(number: Option<usize>) -> String {
    number.map_or_else(|| "unknown".to_owned(), |number| number.to_string())
}

/// A line for what one port of a node reads. Nodes that differ in their seeds alone read the same, and share it.
fn print_fits(fits: &[FitAudit]) {
    let mut distinct: Vec<(&FitAudit, usize)> = Vec::new();
    for fit in fits {
        let same =
            |(known, _): &&mut (&FitAudit, usize)| known.node.name() == fit.node.name() && known.on == fit.on;
        match distinct.iter_mut().find(same) {
            Some((_, count)) => *count += 1,
            None => distinct.push((fit, 1)),
        }
    }
    out!("fitted:");
    for (fit, count) in distinct {
        let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
        out!("  {}{more}", fit.node);
        for on in &fit.on {
            let Rows { port, role, fold, rows, speakers, test_rows, test_speakers, .. } = on;
            let permitted = match on.permitted.filter(|_| on.test_rows > 0) {
                Some(permission) => format!(", permitted by `{}`", permission.name()),
                None => String::new(),
            };
            let leak = if on.leak() { "LEAK: " } else { "" };
            out!(
                "    {leak}{port} on {} of fold {fold}: {rows} rows of {} speakers; {test_rows} test rows, {} test \
                 speakers{permitted}",
                role.name(),
                known(*speakers),
                known(*test_speakers)
            );
        }
    }
}

fn print(variant: &VariantAudit) {
    let VariantAudit { id, disjoint, permitted, stamps, audit, unlabelled, encoders, leaks, .. } = variant;
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
            known(part.known_speakers())
        );
    }
    for &what in Sharing::ALL {
        let of_none = match audit.times_shared(what) {
            None => format!(", for no {} is known", what.name()),
            Some(_) => String::new(),
        };
        out!("  shared between roles: {} × {}{of_none}", known(audit.times_shared(what)), what.name());
    }
    if audit.unknown_texts > 0 && audit.times_shared(Sharing::Text).is_some() {
        out!("  of unknown texts, and so never found to be shared: {} utterances", audit.unknown_texts);
    }
    if unlabelled.utterances > 0 {
        let Unlabelled { utterances, first } = unlabelled;
        let more = if *utterances > first.len() { ", …" } else { "" };
        out!(
            "  without a label, and so not trained on nor scored: {utterances} utterances ({}{more})",
            first.join(", ")
        );
    }
    if !audit.unknown.is_empty() {
        out!("  named by the split and not here: {} utterances", audit.unknown.len());
    }
    if audit.unknown_speakers > 0 {
        out!("  of unknown speakers, and so never found to be shared: {} utterances", audit.unknown_speakers);
    }
    for encoder in encoders {
        match (encoder.known, encoder.describe()) {
            (true, seen) if seen.is_empty() => {
                out!("  encoder `{}` was trained on other recordings", encoder.encoder);
            }
            (known, seen) => {
                seen.iter().for_each(|line| out!("  {line}"));
                if !known {
                    out!("  encoder `{}`: what else it was trained on is unknown", encoder.encoder);
                }
            }
        }
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
