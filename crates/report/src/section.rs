//! One variant in detail.

use std::collections::BTreeSet;

use affekt_domain::Stage;
use affekt_eval::{Baseline, CellMetrics, Measure, VariantMetrics};
use serde::Serialize;

use crate::audit::{AuditView, audit};
use crate::classes::{classes, confusion};
use crate::curves::{Curves, curves, searched};
use crate::distribution::distribution;
use crate::groups::groups;
use crate::headline::is_told_in_words;
use crate::report::Variant;
use crate::speakers::{Speakers, speakers};
use crate::table::{Cell, Column, Row, Table};
use crate::text::{count, plural, title, value};

/// A variant's tables and plots.
#[derive(Serialize)]
pub(crate) struct Section {
    id: String,
    slug: String,
    stamps: Vec<String>,
    /// What it is, as name and value.
    facts: Vec<(String, String)>,
    figures: Table,
    distribution: Option<Table>,
    audit: Option<AuditView>,
    curves: Option<Curves>,
    confusion: Table,
    classes: Table,
    groups: Table,
    speakers: Option<Speakers>,
    cells: Table,
}

pub(crate) fn section(variant: &Variant, slug: String) -> Section {
    let metrics = &variant.metrics;
    let note = cells_note(metrics);
    Section {
        id: metrics.about.id.clone(),
        stamps: metrics.about.stamps.clone(),
        facts: facts(variant),
        figures: figures(metrics, &slug, &note),
        distribution: distribution(variant, &slug),
        audit: variant.audit.as_ref().map(|found| audit(found, &metrics.about, &slug)),
        curves: curves(&variant.histories),
        confusion: confusion(metrics, &slug, &note),
        classes: classes(metrics, &slug, &note),
        groups: groups(metrics, &slug),
        speakers: speakers(metrics, &slug),
        cells: cells(variant, &slug, &note),
        slug,
    }
}

impl Section {
    /// All its tables, in the order of the page.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        let audit = self.audit.as_ref().map(|audit| &audit.table);
        let speakers = self.speakers.as_ref().map(|speakers| &speakers.table);
        [
            Some(&self.figures),
            self.distribution.as_ref(),
            audit,
            Some(&self.confusion),
            Some(&self.classes),
            Some(&self.groups),
            speakers,
            Some(&self.cells),
        ]
        .into_iter()
        .flatten()
    }
}

fn facts(variant: &Variant) -> Vec<(String, String)> {
    let metrics = &variant.metrics;
    let about = &metrics.about;
    let mut facts = vec![("Protocol".to_owned(), variant.protocol.clone())];
    for (name, param) in about.params.iter().filter(|(name, _)| !is_told_in_words(name)) {
        facts.push((name.clone(), value(param)));
    }
    facts.push(("Labels".into(), format!("{}: {}", variant.labels, about.classes.join(", "))));
    if let Some(note) = &variant.labels_note {
        facts.push(("About the labels".into(), note.clone()));
    }
    let tested: u32 = metrics.groups.corpus.values().map(|corpus| corpus.support).sum();
    let speakers = metrics.aggregate.uar.clusters;
    facts.push((
        "Tested on".into(),
        format!(
            "{} of {}, {}",
            plural(tested as usize, "utterance"),
            plural(speakers, "speaker"),
            cells_note(metrics)
        ),
    ));
    if let Some(network) = variant.parameters {
        facts.push((
            "Network".into(),
            format!("{} parameters, {} of them trained", count(network.total), count(network.trainable)),
        ));
    }
    facts
}

/// `2 folds × 3 seeds`.
fn cells_note(metrics: &VariantMetrics) -> String {
    let cells = metrics.cells.iter();
    let folds = cells.clone().map(|cell| cell.fold).collect::<BTreeSet<_>>().len();
    let seeds = cells.map(|cell| cell.seed).collect::<BTreeSet<_>>().len();
    format!("{} × {}", plural(folds, "fold"), plural(seeds, "seed"))
}

/// All that is known of each measure.
fn figures(metrics: &VariantMetrics, slug: &str, note: &str) -> Table {
    let corpus_only = metrics.baselines.corpus_only.as_ref();
    let mut columns: Vec<Column> =
        ["Mean", "± seeds", "± folds", "Pooled"].into_iter().map(Column::figure).collect();
    columns.push(Column::interval("95 % interval"));
    columns.push(Column::figure("Majority"));
    columns.extend(corpus_only.map(|_| Column::figure("Corpus only")));
    let row = |measure: Measure| {
        let summary = metrics.aggregate.get(measure);
        let of = |baseline: &Baseline| Cell::percent(baseline.scores.get(measure));
        let mut cells = vec![
            Cell::percent(summary.mean).strong_if(true),
            Cell::optional_percent(summary.std_seeds),
            Cell::optional_percent(summary.std_folds),
            Cell::percent(summary.pooled),
            Cell::interval(summary.ci95),
            of(&metrics.baselines.majority),
        ];
        cells.extend(corpus_only.map(of));
        Row::new(title(measure), cells)
    };
    let about = format!(
        "In percent. Mean over cells ({note}); pooled: all folds’ predictions together, averaged over seeds, which is \
         what the interval is of."
    );
    Table::new(format!("figures-{slug}"), "All figures", about, "Measure", columns)
        .of_results(Some(&metrics.about))
        .rows(None, Measure::ALL.map(row))
}

/// Every training run.
fn cells(variant: &Variant, slug: &str, note: &str) -> Table {
    let measures = Measure::ALL.map(|measure| Column::figure(title(measure)));
    let columns = [Column::number("Seed")].into_iter().chain(measures);
    let columns = columns.chain([Column::number("Test utterances"), Column::number("Kept epoch")]).collect();
    let row = |cell: &CellMetrics| {
        let history =
            variant.histories.iter().find(|history| (history.fold, history.seed) == (cell.fold, cell.seed));
        let kept = history.and_then(|history| {
            let kept = history.epochs.iter().find(|epoch| epoch.kept)?;
            let anew = if kept.stage == Stage::Refit { ", trained anew" } else { "" };
            Some(format!("{} of {}{anew}", kept.number, searched(history).last()?.number))
        });
        let support: u32 = cell.detail.confusion.iter().flatten().sum();
        let scores = Measure::ALL.map(|measure| Cell::percent(cell.scores.get(measure)));
        let last = [Cell::count(support), kept.map_or_else(Cell::none, Cell::text)];
        let cells = [Cell::text(cell.seed.to_string())].into_iter().chain(scores).chain(last);
        Row::new(cell.fold.to_string(), cells.collect())
    };
    Table::new(
        format!("cells-{slug}"),
        "Every training run",
        format!("In percent ({note})."),
        "Fold",
        columns,
    )
    .of_results(Some(&variant.metrics.about))
    .rows(None, variant.metrics.cells.iter().map(row))
}
