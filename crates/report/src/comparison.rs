//! Tests of the differences between variants.

use affekt_eval::{Bootstrap, Cluster, Compared, Comparison, Measure, Outcome, Pair};
use serde::Serialize;

use crate::headline::UTTERANCES_RESAMPLED;
use crate::leak::stamps_of;
use crate::report::Report;
use crate::scale::nice;
use crate::table::{Cell, Column, Table, TableRow};
use crate::text::{capital, count, either, p_value, plural, signed};

/// The pairs, as a table and as intervals around zero.
#[derive(Serialize)]
pub(crate) struct Comparisons {
    pub table: Table,
    forest: Option<Forest>,
    /// The number of pairs, if they are folded.
    folded: Option<String>,
}

/// Tables with more pairs than this are folded.
const OPEN_ROWS: usize = 30;

/// Differences on one scale, from `-top` to `top` points.
#[derive(Serialize)]
struct Forest {
    measure: String,
    top: String,
    rows: Vec<ForestRow>,
}

#[derive(Serialize)]
struct ForestRow {
    name: String,
    difference: String,
    interval: String,
    /// Positions from 0 to 100: the difference, and the interval's ends.
    at: String,
    ends: [String; 2],
}

/// Builds the comparison of the report's variants, if there is one and it is not part of the table of a sweep.
pub(crate) fn comparisons(report: &Report) -> Option<Comparisons> {
    let comparison = report.comparison.as_ref()?;
    if report.sweep.is_some() && comparison.baseline.is_some() {
        return None;
    }
    let (pairs, apart) = paired(report, comparison);
    if pairs.is_empty() {
        return None;
    }
    let summary = PairsSummary::of(comparison, &pairs);
    let cluster = summary.cluster();
    let mut columns = vec![
        Column::figure("Difference"),
        Column::interval("95 % interval"),
        Column::figure("p").under("Paired bootstrap"),
        Column::figure("Holm").under("Paired bootstrap"),
    ];
    if summary.has_mcnemar {
        columns.extend(["p", "Holm"].map(|title| Column::figure(title).under("McNemar")));
    }
    columns.push(Column::number(&capital(&cluster)));
    let about = format!(
        "Difference of pooled {} in points, with the 95 % interval of the paired bootstrap over {cluster}.",
        either(&summary.measures)
    );
    let rows: Vec<TableRow> = pairs
        .iter()
        .map(|pair| {
            let cells = match &pair.outcome {
                Outcome::Compared(compared) => cells(compared, summary.has_mcnemar),
                Outcome::NotComparable(_) => columns.iter().map(|_| Cell::none()).collect(),
            };
            let note = Some(pair.note()).filter(|note| !note.is_empty());
            TableRow::new(pair_name(&pair.a, &pair.b), cells)
                .stamped(stamps_of(report, &[&pair.a, &pair.b]))
                .noted(note)
        })
        .collect();
    let table = Table::new("comparison", "Pairs of variants", about, "Pair", columns);
    let mut notes = notes(comparison, &summary);
    let compared = compared(&pairs);
    if compared > 1 {
        notes.push(format!("Holm: the same p, corrected for the {} pairs compared.", count(compared as u64)));
    }
    notes.extend(apart_note(apart.len()));
    Some(Comparisons {
        folded: (pairs.len() > OPEN_ROWS).then(|| plural(pairs.len(), "pair")),
        table: table.of_results(None).noted(notes).rows(None, rows),
        forest: forest(&pairs, &summary),
    })
}

/// Explains the tests by which the report's variants were compared.
pub(crate) fn paired_notes(report: &Report) -> Vec<String> {
    let Some(comparison) = &report.comparison else { return Vec::new() };
    let (pairs, apart) = paired(report, comparison);
    let mut notes = notes(comparison, &PairsSummary::of(comparison, &pairs));
    let compared = compared(&pairs);
    if compared > 1 {
        notes.push(format!("Every p is corrected for the {} pairs compared (Holm).", count(compared as u64)));
    }
    notes.extend(apart_note(apart.len()));
    notes
}

/// Separates the pairs from those that cannot be compared because they predict different things, common in sweeps
/// over tasks.
fn paired<'a>(report: &Report, comparison: &'a Comparison) -> (Vec<&'a Pair>, Vec<&'a Pair>) {
    comparison.pairs.iter().partition(|pair| have_one_task(report, pair))
}

/// The common properties of the pairs of a table.
struct PairsSummary {
    measures: Vec<Measure>,
    clusters: Vec<Cluster>,
    /// Whether some of them predict classes.
    has_mcnemar: bool,
}

impl PairsSummary {
    fn of(comparison: &Comparison, pairs: &[&Pair]) -> Self {
        let mut summary = Self { measures: Vec::new(), clusters: Vec::new(), has_mcnemar: false };
        for pair in pairs {
            let measure = pair.measure.unwrap_or(comparison.measure);
            if !summary.measures.contains(&measure) {
                summary.measures.push(measure);
            }
            let Outcome::Compared(compared) = &pair.outcome else { continue };
            if !summary.clusters.contains(&compared.cluster) {
                summary.clusters.push(compared.cluster);
            }
        }
        summary.has_mcnemar = summary.measures.iter().any(|measure| Measure::OF_CLASSES.contains(measure));
        summary
    }

