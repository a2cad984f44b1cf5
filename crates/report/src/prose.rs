//! How figures were made, in paragraphs that a paper can print. Every sentence is made of what the run resolved to and recorded;
//! one that is not true of all variants names those of which it is.

use std::collections::BTreeSet;

use affekt_domain::{Problem, Role};
use affekt_eval::{Cluster, Measure, Outcome, Pair, Summary};
use serde::Serialize;

use crate::headline::{UTTERANCES_RESAMPLED, part_of};
use crate::report::{MethodStep, Report, Tuning, Variant};
use crate::text::{count, listed, meaning, percent, plural, sentence, title, value};

/// Sentences about one thing.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Paragraph {
    pub title: String,
    /// Whole sentences; what stands between backticks is code.
    pub text: String,
}

/// Builds the paragraphs, in the order of a paper's method section.
pub(crate) fn paragraphs(report: &Report) -> Vec<Paragraph> {
    let mut all = Vec::new();
    let mut add = |title: String, sentences: Vec<String>| {
        if !sentences.is_empty() {
            all.push(Paragraph { title, text: sentences.join(" ") });
        }
    };
    add("Corpora".into(), corpora(report));
    add("Labels and split".into(), protocols(report));
    let subjects = subjects(report);
    for (topic, step) in &subjects {
        let mut sentences = of_variants(report, |variant| {
            let steps = variant.method.iter().filter(|of| step.is_none_or(|step| of.name == step));
            let of_topic = steps.flat_map(|step| &step.prose).filter(|sentence| sentence.topic == *topic);
            of_topic.map(|sentence| sentence.text.clone()).collect()
        });
        match *topic {
            RECORDINGS => sentences.extend(lengths(report)),
            NETWORK => sentences.extend(of_variants(report, parameters)),
            TRAINING => sentences.extend(of_variants(report, tuned)),
            _ => {}
        }
        let is_only = subjects.iter().filter(|(other, _)| other == topic).count() == 1;
        let title = step.filter(|_| !is_only).map(|step| format!("{topic} (`{step}`)"));
        add(title.unwrap_or_else(|| (*topic).to_owned()), sentences);
    }
    add("Evaluation".into(), evaluation(report));
    add("Computation".into(), computation(report));
    all
}

// The topics of steps to which something is added here.
const RECORDINGS: &str = "Recordings";
const NETWORK: &str = "Network";
const TRAINING: &str = "Training";

/// Topics of which all steps together make one paragraph.
const TOGETHER: [&str; 2] = [RECORDINGS, "Features"];

/// Returns what paragraphs are about, topics in their order, with the step where each has its own.
fn subjects(report: &Report) -> Vec<(&str, Option<&str>)> {
    let mut subjects: Vec<(usize, (&str, Option<&str>))> = Vec::new();
    for step in report.variants.iter().flat_map(|variant| &variant.method) {
        for sentence in &step.prose {
            let topic = sentence.topic.as_str();
            let subject = (topic, Some(step.name.as_str()).filter(|_| !TOGETHER.contains(&topic)));
            if !subjects.iter().any(|(_, known)| *known == subject) {
                subjects.push((sentence.rank, subject));
            }
        }
    }
    subjects.sort_by_key(|(rank, _)| *rank);
    subjects.into_iter().map(|(_, subject)| subject).collect()
}

