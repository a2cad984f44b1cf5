//! The table that answers the question, and the price of a leak.

use std::collections::BTreeSet;

use affekt_domain::Role;
use affekt_eval::{Baseline, Measure, Summary};
use serde::Serialize;

use crate::report::{Report, Variant};
use crate::text::{count, meaning, percent, plural, points, range, sentence, title, value};

/// A row for each variant, with what must stand beside it.
#[derive(Serialize)]
pub(crate) struct Headline {
    /// The measures, the primary one first.
    columns: Vec<Column>,
    rows: Vec<Row>,
    /// Whether a row tells seeds and folds apart.
    has_fold_spread: bool,
    has_chance: bool,
    has_corpus_only: bool,
    has_published: bool,
    /// Whether a published figure is of the primary measure, which the strips show.
    has_published_primary: bool,
    /// What ±, intervals and baselines mean here.
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Column {
    title: &'static str,
    meaning: &'static str,
}

#[derive(Serialize)]
struct Row {
    id: String,
    slug: String,
    /// Those in which the variants differ.
    params: Vec<(String, String)>,
    stamps: Vec<String>,
    /// In the order of the columns.
    values: Vec<Value>,
    /// The primary measure's spread over folds, where that over seeds stands beside the mean.
    fold_spread: Option<String>,
    interval: Option<String>,
    /// Unknown for macro-F1, where guessing depends on the classes' frequencies.
    chance: Option<String>,
    majority: String,
    corpus_only: Option<String>,
    /// `WA 67.0`.
    published: Vec<String>,
    /// Where the primary measure's figures stand on a line from 0 to 100.
    strip: Strip,
}

/// A mean with its spread.
#[derive(Serialize)]
struct Value {
    mean: String,
    /// Over seeds where there are several, else over folds, else nothing.
    spread: Option<String>,
}

/// Positions in percent.
#[derive(Serialize)]
struct Strip {
    mean: String,
    interval: Option<[String; 2]>,
    published: Vec<String>,
}

/// What sharing between the parts is worth.
#[derive(Serialize)]
pub(crate) struct Leak {
    leaking: String,
    clean: String,
    measure: &'static str,
    leaking_value: String,
    clean_value: String,
    /// Points of percent, with their sign.
    price: String,
    /// What the leaking one shares and the clean one does not.
    stamps: Vec<String>,
}

pub(crate) fn headline(report: &Report, slugs: &[String]) -> Headline {
    let mut measures = Measure::ALL;
    measures.sort_by_key(|measure| *measure != report.primary);
    let rows: Vec<Row> = report
        .variants
        .iter()
        .zip(slugs)
        .map(|(variant, slug)| row(report, variant, slug, measures))
        .collect();
    Headline {
        columns: measures.map(|measure| Column { title: title(measure), meaning: meaning(measure) }).into(),
        has_fold_spread: rows.iter().any(|row| row.fold_spread.is_some()),
        has_chance: rows.iter().any(|row| row.chance.is_some()),
        has_corpus_only: rows.iter().any(|row| row.corpus_only.is_some()),
        has_published: rows.iter().any(|row| !row.published.is_empty()),
        has_published_primary: rows.iter().any(|row| !row.strip.published.is_empty()),
        notes: notes(report, measures),
        rows,
    }
}

/// Every pair of variants that differ in their protocol alone, of which one shares more than the other.
pub(crate) fn leaks(report: &Report) -> Vec<Leak> {
    let stamps =
        |variant: &Variant| -> BTreeSet<String> { variant.metrics.about.stamps.iter().cloned().collect() };
    let settings = |variant: &Variant| {
        let mut params = variant.metrics.about.params.clone();
        params.retain(|name, _| name != "protocol" && !name.starts_with("protocol."));
        (params, variant.labels.clone(), variant.metrics.about.classes.clone())
    };
    let mut leaks = Vec::new();
    for leaking in &report.variants {
        for clean in &report.variants {
            if !stamps(leaking).is_superset(&stamps(clean))
                || stamps(leaking) == stamps(clean)
                || settings(leaking) != settings(clean)
            {
                continue;
            }
            let mean = |variant: &Variant| variant.metrics.aggregate.get(report.primary).mean;
            // Of the figures as printed, or a reader who subtracts them would be puzzled.
            let price = points(mean(leaking)) - points(mean(clean));
            leaks.push(Leak {
                leaking: leaking.metrics.about.id.clone(),
                clean: clean.metrics.about.id.clone(),
                measure: title(report.primary),
                leaking_value: percent(mean(leaking)),
                clean_value: percent(mean(clean)),
                price: format!("{price:+.1}").replace('-', "−"),
                stamps: stamps(leaking).difference(&stamps(clean)).cloned().collect(),
            });
        }
    }
    leaks
}

/// A mean with its spread, as all tables show it.
fn summary(summary: &Summary) -> Value {
    Value { mean: percent(summary.mean), spread: summary.std_seeds.or(summary.std_folds).map(percent) }
}

/// Whether the report says a parameter in words of its own, so that its YAML need not be shown.
pub(crate) fn is_told_in_words(name: &str) -> bool {
    name == "labels" || name == "protocol" || name.starts_with("protocol.")
}

fn row(report: &Report, variant: &Variant, slug: &str, measures: [Measure; 3]) -> Row {
    let metrics = &variant.metrics;
    let primary = metrics.aggregate.get(measures[0]);
    let baselines = &metrics.baselines;
    let of = |baseline: &Baseline| baseline.scores.get(measures[0]);
    let published = variant.published.iter();
    Row {
        id: metrics.about.id.clone(),
        slug: slug.to_owned(),
        params: metrics
            .about
            .params
            .iter()
            .filter(|(name, param)| {
                !is_told_in_words(name)
                    && report
                        .variants
                        .iter()
                        .any(|other| other.metrics.about.params.get(*name) != Some(*param))
            })
            .map(|(name, param)| (name.clone(), value(param)))
            .collect(),
        stamps: metrics.about.stamps.clone(),
        values: measures.map(|measure| summary(metrics.aggregate.get(measure))).into(),
        fold_spread: primary.std_seeds.and(primary.std_folds).map(percent),
        interval: primary.ci95.map(range),
        chance: (measures[0] != Measure::MacroF1).then(|| percent(baselines.chance)),
        majority: percent(of(&baselines.majority)),
        corpus_only: baselines.corpus_only.as_ref().map(|baseline| percent(of(baseline))),
        published: published
            .clone()
            .map(|figure| format!("{} {}", title(figure.measure), percent(figure.value)))
            .collect(),
        strip: Strip {
            mean: percent(primary.mean),
            interval: primary.ci95.map(|ends| ends.map(percent)),
            published: published
                .filter(|figure| figure.measure == measures[0])
                .map(|figure| percent(figure.value))
                .collect(),
        },
    }
}

fn notes(report: &Report, [primary, ..]: [Measure; 3]) -> Vec<String> {
    let by_variant = |of: fn(&Variant, Measure) -> String| {
        let mut notes = Vec::<(String, Vec<&str>)>::new();
        for variant in &report.variants {
            let (note, id) = (of(variant, primary), variant.metrics.about.id.as_str());
            match notes.iter_mut().find(|(known, _)| *known == note) {
                Some((_, ids)) => ids.push(id),
                None => notes.push((note, vec![id])),
            }
        }
        let differ = notes.len() > 1;
        let prefix =
            move |ids: Vec<&str>| if differ { format!("{}: ", ids.join(", ")) } else { String::new() };
        notes.into_iter().map(move |(note, ids)| prefix(ids) + &note).collect::<Vec<_>>()
    };
    let mut notes = [by_variant(spread_note), by_variant(interval_note), by_variant(baseline_note)].concat();
    notes.extend(report.variants.iter().flat_map(published_notes));
    notes
}

/// Where printed figures stand, and why they are not quite comparable.
fn published_notes(variant: &Variant) -> impl Iterator<Item = String> {
    variant.published.iter().map(|figure| {
        let remarks = [figure.caveat.as_deref(), variant.labels_note.as_deref()];
        let remarks: String =
            remarks.into_iter().flatten().map(|remark| format!(" {}", sentence(remark))).collect();
        let (measure, value) = (title(figure.measure), percent(figure.value));
        format!("{}: {measure} {value} is published in {}.{remarks}", variant.metrics.about.id, figure.source)
    })
}

fn spread_note(variant: &Variant, _: Measure) -> String {
    let cells = &variant.metrics.cells;
    let seeds = cells.iter().map(|cell| cell.seed).collect::<BTreeSet<_>>().len();
    let folds = cells.iter().map(|cell| cell.fold).collect::<BTreeSet<_>>().len();
    match (seeds, folds) {
        (1, 1) => "One seed and one fold: no spread can be given.".into(),
        (1, folds) => format!("± is the sample standard deviation over {folds} folds; there is one seed."),
        (seeds, 1) => format!("± is the sample standard deviation over {seeds} seeds; there is one fold."),
        (seeds, folds) => format!(
            "± is the sample standard deviation over {seeds} seeds of the mean over {folds} folds; \
             ± folds is that over folds of the mean over seeds."
        ),
    }
}

fn interval_note(variant: &Variant, primary: Measure) -> String {
    let Summary { ci95, clusters, .. } = variant.metrics.aggregate.get(primary);
    match ci95 {
        Some(_) => format!(
            "The interval holds 95 % of {} resamplings of the {clusters} test speakers, for the predictions of all \
             folds pooled.",
            count(affekt_eval::RESAMPLES as u64)
        ),
        None => format!(
            "No interval: {} in the test parts, and resampling needs {}.",
            plural(*clusters, "speaker"),
            affekt_eval::MIN_CLUSTERS
        ),
    }
}

fn baseline_note(variant: &Variant, primary: Measure) -> String {
    let whose = match variant.metrics.baselines.majority.fitted_on {
        Role::Test => "the test part itself",
        Role::Train | Role::Dev => "each fold’s training part",
    };
    let corpus = match variant.metrics.baselines.corpus_only {
        Some(_) => "; corpus only says that of the utterance’s corpus",
        None => "",
    };
    let chance = match primary {
        Measure::MacroF1 => String::new(),
        Measure::Uar | Measure::Wa => {
            format!("Chance is one in {} classes. ", variant.metrics.about.classes.len())
        }
    };
    format!("{chance}Majority always says the most frequent class of {whose}{corpus}.")
}
