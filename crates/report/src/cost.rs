//! Computing time, and the environment of the computation.

use crate::report::{Cost, Report, Spent, VariantCost, VariantCosts};
use crate::table::{Cell, Column, Table, TableRow};
use crate::text::duration;

/// Builds the table of time by op; `None` if nothing ran.
pub(crate) fn costs(costs: &[Cost]) -> Option<Table> {
    if costs.is_empty() {
        return None;
    }
    let has_gpu = costs.iter().any(|cost| cost.gpu_seconds > 0.0);
    let mut columns = vec![
        Column::number("Ran"),
        Column::number("Cached"),
        Column::figure("This run"),
        Column::figure("In all"),
        Column::figure("Core-hours"),
    ];
    columns.extend(has_gpu.then(|| Column::figure("GPU-hours")));
    let row = |cost: &Cost| {
        let time = |seconds: f64| Cell::figure(duration(seconds), seconds);
        let mut cells = vec![
            Cell::count(cost.run),
            Cell::count(cost.cached),
            time(cost.seconds),
            time(cost.all_seconds),
            hours(cost.core_seconds),
        ];
        cells.extend(has_gpu.then(|| hours(cost.gpu_seconds)));
        TableRow::new(cost.op.clone(), cells)
    };
    let sum = costs.iter().fold(Cost { op: "all".into(), ..Cost::default() }, |sum, cost| Cost {
        op: sum.op,
        run: sum.run + cost.run,
        cached: sum.cached + cost.cached,
        seconds: sum.seconds + cost.seconds,
        all_seconds: sum.all_seconds + cost.all_seconds,
        core_seconds: sum.core_seconds + cost.core_seconds,
        gpu_seconds: sum.gpu_seconds + cost.gpu_seconds,
    });
    let about = "Nodes run side by side, so their times add up to more than the clock shows. In all: what every result \
                 took when it was made, cached ones included. Core-hours are estimated as that time by the cores that \
                 a node asks for. Exact times are in seconds.";
    let rows = costs.iter().map(row).chain([row(&sum).summing()]);
    Some(Table::new("cost", "Cost by op", about, "Op", columns).rows(None, rows))
}

/// Builds the table of time by variant; what several share has a row of its own, so that the total counts every node
/// once.
pub(crate) fn variant_costs(report: &Report, costs: &VariantCosts) -> Table {
    let own: Spent = costs.variants.iter().map(|cost| cost.own).sum();
    let all = own + costs.shared;
    let has_gpu = all.gpu_seconds > 0.0;
    let columns_of = |heading: &'static str| {
        let columns = [Column::number("Nodes"), Column::figure("Time"), Column::figure("Core-hours")];
        let columns = columns.into_iter().chain(has_gpu.then(|| Column::figure("GPU-hours")));
        columns.map(move |column| column.under(heading))
    };
    let cells_of = |spent: Spent| {
        let cells = [
            Cell::count(spent.nodes),
            Cell::figure(duration(spent.seconds), spent.seconds),
            hours(spent.core_seconds),
        ];
        cells.into_iter().chain(has_gpu.then(|| hours(spent.gpu_seconds)))
    };
    let nothing = || columns_of("").map(|_| Cell::none());
    let ids = report.variants.iter().map(|variant| variant.metrics.about.id.clone());
    let row = |(id, VariantCost { own, shared }): (String, &VariantCost)| {
        TableRow::new(id, cells_of(*own).chain(cells_of(*own + *shared)).collect())
    };
    let together = |name: &str, spent: Spent| TableRow::new(name, cells_of(spent).chain(nothing()).collect());
    let rows = ids
        .zip(&costs.variants)
        .map(row)
        .chain([together("shared by several", costs.shared), together("all", all).summing()]);
    let about = "What led to each variant’s figures, as every result took when it was made, cached ones included. Alone: nodes \
                 that only it needs. With what it shares: what it would have cost by itself. Core-hours are estimated as \
                 time by the cores that a node asks for.";
    let columns = columns_of("Alone").chain(columns_of("With what it shares")).collect();
    Table::new("variant-cost", "Cost by variant", about, "Variant", columns).rows(None, rows)
}

fn hours(seconds: f64) -> Cell {
    Cell::figure(format!("{:.2}", seconds / 3600.0), seconds / 3600.0)
}

/// Builds the table of versions and hardware; `None` if nothing is known.
pub(crate) fn provenance(report: &Report) -> Option<Table> {
    let rows = report.provenance.iter();
    let rows: Vec<TableRow> =
        rows.map(|(name, value)| TableRow::new(name.clone(), vec![Cell::text(value.clone())])).collect();
    let about = "The environment of the computation, as recorded with the results, some of which may be from earlier runs.";
    let columns = vec![Column::text("Value")];
    (!rows.is_empty())
        .then(|| Table::new("provenance", "Provenance", about, "Name", columns).rows(None, rows))
}
