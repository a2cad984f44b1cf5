//! Gathers what a report says from the finished nodes of a run.

use std::collections::{BTreeMap, BTreeSet};

use affekt_corpus::{Audit, Completeness, DevPart, OfficialDev, Protocol, Sharing, completeness};
use affekt_domain::{Example, Fold, Problem, Role};
use affekt_eval::{Measure, VariantMetrics};
use affekt_report as page;
use affekt_table::{examples, folds, history, manifest, problems};

use crate::exit::Stop;
use crate::journalist::Summary;
use crate::run_folder::{Finished, RunFolder};

/// The report of a finished run.
pub fn assemble(
    run: &RunFolder,
    finished: &Finished<'_>,
    metrics: Vec<VariantMetrics>,
    summary: &Summary,
) -> Result<page::Report, Stop> {
    let experiment = &finished.lab.experiment;
    let reported = experiment.variants.iter().filter(|variant| variant.evaluate.is_some());
    let variants: Result<Vec<_>, Stop> =
        reported.zip(metrics).map(|(variant, metrics)| self::variant(finished, variant, metrics)).collect();
    let (corpora, problems) = corpora(finished)?;
    let primary = experiment.variants.first().map_or(Measure::Uar, |variant| variant.primary);
    Ok(page::Report {
        experiment: experiment.name.clone(),
        question: experiment.header.as_deref().map(reflowed).unwrap_or_default(),
        primary,
        run: page::Run {
            id: run.id().to_owned(),
            started: run.started(),
            seconds: run.seconds(),
            command: command(),
        },
        variants: variants?,
        corpora,
        problems,
        costs: costs(summary),
        provenance: provenance(finished),
    })
}

fn variant(
    finished: &Finished<'_>,
    variant: &affekt_pipeline::Variant,
    metrics: VariantMetrics,
) -> Result<page::Variant, Stop> {
    let labelled = finished.table(&variant.examples, "examples", examples::read)?;
    let parted = finished.table(&variant.folds, "folds", folds::read)?;
    let audit: Audit = finished.json(&variant.folds, "audit")?;
    let mut histories = Vec::new();
    let trainings = variant.trainings(finished.walk.graph());
    for training in &trainings {
        let epochs = finished.table(&training.node, "history", history::read)?;
        histories.push(page::History { fold: training.fold, seed: training.seed, epochs });
    }
    let parameters = match trainings.first() {
        Some(training) => {
            let card = affekt_ops::train::card(&finished.object(&training.node, "model")?)?;
            let count = |name: &str| card["parameters"][name].as_u64().unwrap_or(0);
            Some(page::Parameters { total: count("total"), trainable: count("trainable") })
        }
        None => None,
    };
    Ok(page::Variant {
        protocol: protocol_in_words(&variant.protocol, &parted.folds, &labelled.examples),
        labels: labelled.scheme.clone(),
        labels_note: labelled.note.clone(),
        parameters,
        histories,
        published: published(variant),
        audit: Some(audit_summary(&audit)),
        parts: parts(&labelled, &parted, &metrics.about.classes),
        metrics,
    })
}

fn published(variant: &affekt_pipeline::Variant) -> Vec<page::Published> {
    let Some(published) = &variant.published else { return Vec::new() };
    let figures =
        [(Measure::Uar, published.uar), (Measure::Wa, published.wa), (Measure::MacroF1, published.macro_f1)];
    let figure = |(measure, value): (Measure, Option<f64>)| {
        Some(page::Published {
            measure,
            value: value?,
            source: published.source.clone().unwrap_or_default(),
            caveat: published.caveat.clone(),
        })
    };
    figures.into_iter().filter_map(figure).collect()
}

