//! The detailed section of one variant.

use std::collections::BTreeSet;

use affekt_domain::{Role, Stage, Task};
use affekt_eval::{Baseline, CellMetrics, Cluster, Constant, Measure, Overall, Summary, VariantMetrics};
use serde::Serialize;

use crate::audit::{AuditView, audit};
use crate::classes::{classes, confusion};
use crate::curves::{Curves, curves, searched};
use crate::distribution::distribution;
use crate::groups::groups;
use crate::headline::is_described_in_words;
use crate::layer_weights::layer_weights;
use crate::method::layers;
use crate::outputs::{Outputs, outputs};
use crate::report::{Report, Variant};
use crate::speakers::{Speakers, speakers};
use crate::table::{Cell, Column, Table, TableRow};
use crate::text::{capital, count, figure, plural, title, value};
use crate::training::trials;
use crate::tuning::{Search, search};

/// The tables and plots of a variant.
#[derive(Serialize)]
pub(crate) struct Section {
    id: String,
    slug: String,
    /// The figure shown when the section is folded.
    brief: Option<String>,
    stamps: Vec<String>,
    /// The description, as names and values.
    facts: Vec<(String, String)>,
    layers: Option<Table>,
    layer_weights: Option<Table>,
    figures: Table,
    distribution: Option<Table>,
    audit: Option<AuditView>,
    published_trials: Option<Table>,
    search: Option<Search>,
    curves: Option<Curves>,
    /// The confusion matrix and the scores by class, if classes are predicted.
    classes: Option<[Table; 2]>,
    /// The scores by output, if numbers are predicted.
    outputs: Option<Outputs>,
    groups: Table,
    speakers: Option<Speakers>,
    cells: Table,
}

pub(crate) fn section(report: &Report, variant: &Variant, slug: String) -> Section {
    let metrics = &variant.metrics;
    let about = &metrics.about;
    let note = cells_note(metrics);
    let (of_classes, of_outputs) = match &metrics.overall {
        Overall::Classes(detail) => (Some(detail), None),
        Overall::Outputs { per_output } => (None, Some(per_output)),
    };
    Section {
        id: about.id.clone(),
        brief: report.judged(variant).map(|judged| {
            format!("{} {}", title(judged.measure), figure(judged.measure, judged.summary.mean))
        }),
        stamps: about.stamps.clone(),
        facts: facts(variant),
        layers: layers(variant, &slug),
        layer_weights: layer_weights(variant, &slug),
        figures: figures(metrics, &slug, &note),
        distribution: distribution(variant, &slug),
        audit: variant.audit.as_ref().map(|found| audit(found, about, &slug)),
        published_trials: trials(variant, &slug),
        search: search(&variant.tunings, about, &slug),
        curves: curves(&variant.histories),
        classes: of_classes
            .map(|detail| [confusion(about, detail, &slug, &note), classes(variant, detail, &slug, &note)]),
        outputs: of_outputs.map(|per_output| outputs(about, per_output, &slug, &note)),
        groups: groups(metrics, &slug),
        speakers: speakers(metrics, &slug),
        cells: cells(variant, &slug, &note),
        slug,
    }
}

impl Section {
    /// Iterates over all tables, in the order of the page.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        let split = [self.distribution.as_ref(), self.audit.as_ref().map(|audit| &audit.table)];
        let outputs = self.outputs.as_ref().map(|outputs| &outputs.table);
        let speakers = self.speakers.as_ref().map(|speakers| &speakers.table);
        self.layers
            .iter()
            .chain([&self.figures])
            .chain(&self.layer_weights)
            .chain(split.into_iter().flatten())
            .chain(&self.published_trials)
            .chain(self.search.iter().flat_map(Search::tables))
            .chain(self.classes.iter().flatten())
            .chain(outputs)
            .chain([&self.groups])
            .chain(speakers)
            .chain([&self.cells])
    }
}

fn facts(variant: &Variant) -> Vec<(String, String)> {
    let metrics = &variant.metrics;
    let about = &metrics.about;
    let mut facts = vec![("Protocol".to_owned(), variant.protocol.clone())];
    for (name, param) in about.params.iter().filter(|(name, _)| !is_described_in_words(name)) {
        facts.push((name.clone(), value(param)));
    }
    facts.push(("Labels".into(), format!("{}: {}", variant.labels, about.task.names().join(", "))));
    if let Some(note) = &variant.labels_note {
        facts.push(("Note on the labels".into(), note.clone()));
    }
    let scored: u32 = metrics.groups.corpus.values().map(|corpus| corpus.support).sum();
    let scored = plural(scored as usize, "utterance");
    let clusters = metrics.aggregate.get(Measure::of(&about.task)[0]);
    let of = match clusters {
        Some(Summary { clusters, cluster: Cluster::Speaker, .. }) => {
            format!(" of {}", plural(*clusters, "speaker"))
        }
        _ => String::new(),
    };
    let (name, part) = match metrics.part {
        Role::Test => ("Tested on", String::new()),
        part => ("Scored on", format!(" of the {} part", part.name())),
    };
    facts.push((name.into(), format!("{scored}{of}{part}, {}", cells_note(metrics))));
    if let Some(network) = variant.parameters {
        facts.push((
            "Network".into(),
            format!("{} parameters, {} of them trained", count(network.total), count(network.trainable)),
        ));
    }
    facts
}

