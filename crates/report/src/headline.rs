//! The main table of results, with plots of its figures between 0 and 100.

use std::collections::BTreeSet;

use affekt_domain::{Role, Task};
use affekt_eval::{Baseline, Cluster, Constant, Measure, Summary};
use serde::Serialize;

use crate::leak::is_of_protocol;
use crate::ranking::{ranked, ranking};
use crate::report::{Judged, Report, Variant};
use crate::scale::place;
use crate::table::{Cell, Column, Table, TableRow};
use crate::text::{
    capital, count, either, error, listed, meaning, percent, plural, quoted, range, title, value,
};

/// The note on intervals for which utterances are resampled.
pub(crate) const UTTERANCES_RESAMPLED: &str = "Utterances by unknown speakers are resampled as if they were \
    independent: intervals do not include differences between speakers, and are too narrow by as much.";

/// The table with one row per variant, and the notes on it.
#[derive(Serialize)]
pub(crate) struct Headline {
    pub table: Table,
    primary: String,
    strips: Vec<Strip>,
    /// Whether the strips have marks for chance.
    has_chance: bool,
    has_majority: bool,
    has_published: bool,
    has_outputs: bool,
}

/// The strip plot of the primary measure of a variant, from 0 to 100.
#[derive(Serialize)]
struct Strip {
    id: String,
    measure: &'static str,
    /// The figure on all predictions together, which the interval is of.
    pooled: String,
    /// Its position.
    at: String,
    /// The interval in words, and the positions of its ends.
    interval: Option<String>,
    ends: Option<[String; 2]>,
    /// Position of chance. Unknown for macro-F1, which depends on class frequencies; 0 for numbers.
    chance: Option<String>,
    /// Position of the majority baseline; 0 for numbers.
    majority: Option<String>,
    /// Published figures in words, and their positions.
    published: Vec<[String; 2]>,
}

pub(crate) fn headline(report: &Report, slugs: &[String]) -> Headline {
    let strips: Vec<Strip> = match &report.sweep {
        Some(_) => ranked(report)
            .iter()
            .flat_map(|ranked| &ranked.variants)
            .map(|(_, judged)| strip(*judged))
            .collect(),
        None => report.variants.iter().filter_map(|variant| report.judged(variant)).map(strip).collect(),
    };
    Headline {
        table: match &report.sweep {
            Some(sweep) => ranking(report, sweep, slugs),
            None => table(report, slugs),
        },
        primary: either(&report.primaries()),
        has_chance: strips.iter().any(|strip| strip.chance.is_some()),
        has_majority: strips.iter().any(|strip| strip.majority.is_some()),
        has_published: strips.iter().any(|strip| !strip.published.is_empty()),
        has_outputs: report.variants.iter().any(predicts_numbers),
        strips,
    }
}

/// Returns whether the report describes a parameter in words, so that its YAML need not be shown.
pub(crate) fn is_described_in_words(name: &str) -> bool {
    name == "labels" || is_of_protocol(name)
}

/// Returns the part that figures are of, capitalised: `Test`.
pub(crate) fn part_of<'a>(variants: impl IntoIterator<Item = &'a Variant>) -> String {
    let parts: BTreeSet<&str> = variants.into_iter().map(|variant| variant.metrics.part.name()).collect();
    capital(&parts.into_iter().collect::<Vec<_>>().join(" and "))
}

/// The columns of a mean over cells and of the interval, which is of the figure on all folds’ predictions together: where
/// there are several folds that is another quantity, and stands beside its interval.
#[derive(Clone, Copy)]
pub(crate) struct MeanAndPooled {
    differ: bool,
}

impl MeanAndPooled {
    pub fn of(report: &Report) -> Self {
        let folds = |variant: &Variant| {
            variant.metrics.cells.iter().map(|cell| cell.fold).collect::<BTreeSet<_>>().len()
        };
        Self { differ: report.variants.iter().any(|variant| folds(variant) > 1) }
    }

