//! Published figures beside ours, and the caveats of comparing them.

use affekt_eval::Measure;

use crate::page::left_out;
use crate::report::{Published, Report, Variant};
use crate::table::{Cell, Column, Table, TableRow};
use crate::text::{points, quoted, sentence, signed, title};

/// Builds the table of published figures with their caveats; `None` if there are none.
pub(crate) fn published(report: &Report) -> Option<Table> {
    let rows: Vec<TableRow> = report
        .variants
        .iter()
        .flat_map(|variant| variant.published.iter().map(move |figure| row(variant, figure)))
        .collect();
    if rows.is_empty() {
        return None;
    }
    let columns = vec![
        Column::text("Measure"),
        Column::figure("Published"),
        Column::mean("Here"),
        Column::figure("Difference"),
        Column::text("Source"),
    ];
    let about = "In percent; the difference in points. Read them with what stands below each.";
    let table = Table::new("published", "Published beside ours", about, "Variant", columns);
    Some(table.of_results(None).rows(None, rows))
}

/// Returns the published figures of the variants' primary measures.
pub(crate) fn figures(report: &Report) -> Vec<&Published> {
    let of = |variant| {
        let primary = report.primary_of(variant);
        variant.published.iter().filter(move |figure| figure.measure == primary)
    };
    report.variants.iter().flat_map(of).collect()
}

/// Formats the published figure of a variant.
pub(crate) fn as_printed(variant: &Variant, measure: Measure) -> Cell {
    let figures = variant.published.iter().filter(|figure| figure.measure == measure);
    let texts: Vec<String> = figures.map(|figure| quoted(figure.value)).collect();
    if texts.is_empty() { Cell::none() } else { Cell::text(texts.join(", ")) }
}

/// Returns the sources of the variants' published figures and the caveats of comparing them, each once.
pub(crate) fn remarks(variants: &[&Variant]) -> Vec<String> {
    let figures = || variants.iter().flat_map(|variant| &variant.published);
    let sources = figures().filter(|figure| !figure.source.is_empty());
    let sources = sources.map(|figure| format!("Published: {}", sentence(&figure.source)));
    let caveats = figures().filter_map(|figure| figure.caveat.as_deref()).map(sentence);
    let labels = variants.iter().filter_map(|variant| variant.labels_note.as_deref()).map(sentence);
    let left_out = variants.iter().filter_map(|variant| left_out(variant));
    let mut remarks = Vec::new();
    for remark in left_out.chain(sources).chain(caveats).chain(labels) {
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    }
    remarks
}

/// Returns why a published figure is not directly comparable: our data, its source, and our labels.
pub(crate) fn caveats(variant: &Variant, figure: &Published) -> Option<String> {
    let remarks = [figure.caveat.as_deref(), variant.labels_note.as_deref()];
    let remarks = remarks.into_iter().flatten().map(sentence);
    let remarks: Vec<String> = left_out(variant).into_iter().chain(remarks).collect();
    (!remarks.is_empty()).then(|| remarks.join(" "))
}

fn row(variant: &Variant, figure: &Published) -> TableRow {
    let about = &variant.metrics.about;
    let here = variant.metrics.aggregate.get(figure.measure);
    // The difference between the figures as printed.
    let difference = here.map(|here| {
        let printed = points(here.mean) - 100.0 * figure.value;
        Cell::figure(signed(printed), here.mean - figure.value)
    });
    let cells = vec![
        Cell::text(title(figure.measure)),
        Cell::quoted(figure.value, figure.std),
        Cell::mean(figure.measure, here),
        difference.unwrap_or_else(Cell::none),
        Cell::text(figure.source.clone()),
    ];
    TableRow::new(about.id.clone(), cells).stamped(about.stamps.clone()).noted(caveats(variant, figure))
}
