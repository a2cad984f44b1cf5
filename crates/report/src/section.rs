//! One variant in detail.

use std::collections::{BTreeMap, BTreeSet};

use affekt_domain::Role;
use affekt_eval::{Baseline, CellMetrics, ClassScores, Group, Measure, VariantMetrics};
use serde::Serialize;

use crate::curves::{Curves, curves};
use crate::headline::is_told_in_words;
use crate::report::{Audit, Variant};
use crate::text::{count, percent, plural, range, sentence, title, value};

/// A variant's tables and plots.
#[derive(Serialize)]
pub(crate) struct Section {
    id: String,
    pub slug: String,
    stamps: Vec<String>,
    /// What it is, as name and value.
    facts: Vec<(String, String)>,
    published: Vec<(String, String)>,
    measures: Vec<MeasureRow>,
    curves: Option<Curves>,
    /// `2 folds × 3 seeds`.
    cells_note: String,
    classes: Vec<ClassRow>,
    class_names: Vec<String>,
    confusion: Vec<ConfusionRow>,
    group_kinds: Vec<GroupKind>,
    cells: Vec<CellRow>,
    parts: Vec<PartRow>,
    audit: Vec<AuditRow>,
}

/// All that is known of one measure.
#[derive(Serialize)]
struct MeasureRow {
    title: &'static str,
    mean: String,
    std_seeds: Option<String>,
    std_folds: Option<String>,
    pooled: String,
    interval: Option<String>,
    majority: String,
    corpus_only: Option<String>,
}

#[derive(Serialize)]
struct ClassRow {
    class: String,
    /// Precision, recall, F1.
    values: [String; 3],
    support: String,
}

#[derive(Serialize)]
struct ConfusionRow {
    class: String,
    support: String,
    cells: Vec<ConfusionCell>,
}

#[derive(Serialize)]
struct ConfusionCell {
    count: String,
    /// The share of the row: in percent, and as a number for the colour.
    percent: String,
    share: String,
    hit: bool,
}

#[derive(Serialize)]
struct GroupKind {
    /// `Corpus`, `Sex`.
    title: &'static str,
    rows: Vec<GroupRow>,
}

#[derive(Serialize)]
struct GroupRow {
    name: String,
    /// UAR, WA, macro-F1: mean over cells, and pooled.
    means: [String; 3],
    pooled: [String; 3],
    support: String,
}

#[derive(Serialize)]
struct CellRow {
    fold: u32,
    seed: u64,
    values: [String; 3],
    support: String,
    /// `12 of 22`.
    kept: Option<String>,
}

#[derive(Serialize)]
struct PartRow {
    corpus: String,
    role: &'static str,
    counts: Vec<String>,
    total: String,
}

#[derive(Serialize)]
struct AuditRow {
    fold: u32,
    /// Train, dev, test.
    sizes: [String; 3],
    /// Speakers, texts, audio.
    shared: [Shared; 3],
}

#[derive(Serialize)]
struct Shared {
    number: String,
    some: bool,
}

pub(crate) fn section(variant: &Variant, slug: String) -> Section {
    let metrics = &variant.metrics;
    Section {
        id: metrics.about.id.clone(),
        slug,
        stamps: metrics.about.stamps.clone(),
        facts: facts(variant),
        published: published(variant),
        measures: measures(metrics),
        curves: curves(&variant.histories),
        cells_note: cells_note(metrics),
        classes: classes(metrics),
        class_names: metrics.about.classes.clone(),
        confusion: confusion(metrics),
        group_kinds: groups(metrics),
        cells: cells(variant),
        parts: parts(variant),
        audit: variant.audit.as_ref().map(audit).unwrap_or_default(),
    }
}

fn facts(variant: &Variant) -> Vec<(String, String)> {
    let about = &variant.metrics.about;
    let mut facts = vec![("Protocol".to_owned(), variant.protocol.clone())];
    let params = about.params.iter().filter(|(name, _)| !is_told_in_words(name));
    facts.extend(params.map(|(name, param)| (name.clone(), value(param))));
    facts.push(("Labels".to_owned(), format!("{}: {}", variant.labels, about.classes.join(", "))));
    if let Some(size) = variant.parameters {
        let text = format!("{} parameters, {} of them trained", count(size.total), count(size.trainable));
        facts.push(("Network".to_owned(), text));
    }
    if let Some(audit) = &variant.audit {
        facts.push(("Split".to_owned(), audit.split.short()));
    }
    facts
}

/// Each published figure with ours beside it, and all that keeps them from being the same thing.
fn published(variant: &Variant) -> Vec<(String, String)> {
    let figures = variant.published.iter().map(|figure| {
        let ours = percent(variant.metrics.aggregate.get(figure.measure).mean);
        let remarks = [figure.caveat.as_deref(), variant.labels_note.as_deref()];
        let remarks: String =
            remarks.into_iter().flatten().map(|remark| format!(" {}", sentence(remark))).collect();
        (
            format!("{} {}", title(figure.measure), percent(figure.value)),
            format!("in {}; here {ours}.{remarks}", figure.source),
        )
    });
    figures.collect()
}

