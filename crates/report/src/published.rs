//! Published figures beside ours, and the caveats of comparing them.

use affekt_domain::Role;
use affekt_eval::Measure;

use crate::page::left_out;
use crate::report::{Published, Report, Variant};
use crate::table::{Cell, Column, Table, TableRow};
use crate::text::{points, quoted, sentence, signed, title};
use crate::training::kept_on_dev;

/// Builds the table of published figures with their caveats; `None` if there are none.
pub(crate) fn published(report: &Report) -> Option<Table> {
    let rows: Vec<TableRow> = report
        .variants
        .iter()
        .flat_map(|variant| {
            let own = variant.published.iter().map(move |figure| row(variant, None, figure));
            let others = variant.published_elsewhere.iter();
            own.chain(others.map(move |(part, figure)| row(variant, Some(*part), figure)))
        })
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

/// Builds the row of a figure: of the scored part, or of another one.
fn row(variant: &Variant, part: Option<Role>, figure: &Published) -> TableRow {
    let about = &variant.metrics.about;
    let measure = figure.measure;
    let (of, mean, here) = match part {
        None => {
            let here = variant.metrics.aggregate.get(measure);
            (title(measure).to_owned(), here.map(|here| here.mean), Cell::mean(measure, here))
        }
        Some(part) => {
            let mean = if part == Role::Dev { kept_on_dev(variant, measure) } else { None };
            (format!("{}, {} part", title(measure), part.name()), mean, Cell::measured(measure, mean))
        }
    };
    // The difference between the figures as printed.
    let difference = mean.map(|mean| {
        let printed = points(mean) - 100.0 * figure.value;
        Cell::figure(signed(printed), mean - figure.value)
    });
    let cells = vec![
        Cell::text(of),
        Cell::quoted(figure.value, figure.std),
        here,
        difference.unwrap_or_else(Cell::none),
        Cell::text(figure.source.clone()),
    ];
    TableRow::new(about.id.clone(), cells).stamped(about.stamps.clone()).noted(caveats(variant, figure))
}
