//! Figures by output: a table, and two-dimensional histograms of predictions.

use std::collections::BTreeMap;

use affekt_eval::{BINS, Density, Description, Measure, OutputMetrics};
use serde::Serialize;

use crate::table::{Cell, Column, Table, TableRow};
use crate::text::{percent, title};

/// The outputs of a variant.
#[derive(Serialize)]
pub(crate) struct Outputs {
    pub table: Table,
    panels: Vec<Panel>,
    frame: Frame,
}

/// The frame of the plot of an output, in its own units.
#[derive(Serialize)]
struct Frame {
    width: f64,
    height: f64,
    left: f64,
    top: f64,
    side: f64,
    /// The side length of a bin.
    bin: f64,
}

/// The plot of one output: truth to the right, prediction upwards.
#[derive(Serialize)]
struct Panel {
    title: String,
    /// The text alternative of the plot.
    description: String,
    low: String,
    high: String,
    /// The non-empty bins.
    bins: Vec<Bin>,
    /// The line through the mean prediction of every non-empty bin of the truth.
    means: String,
}

#[derive(Serialize)]
struct Bin {
    x: String,
    y: String,
    /// Opacity of the colour, in `0..=1`.
    depth: String,
}

const SIDE: f64 = 144.0;
const FRAME: Frame =
    Frame { width: 176.0, height: 168.0, left: 28.0, top: 6.0, side: SIDE, bin: SIDE / BINS as f64 };

/// Builds the view of the outputs of a variant, in order.
pub(crate) fn outputs(
    about: &Description,
    per_output: &BTreeMap<String, OutputMetrics>,
    slug: &str,
    cells: &str,
) -> Outputs {
    let columns = vec![
        Column::mean("CCC"),
        Column::interval("95 % interval"),
        Column::mean("Pearson"),
        Column::mean("MSE"),
    ];
    let known = || about.task.names().iter().filter_map(|name| Some((name, per_output.get(name)?)));
    let row = |(name, output): (&String, &OutputMetrics)| {
        let of = |measure| output.aggregate.get(measure);
        let cells = vec![
            Cell::mean(Measure::Ccc, of(Measure::Ccc)).strong_if(true),
            Cell::interval(Measure::Ccc, of(Measure::Ccc).and_then(|summary| summary.ci95)),
            Cell::mean(Measure::Pearson, of(Measure::Pearson)),
            Cell::mean(Measure::Mse, of(Measure::Mse)),
        ];
        TableRow::new(name.clone(), cells)
    };
    let caption =
        format!("In percent but for MSE: mean over cells ({cells}), and the interval of the pooled CCC.");
    let table = Table::new(format!("outputs-{slug}"), "By output", caption, "Output", columns);
    Outputs {
        table: table.of_results(Some(about)).rows(None, known().map(row)),
        panels: known().map(|(name, output)| panel(name, output)).collect(),
        frame: FRAME,
    }
}

fn panel(name: &str, output: &OutputMetrics) -> Panel {
    let Density { low, high, counts } = &output.density;
    let side = FRAME.bin;
    let most = counts.iter().flatten().copied().max().unwrap_or(0).max(1);
    let bins = counts.iter().enumerate().flat_map(|(truth, line)| {
        line.iter().enumerate().filter(|(_, number)| **number > 0).map(move |(said, number)| Bin {
            x: format!("{:.1}", FRAME.left + truth as f64 * side),
            y: format!("{:.1}", FRAME.top + FRAME.side - (said + 1) as f64 * side),
            // Logarithmic, so that single predictions remain visible beside thousands.
            depth: format!("{:.2}", (1.0 + f64::from(*number)).ln() / (1.0 + f64::from(most)).ln()),
        })
    });
    let means = counts.iter().enumerate().filter_map(|(truth, line)| {
        let rows: u32 = line.iter().sum();
        let sum: f64 =
            line.iter().enumerate().map(|(said, number)| (said as f64 + 0.5) * f64::from(*number)).sum();
        (rows > 0).then(|| {
            let (x, y) = (truth as f64 + 0.5, sum / f64::from(rows));
            format!("{:.1},{:.1}", FRAME.left + x * side, FRAME.top + FRAME.side - y * side)
        })
    });
    let ccc = output.aggregate.get(Measure::Ccc).map(|summary| percent(summary.pooled)).unwrap_or_default();
    let rows: u32 = counts.iter().flatten().sum();
    // Two significant digits of the range: there is no room for more.
    let decimals = usize::try_from(1 - (high - low).log10().floor() as i32).unwrap_or(0);
    let end = |value: f64| format!("{value:.decimals$}");
    Panel {
        description: format!(
            "{name}: {rows} predictions against the truth, which lies between {} and {}; pooled {} {ccc}",
            end(*low),
            end(*high),
            title(Measure::Ccc)
        ),
        title: format!("{name} · {ccc}"),
        low: end(*low),
        high: end(*high),
        bins: bins.collect(),
        means: means.collect::<Vec<_>>().join(" "),
    }
}