    /// The column of the mean.
    pub fn mean(self, title: &str) -> Column {
        if self.differ { Column::mean(&format!("{title}, mean")) } else { Column::mean(title) }
    }

    /// The columns of what the interval is of.
    pub fn columns(self) -> Vec<Column> {
        let interval = Column::interval("95 % interval");
        match self.differ {
            true => vec![Column::figure("Figure").under("Pooled"), interval.under("Pooled")],
            false => vec![interval],
        }
    }

    /// The cells of these columns.
    pub fn cells(self, measure: Measure, summary: Option<&Summary>) -> Vec<Cell> {
        let pooled = self.differ.then(|| Cell::measured(measure, summary.map(|summary| summary.pooled)));
        let interval = Cell::interval(measure, summary.and_then(|summary| summary.ci95));
        pooled.into_iter().chain([interval]).collect()
    }
}

/// Tables of more columns are set closer.
const WIDE: usize = 9;

fn predicts_numbers(variant: &Variant) -> bool {
    matches!(variant.metrics.about.task, Task::Outputs(_))
}

fn table(report: &Report, slugs: &[String]) -> Table {
    let variants = &report.variants;
    let primaries = report.primaries();
    let others = other_measures(report, &primaries);
    let judged = || variants.iter().filter_map(|variant| report.judged(variant));
    // The mean's spread is over seeds if there are several; that over folds then has a column of its own.
    let has_fold_spread = judged().any(|it| it.summary.std_seeds.and(it.summary.std_folds).is_some());
    let has_classes = variants.iter().any(|variant| !predicts_numbers(variant));
    let has_chance = has_classes && primaries.iter().any(|measure| *measure != Measure::MacroF1);
    let has_numbers = variants.iter().any(predicts_numbers);
    let has_corpus_only = variants.iter().any(|variant| variant.metrics.baselines.corpus_only.is_some());

    let mean_and_pooled = MeanAndPooled::of(report);
    let mut columns: Vec<Column> =
        primaries.iter().map(|measure| mean_and_pooled.mean(title(*measure))).collect();
    columns.extend(has_fold_spread.then(|| Column::figure("± folds")));
    columns.extend(mean_and_pooled.columns());
    columns.extend(others.iter().map(|measure| Column::mean(title(*measure))));
    columns.extend(has_chance.then(|| Column::figure("Chance")));
    columns.extend(has_classes.then(|| Column::figure("Majority")));
    columns.extend(has_numbers.then(|| Column::figure("MSE of the mean")));
    columns.extend(has_corpus_only.then(|| Column::figure("Corpus only")));

    let width = columns.len();
    let row = |(variant, slug): (&Variant, &String)| {
        let metrics = &variant.metrics;
        let primary = report.primary_of(variant);
        let summary = metrics.aggregate.get(primary);
        let (std_seeds, std_folds) =
            summary.map_or((None, None), |summary| (summary.std_seeds, summary.std_folds));
        let (mut majority, mut of_mean) = (None, None);
        match &metrics.baselines.constant {
            Constant::Majority(baseline) => majority = baseline.scores.get(primary).copied(),
            Constant::Mean(baseline) => of_mean = baseline.scores.get(Measure::Mse).copied(),
        }
        let mean = |measure: &Measure| Cell::mean(*measure, metrics.aggregate.get(*measure));
        let mut cells: Vec<Cell> =
            primaries.iter().map(|measure| mean(measure).strong_if(*measure == primary)).collect();
        cells.extend(has_fold_spread.then(|| Cell::measured(primary, std_seeds.and(std_folds))));
        cells.extend(mean_and_pooled.cells(primary, summary));
        cells.extend(others.iter().map(mean));
        cells.extend(has_chance.then(|| Cell::measured(primary, chance(variant, primary))));
        cells.extend(has_classes.then(|| Cell::measured(primary, majority)));
        cells.extend(has_numbers.then(|| Cell::measured(Measure::Mse, of_mean)));
        cells.extend(has_corpus_only.then(|| {
            let of = |baseline: &Baseline| baseline.scores.get(primary).copied();
            Cell::measured(primary, metrics.baselines.corpus_only.as_ref().and_then(of))
        }));
        let about = &metrics.about;
        TableRow::new(about.id.clone(), cells)
            .linked(format!("#variant-{slug}"))
            .detailed(differing_params(report, variant))
            .stamped(about.stamps.clone())
    };
    let about = match primaries[..] {
        [only] => format!("In percent; baselines are given for {}, the primary measure.", title(only)),
        _ => format!(
            "In percent; intervals and baselines are given for what a variant is judged by: {}.",
            either(&primaries)
        ),
    };
    Table::new("results", format!("{} results by variant", part_of(variants)), about, "Variant", columns)
        .styled(if width > WIDE { "headline wide" } else { "headline" })
        .of_results(None)
        .noted(notes(report, &[&primaries[..], &others].concat()))
        .rows(None, variants.iter().zip(slugs).map(row))
}