fn protocol_in_words(protocol: &Protocol, folds: &[Fold], examples: &[Example]) -> String {
    let share =
        |share: f64| format!("{:.0} % of the training part, in whole speakers, are dev", share * 100.0);
    let protocol = match protocol {
        Protocol::Random(random) => {
            let percent = |share: f64| (share * 100.0).round();
            let (test, dev) = (percent(random.test), percent(random.dev));
            format!("random split stratified by class, {}/{dev}/{test} % train/dev/test", 100.0 - test - dev)
        }
        Protocol::GroupKfold(kfold) => {
            let dev = if kfold.dev_folds > 0 { "the next fold is dev" } else { "no dev part" };
            format!("{} folds over {}, none in two parts; {dev}", kfold.folds, kfold.group.plural())
        }
        Protocol::LeaveOneGroupOut(leave_out) => {
            let group = leave_out.group.name();
            let dev = match leave_out.dev {
                DevPart::None => "no dev part".to_owned(),
                DevPart::NextGroup => format!("the next {group} is dev"),
                DevPart::Share(of) => share(of),
            };
            format!("{} folds, each tests one {group} and trains on the others; {dev}", folds.len())
        }
        Protocol::Official(official) => {
            let dev = match official.dev {
                OfficialDev::Official => "with their dev part".to_owned(),
                OfficialDev::None => "no dev part".to_owned(),
                OfficialDev::Share(of) => share(of),
            };
            format!("the corpora's official parts; {dev}")
        }
        Protocol::File(_) => {
            let dev = if protocol.has_dev() { "with a dev part" } else { "no dev part" };
            let count =
                if folds.len() == 1 { "one fold".to_owned() } else { format!("{} folds", folds.len()) };
            format!("a split from a table, {count}, {dev}")
        }
    };
    let remarks = affekt_corpus::remarks(folds, examples);
    remarks.into_iter().fold(protocol, |protocol, remark| format!("{protocol}. {remark}"))
}

fn audit_summary(audit: &Audit) -> page::Audit {
    let numbers: BTreeSet<u32> = audit.parts.iter().map(|part| part.fold).collect();
    let fold = |fold: u32| {
        let size = |role: Role| {
            let part = audit.parts.iter().find(|part| (part.fold, part.role) == (fold, role));
            part.map_or(0, |part| part.examples)
        };
        let shared = |what: Sharing| {
            let with_test = audit.shared.iter().filter(|shared| (shared.fold, shared.what) == (fold, what));
            let mut values = BTreeSet::new();
            for shared in with_test {
                if shared.sides.iter().any(|side| side.role == Role::Test) {
                    values.insert(&shared.value);
                }
            }
            values.len()
        };
        page::FoldAudit {
            fold,
            train: size(Role::Train),
            dev: size(Role::Dev),
            test: size(Role::Test),
            shared_speakers: shared(Sharing::Speaker),
            shared_texts: shared(Sharing::Text),
            shared_audio: shared(Sharing::Audio),
        }
    };
    page::Audit { split: audit.digest, folds: numbers.into_iter().map(fold).collect() }
}

/// How often each class comes, by corpus and role, in the first fold.
fn parts(labelled: &examples::Examples, parted: &folds::Folds, classes: &[String]) -> Vec<page::Part> {
    let Some(first) = parted.folds.first() else { return Vec::new() };
    let mut counts: BTreeMap<(&str, Role), Vec<usize>> = BTreeMap::new();
    for example in &labelled.examples {
        let role = first.role(&example.utterance.id);
        let class = classes.iter().position(|class| *class == example.class);
        if let (Some(role), Some(class)) = (role, class) {
            let of_part = counts.entry((&example.utterance.corpus, role));
            of_part.or_insert_with(|| vec![0; classes.len()])[class] += 1;
        }
    }
    let part = |((corpus, role), counts): ((&str, Role), Vec<usize>)| page::Part {
        corpus: corpus.to_owned(),
        role,
        counts,
    };
    counts.into_iter().map(part).collect()
}