    /// Returns the unit of resampling: `speakers`, `utterances`, or both.
    fn cluster(&self) -> String {
        match self.clusters[..] {
            [] => "speakers".into(),
            _ => self
                .clusters
                .iter()
                .map(|cluster| format!("{}s", cluster.name()))
                .collect::<Vec<_>>()
                .join(" or "),
        }
    }
}

fn have_one_task(report: &Report, pair: &Pair) -> bool {
    let task = |id: &String| {
        let about =
            report.variants.iter().map(|variant| &variant.metrics.about).find(|about| about.id == *id)?;
        let mut names = about.task.names().to_vec();
        names.sort_unstable();
        Some((about.task.classes().is_some(), names))
    };
    task(&pair.a) == task(&pair.b)
}

fn pair_name(a: &str, b: &str) -> String {
    format!("{a} − {b}")
}

fn cells(compared: &Compared, has_mcnemar: bool) -> Vec<Cell> {
    let p = |p: Option<f64>| p.map_or_else(Cell::none, |p| Cell::figure(p_value(p), p));
    let interval = |Bootstrap { ci95, .. }: &Bootstrap| Cell::signed_interval(*ci95);
    let bootstrap = compared.bootstrap.as_ref();
    let mcnemar = compared.mcnemar.as_ref();
    let mut cells = vec![
        Cell::figure(signed(100.0 * compared.difference), compared.difference).strong_if(true),
        bootstrap.map_or_else(Cell::none, interval),
        p(bootstrap.map(|test| test.p)),
        p(bootstrap.map(|test| test.p_holm)),
    ];
    if has_mcnemar {
        cells.extend([p(mcnemar.map(|test| test.p)), p(mcnemar.map(|test| test.p_holm))]);
    }
    cells.push(Cell::count(compared.clusters as u64));
    cells
}

fn forest(pairs: &[&Pair], summary: &PairsSummary) -> Option<Forest> {
    let drawn: Vec<_> = pairs
        .iter()
        .filter_map(|pair| match &pair.outcome {
            Outcome::Compared(compared) => Some((pair, compared.difference, compared.bootstrap?.ci95)),
            Outcome::NotComparable(_) => None,
        })
        .collect();
    let ends = drawn.iter().flat_map(|(_, difference, ci95)| [*difference, ci95[0], ci95[1]]);
    let widest = ends.map(|end| (100.0 * end).abs()).max_by(f64::total_cmp)?;
    let top = nice(widest);
    let place = |difference: f64| format!("{:.2}", 50.0 + 50.0 * (100.0 * difference / top).clamp(-1.0, 1.0));
    let rows = drawn.into_iter().map(|(pair, difference, ci95)| ForestRow {
        name: pair_name(&pair.a, &pair.b),
        difference: signed(100.0 * difference),
        interval: ci95.map(|end| signed(100.0 * end)).join(" to "),
        at: place(difference),
        ends: ci95.map(place),
    });
    Some(Forest { measure: either(&summary.measures), top: format!("{top}"), rows: rows.collect() })
}

fn notes(comparison: &Comparison, summary: &PairsSummary) -> Vec<String> {
    let with = match &comparison.baseline {
        Some(baseline) => format!("Every variant is compared with {baseline}."),
        None => "Each variant is compared with each.".into(),
    };
    let cluster = summary.cluster();
    let mut notes = vec![format!(
        "{with} The paired bootstrap scores both variants on the same {} draws of {cluster} and asks whether the \
         difference would hold with other {cluster}.",
        count(comparison.resamples as u64)
    )];
    if summary.has_mcnemar {
        notes.push(
            "McNemar’s exact test asks whether utterances that only one of the two recognises lean to one side; of several \
             seeds, p is twice the median. It takes utterances for independent, which those of one speaker are not, and so \
             finds differences too readily."
                .into(),
        );
    } else {
        notes.push("Numbers are neither right nor wrong: McNemar’s test does not apply to them.".into());
    }
    notes.extend(
        summary.clusters.iter().any(|cluster| !cluster.is_speaker()).then(|| UTTERANCES_RESAMPLED.to_owned()),
    );
    notes
}

/// Counts the pairs on the same rows.
fn compared(pairs: &[&Pair]) -> usize {
    pairs.iter().filter(|pair| matches!(pair.outcome, Outcome::Compared(_))).count()
}

/// Formats the number of pairs left out.
fn apart_note(apart: usize) -> Option<String> {
    let be = if apart == 1 { "is" } else { "are" };
    (apart > 0).then(|| format!("{} that predict different things {be} left out.", plural(apart, "pair")))
}
