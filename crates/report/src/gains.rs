//! Differences between methods here, compared with published ones.

use affekt_eval::{Compared, Outcome, Pair};

use crate::leak::stamps_of;
use crate::replication::figures;
use crate::report::{Judged, Report};
use crate::table::{Cell, Column, Table, TableRow};
use crate::text::{count, p_value, points, signed};

/// Builds the table of differences for each pair of which both figures are published; `None` if there is no such pair.
pub(crate) fn gains(report: &Report, judged: &[Judged<'_>]) -> Option<Table> {
    let comparison = report.comparison.as_ref()?;
    let of = |id: &str| judged.iter().find(|judged| judged.id() == id).copied();
    let rows: Vec<TableRow> =
        comparison.pairs.iter().filter_map(|pair| row(report, pair, of(&pair.a)?, of(&pair.b)?)).collect();
    if rows.is_empty() {
        return None;
    }
    let columns = vec![
        Column::figure("Published"),
        Column::figure("Here"),
        Column::figure("Here, pooled"),
        Column::interval("95 % interval"),
        Column::figure("p"),
        Column::figure("Holm"),
    ];
    let compared =
        comparison.pairs.iter().filter(|pair| matches!(pair.outcome, Outcome::Compared(_))).count();
    let about = format!(
        "Differences of the means over sessions in points; then that of the predictions of all sessions pooled, with the \
         paired bootstrap. Holm: p corrected for the {} pairs compared.",
        count(compared as u64)
    );
    let table =
        Table::new("gains", "Differences between methods, as published and here", about, "Pair", columns);
    Some(table.of_results(None).rows(None, rows))
}

fn row(report: &Report, pair: &Pair, a: Judged<'_>, b: Judged<'_>) -> Option<TableRow> {
    let published = figures(a).next()?.value - figures(b).next()?.value;
    let mean = |judged: Judged<'_>| Some(judged.variant.metrics.sessions.mean(judged.measure)?.mean);
    let here = mean(a)
        .zip(mean(b))
        .map_or_else(Cell::none, |(a, b)| Cell::figure(signed(points(a) - points(b)), a - b));
    let mut cells = vec![Cell::figure(signed(100.0 * published), published), here.strong_if(true)];
    cells.extend(match &pair.outcome {
        Outcome::Compared(compared) => tested(compared),
        Outcome::NotComparable(_) => std::array::from_fn(|_| Cell::none()),
    });
    let row = TableRow::new(format!("{} − {}", pair.a, pair.b), cells);
    Some(
        row.stamped(stamps_of(report, &[&pair.a, &pair.b]))
            .noted(Some(pair.note()).filter(|note| !note.is_empty())),
    )
}

/// Formats the result of the paired comparison.
fn tested(compared: &Compared) -> [Cell; 4] {
    let bootstrap = compared.bootstrap.as_ref();
    let p = |p: Option<f64>| p.map_or_else(Cell::none, |p| Cell::figure(p_value(p), p));
    [
        Cell::figure(signed(100.0 * compared.difference), compared.difference),
        bootstrap.map_or_else(Cell::none, |test| Cell::signed_interval(test.ci95)),
        p(bootstrap.map(|test| test.p)),
        p(bootstrap.map(|test| test.p_holm)),
    ]
}