fn corpora(finished: &Finished<'_>) -> Result<(Vec<page::Corpus>, Vec<Problem>), Stop> {
    let experiment = &finished.lab.experiment;
    let mut corpora = Vec::new();
    let mut all_problems = Vec::new();
    for (name, corpus) in &experiment.corpora {
        let ingest = experiment.variants.iter().find_map(|variant| variant.ingests.get(name));
        let Some(ingest) = ingest else { continue };
        let utterances = finished.table(ingest, "manifest", manifest::read)?;
        let Completeness { files, speakers, .. } = completeness(&corpus.card, &utterances);
        let is_synthetic = corpus.synthetic.is_some();
        corpora.push(page::Corpus {
            name: if is_synthetic { format!("{name} (synthetic)") } else { name.clone() },
            found: files.found,
            expected: if is_synthetic { None } else { files.expected },
            speakers: speakers.found,
            licence: if is_synthetic { "made by this program".into() } else { corpus.card.licence.clone() },
            citation: (!is_synthetic).then(|| corpus.card.citation.clone()),
        });
        all_problems.extend(finished.table(ingest, "problems", problems::read)?);
    }
    all_problems.extend(unexpected_counts(finished)?);
    let missing = finished.lab.without.iter().map(|name| Problem {
        corpus: name.clone(),
        path: String::new(),
        kind: "missing-corpus".into(),
        message: "asked for by the experiment, not found, and left out".into(),
        dropped: true,
    });
    all_problems.extend(missing);
    Ok((corpora, all_problems))
}

/// Corpora with more or fewer labelled utterances than the experiment counts on.
fn unexpected_counts(finished: &Finished<'_>) -> Result<Vec<Problem>, Stop> {
    let experiment = &finished.lab.experiment;
    let mut problems = Vec::new();
    for variant in &experiment.variants {
        let labelled = finished.table(&variant.examples, "examples", examples::read)?;
        for name in variant.corpora.keys() {
            let Some(expected) = experiment.corpora.get(name).and_then(|corpus| corpus.expect) else {
                continue;
            };
            let found = labelled.examples.iter().filter(|example| example.utterance.corpus == *name).count();
            if found != expected {
                problems.push(Problem {
                    corpus: name.clone(),
                    path: String::new(),
                    kind: "unexpected-count".into(),
                    message: format!(
                        "variant `{}` counts on {expected} labelled utterances and found {found}",
                        variant.id
                    ),
                    dropped: false,
                });
            }
        }
    }
    Ok(problems)
}

fn costs(summary: &Summary) -> Vec<page::Cost> {
    let order = |op: &str| affekt_ops::ALL.iter().position(|definition| definition.name == op);
    let mut costs: Vec<page::Cost> = summary
        .by_op
        .iter()
        .map(|(op, (run, cached, seconds))| page::Cost {
            op: op.clone(),
            run: *run,
            cached: *cached,
            seconds: *seconds,
        })
        .collect();
    costs.sort_by_key(|cost| order(&cost.op));
    costs
}

/// What the networks were trained on: as their own records say, which may be an earlier run's.
fn provenance(finished: &Finished<'_>) -> Vec<(String, String)> {
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (node, state) in finished.walk.graph().nodes().iter().zip(finished.walk.states()) {
        let affekt_graph::State::Done { record: Some(record), .. } = state else { continue };
        for (name, value) in record.provenance.iter().chain(&node.numerics) {
            values.entry(name.clone()).or_default().insert(value.clone());
        }
    }
    let join = |values: BTreeSet<String>| values.into_iter().collect::<Vec<_>>().join(", ");
    values.into_iter().map(|(name, values)| (name, join(values))).collect()
}

/// A file's header comment with its lines joined: a new line begins only where the file begins a new point
/// (`Question:`, `Run:`) or leaves a blank line.
fn reflowed(header: &str) -> String {
    let mut text = String::new();
    for line in header.lines() {
        let begins = line.split_once(':').is_some_and(|(word, _)| {
            word.chars().next().is_some_and(char::is_uppercase) && word.chars().all(char::is_alphabetic)
        });
        let words: Vec<&str> = line.split_whitespace().collect();
        if !text.is_empty() {
            text.push(if begins || words.is_empty() || text.ends_with('\n') { '\n' } else { ' ' });
        }
        text.push_str(&words.join(" "));
    }
    text
}

/// The command line as the user typed it, near enough.
fn command() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    format!("cargo xtask {}", arguments.join(" "))
}