/// Formats `2 folds × 3 seeds`.
fn cells_note(metrics: &VariantMetrics) -> String {
    let cells = metrics.cells.iter();
    let folds = cells.clone().map(|cell| cell.fold).collect::<BTreeSet<_>>().len();
    let seeds = cells.map(|cell| cell.seed).collect::<BTreeSet<_>>().len();
    format!("{} × {}", plural(folds, "fold"), plural(seeds, "seed"))
}

/// Builds the table of all figures of each measure.
fn figures(metrics: &VariantMetrics, slug: &str, note: &str) -> Table {
    let corpus_only = metrics.baselines.corpus_only.as_ref();
    let constant = match &metrics.baselines.constant {
        Constant::Majority(_) => "Majority",
        Constant::Mean(_) => "Mean prediction",
    };
    let mut columns: Vec<Column> =
        ["Mean", "± seeds", "± folds", "Pooled"].into_iter().map(Column::figure).collect();
    columns.push(Column::interval("95 % interval"));
    columns.push(Column::figure(constant));
    columns.extend(corpus_only.map(|_| Column::figure("Corpus only")));
    let row = |measure: Measure| {
        let summary = metrics.aggregate.get(measure);
        let figure = |of: fn(&Summary) -> Option<f64>| Cell::measured(measure, summary.and_then(of));
        let of = |baseline: &Baseline| Cell::measured(measure, baseline.scores.get(measure).copied());
        let mut cells = vec![
            figure(|summary| Some(summary.mean)).strong_if(true),
            figure(|summary| summary.std_seeds),
            figure(|summary| summary.std_folds),
            figure(|summary| Some(summary.pooled)),
            Cell::interval(measure, summary.and_then(|summary| summary.ci95)),
            of(metrics.baselines.constant.baseline()),
        ];
        cells.extend(corpus_only.map(of));
        TableRow::new(title(measure), cells)
    };
    let about = format!(
        "{}. Mean over cells ({note}); pooled: all folds’ predictions together, averaged over seeds, which is \
         what the interval is of.",
        unit(metrics)
    );
    Table::new(format!("figures-{slug}"), "All figures", about, "Measure", columns)
        .of_results(Some(&metrics.about))
        .rows(None, Measure::of(&metrics.about.task).iter().copied().map(row))
}

/// Returns the unit of figures.
const fn unit(metrics: &VariantMetrics) -> &'static str {
    match metrics.about.task {
        Task::Classes(_) => "In percent",
        Task::Outputs(_) => "In percent but for MSE",
    }
}

/// Builds the table of all training runs.
fn cells(variant: &Variant, slug: &str, note: &str) -> Table {
    let metrics = &variant.metrics;
    let measures = Measure::of(&metrics.about.task);
    let part = capital(metrics.part.name());
    let columns =
        [Column::number("Seed")].into_iter().chain(measures.iter().map(|it| Column::figure(title(*it))));
    let columns =
        columns.chain([Column::number(&format!("{part} utterances")), Column::number("Kept epoch")]);
    let row = |cell: &CellMetrics| {
        let history =
            variant.histories.iter().find(|history| (history.fold, history.seed) == (cell.fold, cell.seed));
        let kept = history.and_then(|history| {
            let kept = history.epochs.iter().find(|epoch| epoch.kept)?;
            let anew = if kept.stage == Stage::Refit { ", retrained" } else { "" };
            Some(format!("{} of {}{anew}", kept.number, searched(history).last()?.number))
        });
        let scores = measures.iter().map(|&it| Cell::measured(it, cell.scores.get(it).copied()));
        let last = [Cell::count(cell.detail.rows()), kept.map_or_else(Cell::none, Cell::text)];
        let cells = [Cell::text(cell.seed.to_string())].into_iter().chain(scores).chain(last);
        TableRow::new(cell.fold.to_string(), cells.collect())
    };
    let about = format!("{} ({note}).", unit(metrics));
    Table::new(format!("cells-{slug}"), "Every training run", about, "Fold", columns.collect())
        .of_results(Some(&metrics.about))
        .rows(None, metrics.cells.iter().map(row))
}
