//! The table that answers the question, and where its figures stand between 0 and 100.

use std::collections::BTreeSet;

use affekt_domain::Role;
use affekt_eval::{Baseline, Measure, Summary};
use serde::Serialize;

use crate::leak::is_of_protocol;
use crate::report::{Report, Variant};
use crate::table::{Cell, Column, Row, Table};
use crate::text::{count, meaning, percent, plural, range, title, value};

/// A row for each variant, with what must stand beside it.
#[derive(Serialize)]
pub(crate) struct Headline {
    pub table: Table,
    primary: &'static str,
    strips: Vec<Strip>,
    /// Which marks the strips have.
    has_chance: bool,
    has_published: bool,
}

/// Where the primary measure's figures of a variant stand on a line from 0 to 100.
#[derive(Serialize)]
struct Strip {
    id: String,
    mean: String,
    /// In words, and its ends.
    interval: Option<String>,
    ends: Option<[String; 2]>,
    /// Unknown for macro-F1, where guessing depends on the classes' frequencies.
    chance: Option<String>,
    majority: String,
    published: Vec<String>,
}

pub(crate) fn headline(report: &Report, slugs: &[String]) -> Headline {
    let mut measures = Measure::ALL;
    measures.sort_by_key(|measure| *measure != report.primary);
    let strips: Vec<Strip> = report.variants.iter().map(|variant| strip(variant, report.primary)).collect();
    Headline {
        table: table(report, slugs, measures),
        primary: title(report.primary),
        has_chance: strips.iter().any(|strip| strip.chance.is_some()),
        has_published: strips.iter().any(|strip| !strip.published.is_empty()),
        strips,
    }
}

/// Whether the report says a parameter in words of its own, so that its YAML need not be shown.
pub(crate) fn is_told_in_words(name: &str) -> bool {
    name == "labels" || is_of_protocol(name)
}

fn table(report: &Report, slugs: &[String], measures: [Measure; 3]) -> Table {
    let [primary, ..] = measures;
    let variants = &report.variants;
    let of_primary = |variant: &Variant| variant.metrics.aggregate.get(primary).clone();
    // The mean's spread is over seeds where there are several; that over folds then stands beside it.
    let has_fold_spread = variants.iter().map(of_primary).any(|it| it.std_seeds.and(it.std_folds).is_some());
    let has_chance = primary != Measure::MacroF1;
    let has_corpus_only = variants.iter().any(|variant| variant.metrics.baselines.corpus_only.is_some());

    let mut columns = vec![Column::mean(title(primary))];
    columns.extend(has_fold_spread.then(|| Column::figure("± folds")));
    columns.push(Column::interval("95 % interval"));
    columns.extend(measures[1..].iter().map(|measure| Column::mean(title(*measure))));
    columns.extend(has_chance.then(|| Column::figure("Chance")));
    columns.push(Column::figure("Majority"));
    columns.extend(has_corpus_only.then(|| Column::figure("Corpus only")));

    let row = |(variant, slug): (&Variant, &String)| {
        let Summary { std_seeds, std_folds, ci95, .. } = of_primary(variant);
        let baselines = &variant.metrics.baselines;
        let of = |baseline: &Baseline| baseline.scores.get(primary);
        let mean = |measure: &Measure| Cell::mean(variant.metrics.aggregate.get(*measure));
        let mut cells = vec![mean(&primary).strong_if(true)];
        cells.extend(has_fold_spread.then(|| Cell::optional_percent(std_seeds.and(std_folds))));
        cells.push(Cell::interval(ci95));
        cells.extend(measures[1..].iter().map(mean));
        cells.extend(has_chance.then(|| Cell::percent(baselines.chance)));
        cells.push(Cell::percent(of(&baselines.majority)));
        cells.extend(has_corpus_only.then(|| Cell::optional_percent(baselines.corpus_only.as_ref().map(of))));
        let about = &variant.metrics.about;
        Row::new(about.id.clone(), cells)
            .linked(format!("#variant-{slug}"))
            .detailed(differing_params(report, variant))
            .stamped(about.stamps.clone())
    };
    let about = format!("In percent; baselines are given for {}, the primary measure.", title(primary));
    Table::new("results", "Test results by variant", about, "Variant", columns)
        .styled("headline")
        .of_results(None)
        .noted(notes(report, measures))
        .rows(None, variants.iter().zip(slugs).map(row))
}

/// The settings in which the variants differ.
fn differing_params(report: &Report, variant: &Variant) -> Vec<String> {
    let params = variant.metrics.about.params.iter().filter(|(name, param)| {
        let others = report.variants.iter().map(|other| other.metrics.about.params.get(*name));
        !is_told_in_words(name) && others.into_iter().any(|other| other != Some(*param))
    });
    params.map(|(name, param)| format!("{name} {}", value(param))).collect()
}

fn strip(variant: &Variant, primary: Measure) -> Strip {
    let metrics = &variant.metrics;
    let summary = metrics.aggregate.get(primary);
    let published = variant.published.iter().filter(|figure| figure.measure == primary);
    Strip {
        id: metrics.about.id.clone(),
        mean: percent(summary.mean),
        interval: summary.ci95.map(range),
        ends: summary.ci95.map(|ends| ends.map(percent)),
        chance: (primary != Measure::MacroF1).then(|| percent(metrics.baselines.chance)),
        majority: percent(metrics.baselines.majority.scores.get(primary)),
        published: published.map(|figure| percent(figure.value)).collect(),
    }
}

/// What the measures are, and what ±, intervals and baselines mean here.
fn notes(report: &Report, measures: [Measure; 3]) -> Vec<String> {
    let by_variant = |of: fn(&Variant, Measure) -> String| {
        let mut notes = Vec::<(String, Vec<&str>)>::new();
        for variant in &report.variants {
            let (note, id) = (of(variant, report.primary), variant.metrics.about.id.as_str());
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
    let measures = measures.map(|measure| format!("{}: {}.", title(measure), meaning(measure))).into();
    [measures, by_variant(spread_note), by_variant(interval_note), by_variant(baseline_note)].concat()
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
