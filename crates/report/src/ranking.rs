//! The variants of a sweep in one table, the best first, each with its settings and its difference to the baseline.
//!
//! Variants with another measure or other stamps are not comparable, and are ranked separately.

use affekt_eval::{Measure, Pair};

use crate::comparison::paired_notes;
use crate::headline::{MeanAndPooled, interval_notes, meanings, other_measures, part_of, spread_notes};
use crate::published;
use crate::report::{Axis, Judged, Report, Sweep, Variant};
use crate::table::{Cell, Column, Table, TableRow};
use crate::text::{count, either, own_names, p_value, signed, title};

/// Variants that may be ranked together, the best first; equal ones in the order of the file.
pub(crate) struct Ranked<'a> {
    pub measure: Measure,
    pub stamps: &'a [String],
    /// The variants, with their indices in the report.
    pub variants: Vec<(usize, Judged<'a>)>,
}

/// Groups all variants that have a figure, in the order in which their measures and stamps first occur.
pub(crate) fn ranked(report: &Report) -> Vec<Ranked<'_>> {
    let mut all = Vec::<Ranked>::new();
    for (number, variant) in report.variants.iter().enumerate() {
        let Some(judged) = report.judged(variant) else { continue };
        let stamps = &variant.metrics.about.stamps[..];
        match all.iter_mut().find(|ranked| (ranked.measure, ranked.stamps) == (judged.measure, stamps)) {
            Some(ranked) => ranked.variants.push((number, judged)),
            None => all.push(Ranked { measure: judged.measure, stamps, variants: vec![(number, judged)] }),
        }
    }
    for ranked in &mut all {
        ranked.variants.sort_by(|(_, a), (_, b)| b.summary.mean.total_cmp(&a.summary.mean));
    }
    all
}

impl Ranked<'_> {
    /// Formats what distinguishes the group from the others.
    pub fn title(&self, all: &[Self]) -> String {
        let has_other_measure = all.iter().any(|other| other.measure != self.measure);
        let has_other_stamps = all.iter().any(|other| other.stamps != self.stamps);
        let stamps = match self.stamps {
            _ if !has_other_stamps => None,
            [] => Some("without a stamp".to_owned()),
            stamps => Some(stamps.join("; ")),
        };
        let measure = has_other_measure.then(|| title(self.measure).to_owned());
        measure.into_iter().chain(stamps).collect::<Vec<_>>().join(", ")
    }

    /// Returns whether a variant is the best of several.
    fn is_best(&self, judged: Judged<'_>) -> bool {
        self.variants.len() > 1
            && self.variants.first().is_some_and(|(_, best)| best.summary.mean == judged.summary.mean)
    }
}

/// Builds the table. Its rows link to the variants' sections by `slugs`.
pub(crate) fn ranking(report: &Report, sweep: &Sweep, slugs: &[String]) -> Table {
    let all = ranked(report);
    let primaries = report.primaries();
    let others = other_measures(report, &primaries);
    let baseline = report.comparison.as_ref().and_then(|comparison| comparison.baseline.as_deref());
    let pairs = Pairs::of(report);
    let published = published::figures(report);
    let heading = match primaries[..] {
        [only] => title(only),
        _ => "Figure",
    };
    let paths: Vec<&str> = sweep.axes.iter().map(|axis| axis.path.as_str()).collect();
    let settings = sweep.axes.iter().zip(own_names(&paths));
    let mut columns: Vec<Column> = settings.map(|(axis, name)| column(axis, &name)).collect();
    let mean_and_pooled = MeanAndPooled::of(report);
    columns.push(mean_and_pooled.mean(heading));
    columns.extend(mean_and_pooled.columns());
    columns.extend((!published.is_empty()).then(|| Column::number("Published")));
    if let Some(baseline) = baseline {
        let over = format!("Against {baseline}");
        columns.push(Column::figure("Difference").under(over.clone()));
        columns.push(Column::interval("95 % interval").under(over.clone()));
        columns.push(Column::figure("p").under(over.clone()));
        columns.extend(pairs.have_mcnemar.then(|| Column::figure("McNemar’s p").under(over)));
    }
    columns.push(Column::number("Cells"));
    columns.extend(others.iter().map(|measure| Column::mean(title(*measure))));

    let row = |number: usize, judged: Judged<'_>, is_best: bool| {
        let Judged { variant, measure, summary } = judged;
        let mut cells: Vec<Cell> = sweep.axes.iter().map(|axis| setting(axis, number)).collect();
        cells.push(Cell::mean(measure, Some(summary)).strong_if(is_best));
        cells.extend(mean_and_pooled.cells(measure, Some(summary)));
        cells.extend((!published.is_empty()).then(|| published::as_printed(variant, measure)));
        let pair = pairs.of_variant(judged.id());
        if baseline.is_some() {
            cells.extend(differences(pair, pairs.have_mcnemar));
        }
        cells.push(Cell::count(variant.metrics.cells.len()));
        cells.extend(
            others.iter().map(|measure| Cell::mean(*measure, variant.metrics.aggregate.get(*measure))),
        );
        let is_baseline = baseline == Some(judged.id());
        TableRow::new(judged.id(), cells)
            .linked(format!("#variant-{}", slugs[number]))
            .detailed(is_baseline.then(|| "baseline".to_owned()).into_iter().collect())
            .stamped(variant.metrics.about.stamps.clone())
            .noted(pair.map(Pair::note).filter(|note| !note.is_empty()))
    };
    let groups = all.iter().map(|ranked| {
        let rows = ranked.variants.iter();
        let rows = rows.map(|(number, judged)| row(*number, *judged, ranked.is_best(*judged)));
        (ranked.title(&all), rows.collect())
    });
    let part = part_of(&report.variants);
    let apart = if all.len() > 1 { " Groups are not to be ranked against each other." } else { "" };
    let about = format!("{} in percent, the best first.{apart}", either(&primaries));
    Table::new("results", format!("{part} results of the sweep"), about, "Variant", columns)
        .styled("ranking")
        .of_results(None)
        .noted(notes(report, &primaries, &others, &all))
        .groups("Ranked among", groups.collect())
}