fn measures(metrics: &VariantMetrics) -> Vec<MeasureRow> {
    let row = |measure| {
        let summary = metrics.aggregate.get(measure);
        let of = |baseline: &Baseline| percent(baseline.scores.get(measure));
        MeasureRow {
            title: title(measure),
            mean: percent(summary.mean),
            std_seeds: summary.std_seeds.map(percent),
            std_folds: summary.std_folds.map(percent),
            pooled: percent(summary.pooled),
            interval: summary.ci95.map(range),
            majority: of(&metrics.baselines.majority),
            corpus_only: metrics.baselines.corpus_only.as_ref().map(of),
        }
    };
    Measure::ALL.map(row).into()
}

fn cells_note(metrics: &VariantMetrics) -> String {
    let cells = metrics.cells.iter();
    let folds = cells.clone().map(|cell| cell.fold).collect::<BTreeSet<_>>().len();
    let seeds = cells.map(|cell| cell.seed).collect::<BTreeSet<_>>().len();
    format!("{} × {}", plural(folds, "fold"), plural(seeds, "seed"))
}

fn classes(metrics: &VariantMetrics) -> Vec<ClassRow> {
    let row = |class: &String| {
        let ClassScores { precision, recall, f1, support } = metrics.overall.per_class[class];
        ClassRow {
            class: class.clone(),
            values: [precision, recall, f1].map(percent),
            support: count(u64::from(support)),
        }
    };
    metrics.about.classes.iter().map(row).collect()
}

fn confusion(metrics: &VariantMetrics) -> Vec<ConfusionRow> {
    let rows = metrics.about.classes.iter().zip(&metrics.overall.confusion).enumerate();
    rows.map(|(truth, (class, counts))| {
        let support: u32 = counts.iter().sum();
        let cell = |(predicted, number): (usize, &u32)| {
            let share = if support == 0 { 0.0 } else { f64::from(*number) / f64::from(support) };
            ConfusionCell {
                count: count(u64::from(*number)),
                percent: percent(share),
                share: format!("{share:.2}"),
                hit: truth == predicted,
            }
        };
        ConfusionRow {
            class: class.clone(),
            support: count(u64::from(support)),
            cells: counts.iter().enumerate().map(cell).collect(),
        }
    })
    .collect()
}

fn groups(metrics: &VariantMetrics) -> Vec<GroupKind> {
    let kind = |title, groups: &BTreeMap<String, Group>| GroupKind {
        title,
        rows: groups
            .iter()
            .map(|(name, Group { uar, wa, macro_f1, support })| GroupRow {
                name: name.clone(),
                means: [uar, wa, macro_f1].map(|summary| percent(summary.mean)),
                pooled: [uar, wa, macro_f1].map(|summary| percent(summary.pooled)),
                support: count(u64::from(*support)),
            })
            .collect(),
    };
    let kinds = [kind("Corpus", &metrics.groups.corpus), kind("Sex", &metrics.groups.sex)];
    kinds.into_iter().filter(|kind| !kind.rows.is_empty()).collect()
}

fn cells(variant: &Variant) -> Vec<CellRow> {
    let row = |cell: &CellMetrics| {
        let history =
            variant.histories.iter().find(|history| (history.fold, history.seed) == (cell.fold, cell.seed));
        let kept = history.and_then(|history| {
            let kept = history.epochs.iter().find(|epoch| epoch.kept)?;
            Some(format!("{} of {}", kept.number, history.epochs.last()?.number))
        });
        let support: u32 = cell.detail.confusion.iter().flatten().sum();
        CellRow {
            fold: cell.fold,
            seed: cell.seed,
            values: [cell.scores.uar, cell.scores.wa, cell.scores.macro_f1].map(percent),
            support: count(u64::from(support)),
            kept,
        }
    };
    variant.metrics.cells.iter().map(row).collect()
}

/// The parts, and under several corpora of one role their sum.
fn parts(variant: &Variant) -> Vec<PartRow> {
    let row = |corpus: &str, role: Role, counts: &[usize]| PartRow {
        corpus: corpus.to_owned(),
        role: role.name(),
        counts: counts.iter().map(|number| count(*number as u64)).collect(),
        total: count(counts.iter().sum::<usize>() as u64),
    };
    let mut rows = Vec::new();
    for role in Role::ALL {
        let own: Vec<_> = variant.parts.iter().filter(|part| part.role == role).collect();
        rows.extend(own.iter().map(|part| row(&part.corpus, role, &part.counts)));
        if own.len() > 1 {
            let mut sum = vec![0; variant.metrics.about.classes.len()];
            for part in own {
                sum.iter_mut().zip(&part.counts).for_each(|(sum, number)| *sum += number);
            }
            rows.push(row("all", role, &sum));
        }
    }
    rows
}

fn audit(audit: &Audit) -> Vec<AuditRow> {
    let rows = audit.folds.iter().map(|fold| AuditRow {
        fold: fold.fold,
        sizes: [fold.train, fold.dev, fold.test].map(|number| count(number as u64)),
        shared: [fold.shared_speakers, fold.shared_texts, fold.shared_audio]
            .map(|number| Shared { number: count(number as u64), some: number > 0 }),
    });
    rows.collect()
}
