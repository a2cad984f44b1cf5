//! How figures were made, in paragraphs that a paper can print. Every sentence is made of what the run resolved to and recorded;
//! one that is not true of all variants names those of which it is.

use std::collections::BTreeSet;

use affekt_domain::Role;
use affekt_eval::{Cluster, Measure, Summary};
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
    let mut add = |title: &str, sentences: Vec<String>| {
        if !sentences.is_empty() {
            all.push(Paragraph { title: title.to_owned(), text: sentences.join(" ") });
        }
    };
    add("Corpora", corpora(report));
    add("Labels and split", protocols(report));
    for topic in topics(report) {
        let mut sentences = of_variants(report, |variant| {
            let of_topic = variant.method.iter().flat_map(|step| &step.prose);
            of_topic
                .filter(|sentence| sentence.topic == topic)
                .map(|sentence| sentence.text.clone())
                .collect()
        });
        match topic.as_str() {
            RECORDINGS => sentences.extend(lengths(report)),
            NETWORK => sentences.extend(of_variants(report, parameters)),
            TRAINING => sentences.extend(of_variants(report, tuned)),
            _ => {}
        }
        add(&topic, sentences);
    }
    add("Evaluation", evaluation(report));
    add("Computation", computation(report));
    all
}

// The topics of steps to which something is added here.
const RECORDINGS: &str = "Recordings";
const NETWORK: &str = "Network";
const TRAINING: &str = "Training";

/// Returns the topics of all steps, each once, in the order of the first variant that has it.
fn topics(report: &Report) -> Vec<String> {
    let mut topics: Vec<String> = Vec::new();
    for sentence in report.variants.iter().flat_map(|variant| &variant.method).flat_map(|step| &step.prose) {
        if !topics.contains(&sentence.topic) {
            topics.push(sentence.topic.clone());
        }
    }
    topics
}

/// Collects sentences of all variants, each once; one that is not true of all names those of which it is.
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
    let of_all = |(_, ids): &(String, Vec<&str>)| ids.len() == report.variants.len();
    // What all have in common comes first, so that what differs stands together.
    let (common, own): (Vec<_>, Vec<_>) = distinct.into_iter().partition(of_all);
    let named = |(sentence, ids): (String, Vec<&str>)| {
        let quoted: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
        let ids = listed(&quoted.iter().map(String::as_str).collect::<Vec<_>>());
        format!("{} ({ids}).", sentence.strip_suffix('.').unwrap_or(&sentence))
    };
    common.into_iter().map(|(sentence, _)| sentence).chain(own.into_iter().map(named)).collect()
}

fn corpora(report: &Report) -> Vec<String> {
    let mut sentences: Vec<String> = Vec::new();
    let described = report.corpora.iter().map(|corpus| {
        let expected = corpus.expected.filter(|expected| *expected != corpus.found);
        let of = expected.map(|expected| format!(" of {}", count(expected as u64))).unwrap_or_default();
        let speakers = match corpus.speakers {
            0 => String::new(),
            speakers => format!(" by {}", plural(speakers, "speaker")),
        };
        format!("{} ({}{of} utterances{speakers})", corpus.name, count(corpus.found as u64))
    });
    let described: Vec<String> = described.collect();
    if described.is_empty() {
        return sentences;
    }
    sentences.push(format!("Data were {}.", and(&described)));
    let dropped: Vec<_> = report.problems.iter().filter(|problem| problem.dropped).collect();
    let kinds: BTreeSet<(&str, &str)> =
        dropped.iter().map(|problem| (problem.corpus.as_str(), problem.kind.as_str())).collect();
    let of_kind = |(corpus, kind): (&str, &str)| {
        let number = dropped
            .iter()
            .filter(|problem| (problem.corpus.as_str(), problem.kind.as_str()) == (corpus, kind))
            .count();
        format!("{} of {corpus} (`{kind}`)", count(number as u64))
    };
    let dropped: Vec<String> = kinds.into_iter().map(of_kind).collect();
    sentences.push(match dropped.is_empty() {
        true => "No file was left out.".to_owned(),
        false => format!("Left out were {}.", and(&dropped)),
    });
    sentences
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
        let note = variant.labels_note.as_deref().map(|note| format!(" {}", sentence(note)));
        vec![format!(
            "The scheme `{}` has {} {what}: {}.{}",
            variant.labels,
            names.len(),
            and(names),
            note.unwrap_or_default()
        )]
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
    if let Some(comparison) = report.comparison.as_ref().filter(|comparison| !comparison.pairs.is_empty()) {
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