/// Collects sentences of all variants, each once; where one is not true of all, it is said of whom it is.
fn of_variants(report: &Report, sentences: impl Fn(&Variant) -> Vec<String>) -> Vec<String> {
    let mut distinct: Vec<(String, Vec<&str>)> = Vec::new();
    for variant in &report.variants {
        let id = variant.metrics.about.id.as_str();
        for sentence in sentences(variant) {
            match distinct.iter_mut().find(|(known, _)| *known == sentence) {
                Some((_, ids)) if ids.last() == Some(&id) => {}
                Some((_, ids)) => ids.push(id),
                None => distinct.push((sentence, vec![id])),
            }
        }
    }
    let named = |ids: &[&str]| {
        let quoted: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
        listed(&quoted.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let is_of_all = |(_, ids): &(String, Vec<&str>)| ids.len() == report.variants.len();
    if let [first, _, ..] = &distinct[..]
        && !is_of_all(first)
        && distinct.iter().all(|(_, ids)| *ids == first.1)
    {
        let whose = format!("Of {}:", named(&first.1));
        return [whose].into_iter().chain(distinct.into_iter().map(|(sentence, _)| sentence)).collect();
    }
    // What all have in common comes first, so that what differs stands together.
    let (common, own): (Vec<_>, Vec<_>) = distinct.into_iter().partition(is_of_all);
    let with_names = |(sentence, ids): (String, Vec<&str>)| {
        format!("{} ({}).", sentence.strip_suffix('.').unwrap_or(&sentence), named(&ids))
    };
    common.into_iter().map(|(sentence, _)| sentence).chain(own.into_iter().map(with_names)).collect()
}

fn corpora(report: &Report) -> Vec<String> {
    let mut sentences: Vec<String> = Vec::new();
    let described = report.corpora.iter().map(|corpus| {
        let expected = corpus.expected.filter(|expected| *expected != corpus.found);
        let of = expected.map(|expected| format!(" of {}", count(expected as u64))).unwrap_or_default();
        let speakers = match corpus.speakers {
            None => ", their speakers unknown".to_owned(),
            Some(speakers) => format!(" by {}", plural(speakers, "speaker")),
        };
        format!("{} ({}{of} utterances{speakers})", corpus.name, count(corpus.found as u64))
    });
    let described: Vec<String> = described.collect();
    if described.is_empty() {
        return sentences;
    }
    sentences.push(format!("Data were {}.", and(&described)));
    let left_out = report.variants.iter().flat_map(|variant| &variant.left_out);
    let left_out: BTreeSet<&String> = left_out.collect();
    sentences.extend(
        left_out.into_iter().map(|name| format!("{name}, which the experiment asks for, was left out.")),
    );
    // What has no path is no file.
    let dropped: Vec<_> =
        report.problems.iter().filter(|problem| problem.dropped && !problem.path.is_empty()).collect();
    let kinds: BTreeSet<(&str, &str)> = dropped.iter().map(|problem| kind_of(problem)).collect();
    let of_kind = |kind: (&str, &str)| {
        let number = dropped.iter().filter(|problem| kind_of(problem) == kind).count();
        format!("{} of {} (`{}`)", count(number as u64), kind.0, kind.1)
    };
    let dropped: Vec<String> = kinds.into_iter().map(of_kind).collect();
    sentences.push(match dropped.is_empty() {
        true => "No file was left out.".to_owned(),
        false => format!("Files that were left out: {}.", and(&dropped)),
    });
    sentences
}

/// Returns the corpus and kind of a problem.
fn kind_of(problem: &Problem) -> (&str, &str) {
    (&problem.corpus, &problem.kind)
}

/// Lists the names of classes or outputs: the first few of many.
fn names_of(names: &[String]) -> String {
    match names.len() {
        0..=16 => and(names),
        _ => listed(&names.iter().map(String::as_str).collect::<Vec<_>>()),
    }
}

fn and(things: &[String]) -> String {
    match things {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn protocols(report: &Report) -> Vec<String> {
    let labels = of_variants(report, |variant| {
        let names = variant.metrics.about.task.names();
        let what = if variant.metrics.about.task.classes().is_some() { "classes" } else { "outputs" };
        let scheme =
            format!("The scheme `{}` has {} {what}: {}.", variant.labels, names.len(), names_of(names));
        [Some(scheme), variant.labels_note.as_deref().map(sentence)].into_iter().flatten().collect()
    });
    let splits = of_variants(report, |variant| {
        vec![format!("The protocol: {}.", variant.protocol.trim_end_matches('.'))]
    });
    let sizes = of_variants(report, |variant| {
        let of = |role: Role| -> usize {
            let parts = variant.parts.iter().filter(|part| part.role == role);
            parts.flat_map(|part| &part.counts).sum()
        };
        let [train, dev, test] = Role::ALL.map(of);
        let parts = [(train, "for training"), (dev, "in the dev part"), (test, "in the test part")];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{} {what}", count(number as u64)))
            .collect();
        let cells = &variant.metrics.cells;
        let folds: BTreeSet<u32> = cells.iter().map(|cell| cell.fold).collect();
        let first = if folds.len() > 1 { "In the first fold, utterances" } else { "Utterances" };
        if parts.is_empty() { Vec::new() } else { vec![format!("{first} were {}.", and(&parts))] }
    });
    let stamps = of_variants(report, |variant| {
        let stamps = &variant.metrics.about.stamps;
        if stamps.is_empty() {
            Vec::new()
        } else {
            vec![format!("To be said with every figure: {}.", and(stamps))]
        }
    });
    labels.into_iter().chain(splits).chain(sizes).chain(stamps).collect()
}

/// Says how many recordings were longer and shorter than what was kept of them, for each length that was kept.
fn lengths(report: &Report) -> Vec<String> {
    let mut kept: Vec<f64> = Vec::new();
    for seconds in report.lengths.iter().filter_map(|lengths| lengths.kept) {
        if !kept.contains(&seconds) {
            kept.push(seconds);
        }
    }
    let of_length = |seconds: f64| {
        let of = || report.lengths.iter().filter(move |lengths| lengths.kept == Some(seconds));
        let clips: usize = of().map(|lengths| lengths.clips).sum();
        let share = |number: usize| percent(number as f64 / clips.max(1) as f64);
        let (cut, filled) = (of().map(|it| it.cut).sum(), of().map(|it| it.filled).sum());
        format!(
            "Of {} labelled recordings {} % were longer than {seconds} s and lost their end; {} % were shorter.",
            count(clips as u64),
            share(cut),
            share(filled),
        )
    };
    kept.into_iter().map(of_length).collect()
}

fn parameters(variant: &Variant) -> Vec<String> {
    let of = variant.parameters.map(|of| {
        let layers = match variant.layers.len() {
            0 => String::new(),
            layers => format!(" in {}", plural(layers, "layer")),
        };
        format!(
            "It had {} parameters{layers}; {} of them were trained.",
            count(of.total),
            count(of.trainable)
        )
    });
    of.into_iter().collect()
}

/// Says which settings a search chose, among what.
fn tuned(variant: &Variant) -> Vec<String> {
    let Some(Tuning { trials, .. }) = variant.tunings.first() else { return Vec::new() };
    let settings: Vec<String> = tuned_settings(&variant.method)
        .map(|(path, among)| {
            format!("`{path}` among {}", listed(&among.iter().map(String::as_str).collect::<Vec<_>>()))
        })
        .collect();
    let chosen: Vec<String> = variant
        .tunings
        .iter()
        .filter_map(|tuning| {
            let chosen = tuning.trials.chosen()?;
            let settings: Vec<String> =
                chosen.settings.iter().map(|(name, chosen)| format!("`{name}` {}", value(chosen))).collect();
            let fold =
                if variant.tunings.len() > 1 { format!(" in fold {}", tuning.fold) } else { String::new() };
            Some(format!("{}{fold}", and(&settings)))
        })
        .collect();
    let mut sentences = vec![format!(
        "In each fold a search ({}) over {} chose {} by {}.",
        trials.search,
        plural(trials.trials.len(), "trial"),
        if settings.is_empty() { "settings".to_owned() } else { and(&settings) },
        trials.monitor.name().replace('-', " "),
    )];
    if !chosen.is_empty() {
        sentences.push(format!("Chosen was {}.", chosen.join("; ")));
    }
    sentences
}

fn tuned_settings(steps: &[MethodStep]) -> impl Iterator<Item = (&str, &[String])> {
    let settings = steps.iter().flat_map(|step| &step.settings);
    settings.filter(|it| !it.tuned_among.is_empty()).map(|it| (it.path.as_str(), &it.tuned_among[..]))
}

fn evaluation(report: &Report) -> Vec<String> {
    let mut sentences = of_variants(report, |variant| {
        let measure = report.primary_of(variant);
        vec![format!("The primary figure is {}: {}.", title(measure), meaning(measure))]
    });
    sentences.push(format!("Figures are of the {} part.", part_of(&report.variants).to_lowercase()));
    sentences.extend(of_variants(report, |variant| {
        let cells = &variant.metrics.cells;
        let folds: BTreeSet<u32> = cells.iter().map(|cell| cell.fold).collect();
        let seeds: BTreeSet<u64> = cells.iter().map(|cell| cell.seed).collect();
        vec![match cells.len() {
            1 => "There was one training run.".to_owned(),
            runs => format!(
                "Figures are means over {runs} training runs, {} × {}.",
                plural(folds.len(), "fold"),
                plural(seeds.len(), "seed")
            ),
        }]
    }));
    sentences.extend(of_variants(report, |variant| {
        let first = Measure::of(&variant.metrics.about.task)[0];
        let interval = variant.metrics.aggregate.get(first).map(interval);
        interval.into_iter().collect()
    }));
    let is_compared = |pair: &Pair| matches!(pair.outcome, Outcome::Compared(_));
    if let Some(comparison) = report.comparison.as_ref().filter(|found| found.pairs.iter().any(is_compared)) {
        sentences.push(format!(
            "Variants were compared in pairs on the same rows by {}, with {} draws, and p-values corrected for their number \
             (Holm).",
            title(comparison.measure),
            count(comparison.resamples as u64),
        ));
    }
    sentences
}

fn interval(summary: &Summary) -> String {
    match (summary.ci95, summary.cluster) {
        (None, Cluster::Speaker) => {
            format!(
                "There are no intervals: {} are too few to resample.",
                plural(summary.clusters, "speaker")
            )
        }
        (None, Cluster::Utterance | Cluster::Mixed) => "There are no intervals.".to_owned(),
        (Some(_), Cluster::Speaker) => format!(
            "Intervals of 95 % are of all folds’ predictions together and resample the {}.",
            plural(summary.clusters, "speaker")
        ),
        (Some(_), Cluster::Utterance | Cluster::Mixed) => {
            format!("Intervals of 95 % are of all folds’ predictions together. {UTTERANCES_RESAMPLED}")
        }
    }
}

/// Says with what figures were computed, as recorded with them.
fn computation(report: &Report) -> Vec<String> {
    if report.provenance.is_empty() {
        return Vec::new();
    }
    let facts: Vec<String> =
        report.provenance.iter().map(|(name, value)| format!("{name} {value}")).collect();
    vec![format!("As recorded with the results: {}.", facts.join("; "))]
}
