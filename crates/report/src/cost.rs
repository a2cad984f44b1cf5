//! What the figures cost, and on what they were computed.

use crate::report::{Cost, Report};
use crate::table::{Cell, Column, Row, Table};
use crate::text::duration;

/// Time by op; `None` where nothing ran.
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
        let hours = |seconds: f64| Cell::figure(format!("{:.2}", seconds / 3600.0), seconds / 3600.0);
        let mut cells = vec![
            Cell::count(cost.run),
            Cell::count(cost.cached),
            time(cost.seconds),
            time(cost.all_seconds),
            hours(cost.core_seconds),
        ];
        cells.extend(has_gpu.then(|| hours(cost.gpu_seconds)));
        Row::new(cost.op.clone(), cells)
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

/// Versions and hardware; `None` where nothing is known.
pub(crate) fn provenance(report: &Report) -> Option<Table> {
    let rows = report.provenance.iter();
    let rows: Vec<Row> =
        rows.map(|(name, value)| Row::new(name.clone(), vec![Cell::text(value.clone())])).collect();
    let about = "What the results were computed with and on, as their own records say; an earlier run may have made them.";
    let columns = vec![Column::text("Value")];
    (!rows.is_empty())
        .then(|| Table::new("provenance", "Provenance", about, "Name", columns).rows(None, rows))
}