/// Returns the measures that are not primary for any variant, in order.
pub(crate) fn other_measures(report: &Report, primaries: &[Measure]) -> Vec<Measure> {
    let is_had = |measure: &Measure| {
        report.variants.iter().any(|variant| Measure::of(&variant.metrics.about.task).contains(measure))
    };
    Measure::ALL.into_iter().filter(|measure| is_had(measure) && !primaries.contains(measure)).collect()
}

/// Returns the expected score of guessing classes; nothing for macro-F1, which depends on class frequencies, and for
/// numbers, for which it is 0.
fn chance(variant: &Variant, measure: Measure) -> Option<f64> {
    matches!(measure, Measure::Uar | Measure::Wa).then_some(variant.metrics.baselines.chance)
}

/// Formats the settings in which the variants differ.
fn differing_params(report: &Report, variant: &Variant) -> Vec<String> {
    let params = variant.metrics.about.params.iter().filter(|(name, param)| {
        let others = report.variants.iter().map(|other| other.metrics.about.params.get(*name));
        !is_described_in_words(name) && others.into_iter().any(|other| other != Some(*param))
    });
    params.map(|(name, param)| format!("{name} {}", value(param))).collect()
}

fn strip(judged: Judged<'_>) -> Strip {
    let Judged { variant, measure, summary } = judged;
    let metrics = &variant.metrics;
    let published = variant.published.iter().filter(|figure| figure.measure == measure);
    let majority = match &metrics.baselines.constant {
        Constant::Majority(baseline) => baseline.scores.get(measure),
        Constant::Mean(_) => None,
    };
    Strip {
        id: metrics.about.id.clone(),
        measure: title(measure),
        pooled: percent(summary.pooled),
        at: place(summary.pooled),
        interval: summary.ci95.map(range),
        ends: summary.ci95.map(|ends| ends.map(place)),
        chance: chance(variant, measure).map(percent),
        majority: majority.copied().map(percent),
        published: published.map(|figure| [quoted(figure.value), place(figure.value)]).collect(),
    }
}

/// Explains the measures, ±, intervals and baselines.
fn notes(report: &Report, measures: &[Measure]) -> Vec<String> {
    let mut notes = meanings(measures);
    notes.extend(by_variant(report, spreads_note));
    notes.extend(interval_notes(report));
    notes.extend(by_variant(report, baseline_note));
    notes
}

/// Explains the measures.
pub(crate) fn meanings(measures: &[Measure]) -> Vec<String> {
    measures.iter().map(|measure| format!("{}: {}.", title(*measure), meaning(*measure))).collect()
}

/// Explains ±.
pub(crate) fn spread_notes(report: &Report) -> Vec<String> {
    by_variant(report, spread_note)
}

/// Explains the intervals.
pub(crate) fn interval_notes(report: &Report) -> Vec<String> {
    by_variant(report, interval_note)
}

