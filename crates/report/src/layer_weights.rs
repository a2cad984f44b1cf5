//! The weights under which a network reads the layers of its encoder, as bars with their spread over training runs.

use crate::report::{LayerWeights, Variant};
use crate::table::{Cell, Column, Table, TableRow};
use crate::text::{percent, plural};

/// Builds the table of a variant's learnt layer weights; `None` if it learnt none.
pub(crate) fn layer_weights(variant: &Variant, slug: &str) -> Option<Table> {
    let about = &variant.metrics.about;
    let weights = &variant.layer_weights;
    let runs = weights.iter().map(|layer| layer.weights.len()).max()?;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let top = weights.iter().map(|layer| mean(&layer.weights)).fold(0.0, f64::max);
    let row = |layer: &LayerWeights| {
        let mean = mean(&layer.weights);
        let squares: f64 = layer.weights.iter().map(|weight| (weight - mean).powi(2)).sum();
        let spread = (runs > 1).then(|| (squares / (runs - 1) as f64).sqrt());
        let low = layer.weights.iter().copied().fold(f64::INFINITY, f64::min);
        let high = layer.weights.iter().copied().fold(0.0, f64::max);
        let name = if layer.layer == 0 { "0 (input)".to_owned() } else { layer.layer.to_string() };
        TableRow::new(
            name,
            vec![
                Cell::percent(mean)
                    .with_bar(mean / top.max(f64::MIN_POSITIVE))
                    .with_spread(spread.map(|spread| (percent(spread), spread))),
                Cell::percent(low),
                Cell::percent(high),
            ],
        )
    };
    let caption = format!(
        "Share of each layer in what the network reads of its encoder, in percent: the mean over {} and their standard deviation; \
         bars show the means. 0 is what enters the first layer.",
        plural(runs, "training run")
    );
    let columns = vec![Column::mean("Weight"), Column::figure("Least"), Column::figure("Most")];
    Some(
        Table::new(
            format!("layer-weights-{slug}"),
            "Weights of the encoder’s layers",
            caption,
            "Layer",
            columns,
        )
        .styled("distribution")
        .of_results(Some(about))
        .rows(None, weights.iter().map(row)),
    )
}
