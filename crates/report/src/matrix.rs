//! Figures in a matrix, as in papers: a row for each value of one setting, a column for each of another, with
//! published figures beside ours.

use std::collections::BTreeSet;

use affekt_eval::Measure;
use serde_json::Value;

use crate::headline::part_of;
use crate::leak::stamps_of;
use crate::published;
use crate::report::{Axis, Matrix, Report, Variant};
use crate::table::{Cell, Column, Table, TableRow};
use crate::text::{capital, title, value};

/// Builds the table that the report asks for; `None` if it asks for none, or no variant has the setting of the columns.
pub(crate) fn matrix(report: &Report) -> Option<Table> {
    let matrix = report.matrix.as_ref()?;
    let places: Vec<Place> = places(report, matrix);
    let rows = distinct(places.iter().map(|place| &place.row));
    let columns = distinct(places.iter().map(|place| &place.column));
    if places.is_empty() {
        return None;
    }
    let heads: Vec<Head> = columns.into_iter().map(|column| Head::of(report, column, &places)).collect();
    let titles = heads.iter().flat_map(|head| {
        let measure = head.measure.map_or("Figure", title);
        let published = head.has_published.then(|| Column::number("Published").under(head.title.clone()));
        [Column::mean(measure).under(head.title.clone())].into_iter().chain(published)
    });
    let titles: Vec<Column> = titles.collect();
    let lines = rows.into_iter().map(|row| {
        let own: Vec<&Place> = places.iter().filter(|place| place.row == *row).collect();
        let cells = heads.iter().flat_map(|head| {
            let place = own.iter().find(|place| place.column == head.title);
            let published =
                head.has_published.then(|| place.map_or_else(Cell::none, |place| place.published(report)));
            let here = place.map_or_else(Cell::none, |place| {
                let (measure, summary) = (place.measure(report), place.summary(report));
                let is_best = summary.is_some_and(|summary| Some(summary.mean) == head.best);
                let cell = Cell::mean(measure, summary).strong_if(is_best);
                // If a column has several measures, each cell names its own.
                if head.measure.is_none() { cell.of(title(measure)) } else { cell }
            });
            [here].into_iter().chain(published)
        });
        let (name, details) = row;
        let ids: Vec<&str> = own.iter().map(|place| place.variant.metrics.about.id.as_str()).collect();
        TableRow::new(name.clone(), cells.collect())
            .detailed(details.clone())
            .stamped(stamps_of(report, &ids))
    });
    let variants = places.iter().map(|place| place.variant);
    let [by, of] = [&matrix.rows, &matrix.columns].map(name);
    let about = format!(
        "{} figures in percent; ± is the spread over seeds, or else over folds. The best of a column stands out, \
         whether or not it differs.",
        part_of(variants)
    );
    let table = Table::new("matrix", format!("By {by} and {of}"), about, capital(by), titles);
    let lines: Vec<TableRow> = lines.collect();
    Some(table.of_results(None).noted(notes(report, &places)).rows(None, lines))
}

/// A variant with its position.
struct Place<'a> {
    variant: &'a Variant,
    /// The row's name, and the other settings that distinguish it from rows with the same name.
    row: (String, Vec<String>),
    column: String,
}

impl Place<'_> {
    fn measure(&self, report: &Report) -> Measure {
        report.primary_of(self.variant)
    }

    fn summary(&self, report: &Report) -> Option<&affekt_eval::Summary> {
        self.variant.metrics.aggregate.get(self.measure(report))
    }

    fn published(&self, report: &Report) -> Cell {
        published::as_printed(self.variant, self.measure(report))
    }
}

/// The common properties of a column's variants.
struct Head {
    title: String,
    /// Their primary measure, if it is the same for all.
    measure: Option<Measure>,
    has_published: bool,
    best: Option<f64>,
}

impl Head {
    fn of(report: &Report, column: &str, places: &[Place<'_>]) -> Self {
        let own: Vec<&Place> = places.iter().filter(|place| place.column == column).collect();
        let measures: BTreeSet<Measure> = own.iter().map(|place| place.measure(report)).collect();
        let has_published = own.iter().any(|place| {
            place.variant.published.iter().any(|figure| figure.measure == place.measure(report))
        });
        let means = own.iter().filter_map(|place| Some(place.summary(report)?.mean));
        let measure = measures.first().copied().filter(|_| measures.len() == 1);
        let best = means.max_by(f64::total_cmp).filter(|_| measure.is_some() && own.len() > 1);
        Self { title: column.to_owned(), measure, has_published, best }
    }
}

/// Returns the position of every variant that has a column. A variant without a row gets one under its own name.
fn places<'a>(report: &'a Report, matrix: &Matrix) -> Vec<Place<'a>> {
    let of = |axis: &Axis, number: usize| axis.values.get(number).cloned().flatten();
    let standing = report.variants.iter().enumerate().filter_map(|(number, variant)| {
        Some((variant, of(&matrix.rows, number), of(&matrix.columns, number)?))
    });
    let standing: Vec<(&Variant, Option<Value>, Value)> = standing.collect();
    standing
        .iter()
        .map(|(variant, row, column)| {
            let shared = standing.iter().filter(|(_, other_row, other)| (other_row, other) == (row, column));
            let shared: Vec<&Variant> = shared.map(|(variant, ..)| *variant).collect();
            let name = row.as_ref().map_or_else(|| variant.metrics.about.id.clone(), value);
            Place { variant, row: (name, others(variant, &shared, matrix)), column: value(column) }
        })
        .collect()
}

/// Returns the other settings in which a variant differs from those in the same row and column.
fn others(variant: &Variant, shared: &[&Variant], matrix: &Matrix) -> Vec<String> {
    let params = variant.metrics.about.params.iter().filter(|(name, param)| {
        ![&matrix.rows.path, &matrix.columns.path].contains(name)
            && shared.iter().any(|other| other.metrics.about.params.get(*name) != Some(param))
    });
    params.map(|(name, param)| format!("{name} {}", value(param))).collect()
}

/// Returns the sources and caveats of published figures, and what is missing in the table.
fn notes(report: &Report, places: &[Place<'_>]) -> Vec<String> {
    let variants: Vec<&Variant> = places.iter().map(|place| place.variant).collect();
    let mut notes = published::remarks(&variants);
    let known: BTreeSet<&str> = places.iter().map(|place| place.variant.metrics.about.id.as_str()).collect();
    let ids = report.variants.iter().map(|variant| variant.metrics.about.id.as_str());
    let left_out: Vec<&str> = ids.filter(|id| !known.contains(id)).collect();
    if !left_out.is_empty() {
        notes.push(format!("Not in this table: {}.", left_out.join(", ")));
    }
    notes
}

/// Returns the short name of a setting: `encoder` for `with.encoder`.
fn name(axis: &Axis) -> &str {
    axis.path.rsplit_once('.').map_or(axis.path.as_str(), |(_, name)| name)
}

/// Removes duplicates, keeping the order.
fn distinct<'a, T: PartialEq>(values: impl Iterator<Item = &'a T>) -> Vec<&'a T> {
    let mut distinct = Vec::new();
    for value in values {
        if !distinct.contains(&value) {
            distinct.push(value);
        }
    }
    distinct
}