/// Collects a text per variant: once if it is the same for all, otherwise with the variants it applies to.
fn by_variant(report: &Report, of: fn(Judged<'_>) -> String) -> Vec<String> {
    let mut notes = Vec::<(String, Vec<&str>)>::new();
    for judged in report.variants.iter().filter_map(|variant| report.judged(variant)) {
        let (note, id) = (of(judged), judged.variant.metrics.about.id.as_str());
        match notes.iter_mut().find(|(known, _)| *known == note) {
            Some((_, ids)) => ids.push(id),
            None => notes.push((note, vec![id])),
        }
    }
    let differ = notes.len() > 1;
    let prefix = |ids: Vec<&str>| if differ { format!("{}: ", listed(&ids)) } else { String::new() };
    notes.into_iter().map(|(note, ids)| prefix(ids) + &note).collect()
}

/// Explains ± where the spread over folds has a column of its own.
fn spreads_note(judged: Judged<'_>) -> String {
    let [seeds, folds] = seeds_and_folds(judged);
    match spread_note(judged) {
        note if seeds > 1 && folds > 1 => {
            format!("{}; ± folds is that over folds of the mean over seeds.", note.trim_end_matches('.'))
        }
        note => note,
    }
}

fn spread_note(judged: Judged<'_>) -> String {
    match seeds_and_folds(judged) {
        [1, 1] => "One seed and one fold: no spread.".into(),
        [1, folds] => format!("± is the sample standard deviation over {folds} folds; there is one seed."),
        [seeds, 1] => format!("± is the sample standard deviation over {seeds} seeds; there is one fold."),
        [seeds, folds] => {
            format!("± is the sample standard deviation over {seeds} seeds of the mean over {folds} folds.")
        }
    }
}

fn seeds_and_folds(judged: Judged<'_>) -> [usize; 2] {
    let cells = &judged.variant.metrics.cells;
    let seeds = cells.iter().map(|cell| cell.seed).collect::<BTreeSet<_>>();
    let folds = cells.iter().map(|cell| cell.fold).collect::<BTreeSet<_>>();
    [seeds.len(), folds.len()]
}

fn interval_note(judged: Judged<'_>) -> String {
    let Summary { ci95, clusters, cluster, .. } = judged.summary;
    let (part, what) = (judged.variant.metrics.part.name(), cluster.name());
    let told = match ci95 {
        Some(_) => format!(
            "The interval holds 95 % of {} resamplings of the {clusters} {part} {what}s, for the predictions of all \
             folds pooled.",
            count(affekt_eval::RESAMPLES as u64)
        ),
        None => format!(
            "No interval: {} in the {part} parts, and resampling needs {}.",
            plural(*clusters, what),
            affekt_eval::MIN_CLUSTERS
        ),
    };
    match cluster {
        Cluster::Speaker => told,
        Cluster::Utterance | Cluster::Mixed => format!("{told} {UTTERANCES_RESAMPLED}"),
    }
}

fn baseline_note(judged: Judged<'_>) -> String {
    let metrics = &judged.variant.metrics;
    let whose = match metrics.baselines.constant.baseline().fitted_on {
        Role::Train => "each fold’s training part".to_owned(),
        part @ (Role::Test | Role::Dev) => format!("the {} part itself", part.name()),
    };
    match &metrics.baselines.constant {
        Constant::Majority(_) => {
            let corpus = match metrics.baselines.corpus_only {
                Some(_) => "; corpus only predicts that of the utterance’s corpus",
                None => "",
            };
            let chance = match chance(judged.variant, judged.measure) {
                Some(_) => format!("Chance is one in {} classes. ", metrics.about.task.names().len()),
                None => String::new(),
            };
            format!("{chance}Majority always predicts the most frequent class of {whose}{corpus}.")
        }
        Constant::Mean(baseline) => {
            let error = baseline.scores.get(Measure::Mse).copied().map(error).unwrap_or_default();
            let corpus = match metrics.baselines.corpus_only {
                Some(_) => " Corpus only predicts the mean of the utterance’s corpus.",
                None => "",
            };
            format!(
                "Always predicting the mean of {whose} has an MSE of {error} and, by definition, a CCC of 0, which is \
                 also the expected CCC of guessing.{corpus}"
            )
        }
    }
}