/// Creates a setting's column: aligned as numbers if all values are numbers.
fn column(axis: &Axis, name: &str) -> Column {
    if axis.values.iter().flatten().all(serde_json::Value::is_number) {
        Column::number(name)
    } else {
        Column::text(name)
    }
}

fn setting(axis: &Axis, number: usize) -> Cell {
    axis.value(number).map_or_else(Cell::none, |value| Cell::text(crate::text::value(value)))
}

/// The pairs with the baseline, by the other variant.
struct Pairs<'a> {
    pairs: Vec<&'a Pair>,
    have_mcnemar: bool,
}

impl<'a> Pairs<'a> {
    fn of(report: &'a Report) -> Self {
        let comparison = report.comparison.as_ref().filter(|comparison| comparison.baseline.is_some());
        let pairs: Vec<&Pair> = comparison.iter().flat_map(|comparison| &comparison.pairs).collect();
        Self { have_mcnemar: pairs.iter().any(|pair| pair.has_mcnemar()), pairs }
    }

    fn of_variant(&self, id: &str) -> Option<&'a Pair> {
        self.pairs.iter().find(|pair| pair.a == id).copied()
    }
}

/// Formats difference, interval and corrected p of a pair; empty for the baseline itself.
fn differences(pair: Option<&Pair>, have_mcnemar: bool) -> Vec<Cell> {
    let compared = pair.and_then(Pair::compared);
    let bootstrap = compared.and_then(|compared| compared.bootstrap.as_ref());
    let p = |p: Option<f64>| p.map_or_else(Cell::none, |p| Cell::figure(p_value(p), p));
    let mut cells = vec![
        compared.map_or_else(Cell::none, |compared| {
            Cell::figure(signed(100.0 * compared.difference), compared.difference)
        }),
        bootstrap.map_or_else(Cell::none, |test| Cell::signed_interval(test.ci95)),
        p(bootstrap.map(|test| test.p_holm)),
    ];
    if have_mcnemar {
        cells.push(p(compared.and_then(|compared| Some(compared.mcnemar.as_ref()?.p_holm))));
    }
    cells
}

fn notes(report: &Report, primaries: &[Measure], others: &[Measure], all: &[Ranked<'_>]) -> Vec<String> {
    let mut notes: Vec<String> = best_of(report, all).into_iter().collect();
    notes.extend(meanings(&[primaries, others].concat()));
    notes.extend(spread_notes(report));
    notes.extend(interval_notes(report));
    if report.comparison.as_ref().is_some_and(|comparison| comparison.baseline.is_some()) {
        notes.extend(paired_notes(report));
    }
    let with_figures: Vec<&Variant> =
        all.iter().flat_map(|ranked| &ranked.variants).map(|(_, judged)| judged.variant).collect();
    notes.extend(published::remarks(&with_figures));
    notes
}

/// Describes how significant the first rank is.
fn best_of(report: &Report, all: &[Ranked<'_>]) -> Option<String> {
    let most = all.iter().map(|ranked| ranked.variants.len()).max().filter(|most| *most > 1)?;
    let part = part_of(&report.variants).to_lowercase();
    Some(format!(
        "The best of {} {part} figures is optimistic: it was lucky too, and its interval does not know that it was picked. \
         Settings should be chosen on the dev part (tuning), and what was chosen be tested once.",
        count(most as u64)
    ))
}
