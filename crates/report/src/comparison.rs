//! Which differences between variants other speakers would bear out.

use affekt_eval::{Bootstrap, Compared, Comparison, Outcome};
use serde::Serialize;

use crate::leak::stamps_of;
use crate::report::Report;
use crate::scale::nice;
use crate::table::{Cell, Column, Row, Table};
use crate::text::{count, p_value, signed, title};

/// The pairs, as a table and as intervals around no difference.
#[derive(Serialize)]
pub(crate) struct Comparisons {
    pub table: Table,
    forest: Option<Forest>,
}

/// Differences on one scale, from `-top` to `top` points.
#[derive(Serialize)]
struct Forest {
    measure: &'static str,
    top: String,
    rows: Vec<ForestRow>,
}

#[derive(Serialize)]
struct ForestRow {
    name: String,
    difference: String,
    interval: String,
    /// Places from 0 to 100: the difference, and the interval's ends.
    at: String,
    ends: [String; 2],
}

/// The comparison of the report's variants, where there is one.
pub(crate) fn comparisons(report: &Report) -> Option<Comparisons> {
    let comparison = report.comparison.as_ref().filter(|comparison| !comparison.pairs.is_empty())?;
    let columns = vec![
        Column::figure("Difference"),
        Column::interval("95 % interval"),
        Column::figure("p").under("Paired bootstrap"),
        Column::figure("Holm").under("Paired bootstrap"),
        Column::figure("p").under("McNemar"),
        Column::figure("Holm").under("McNemar"),
        Column::number("Speakers"),
    ];
    let about = format!(
        "Difference of pooled {} in points, with the 95 % interval of the paired bootstrap over speakers.",
        title(comparison.measure)
    );
    let rows = comparison.pairs.iter().map(|pair| {
        let cells = match &pair.outcome {
            Outcome::Compared(compared) => cells(compared),
            Outcome::NotComparable(_) => columns.iter().map(|_| Cell::none()).collect(),
        };
        let note = Some(pair.note()).filter(|note| !note.is_empty());
        Row::new(pair_name(&pair.a, &pair.b), cells)
            .stamped(stamps_of(report, &[&pair.a, &pair.b]))
            .noted(note)
    });
    let rows: Vec<Row> = rows.collect();
    let table = Table::new("comparison", "Pairs of variants", about, "Pair", columns);
    Some(Comparisons {
        table: table.of_results(None).noted(notes(comparison)).rows(None, rows),
        forest: forest(comparison),
    })
}

fn pair_name(a: &str, b: &str) -> String {
    format!("{a} − {b}")
}

fn cells(compared: &Compared) -> Vec<Cell> {
    let p = |p: Option<f64>| p.map_or_else(Cell::none, |p| Cell::figure(p_value(p), p));
    let interval = |Bootstrap { ci95, .. }: &Bootstrap| Cell::signed_interval(*ci95);
    let bootstrap = compared.bootstrap.as_ref();
    let mcnemar = compared.mcnemar.as_ref();
    vec![
        Cell::figure(signed(100.0 * compared.difference), compared.difference).strong_if(true),
        bootstrap.map_or_else(Cell::none, interval),
        p(bootstrap.map(|test| test.p)),
        p(bootstrap.map(|test| test.p_holm)),
        p(mcnemar.map(|test| test.p)),
        p(mcnemar.map(|test| test.p_holm)),
        Cell::count(compared.clusters as u64),
    ]
}

fn forest(comparison: &Comparison) -> Option<Forest> {
    let drawn: Vec<_> = comparison
        .pairs
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
    Some(Forest { measure: title(comparison.measure), top: format!("{top}"), rows: rows.collect() })
}

fn notes(comparison: &Comparison) -> Vec<String> {
    let Comparison { resamples, pairs, baseline, .. } = comparison;
    let with = match baseline {
        Some(baseline) => format!("Every variant is compared with {baseline}."),
        None => "Each variant is compared with each.".into(),
    };
    let mut notes = vec![
        format!(
            "{with} The paired bootstrap scores both variants on the same {} draws of speakers and asks whether the \
             difference would hold with other speakers.",
            count(*resamples as u64)
        ),
        "McNemar’s exact test asks whether utterances that only one of the two recognises lean to one side; of several \
         seeds, p is twice the median. It takes utterances for independent, which those of one speaker are not, and so \
         finds differences too readily."
            .into(),
    ];
    let compared = pairs.iter().filter(|pair| matches!(pair.outcome, Outcome::Compared(_))).count();
    if compared > 1 {
        notes.push(format!("Holm: the same p, corrected for the {} pairs compared.", count(compared as u64)));
    }
    notes
}
