//! Tables for every format: the page, Markdown, LaTeX and CSV are filled from this one view.
//!
//! What must be shown with figures is part of the table and not of a template: its stamps, a row's caveats, the
//! caption. Thus no format can omit them, and all have the same rows and columns.

use affekt_domain::without_formula;
use affekt_eval::{Description, Measure, Summary};
use serde::Serialize;

use crate::text::{self, count, error_beside, figure, is_percent, percent, range, signed};

/// Rows of figures under a caption.
#[derive(Serialize)]
pub(crate) struct Table {
    /// The stem of its files and its anchor: `classes-random`.
    name: String,
    title: String,
    /// The caption after the title: whole sentences.
    about: String,
    /// The variant that the whole table is about.
    #[serde(skip)]
    variant: Option<String>,
    /// The stamps of the whole table.
    stamps: Vec<String>,
    /// Whether it holds results, for which CSV always includes stamps.
    #[serde(skip)]
    holds_results: bool,
    /// A CSS class for a special style.
    style: &'static str,
    /// The heading of the row names.
    header: String,
    /// The property by which rows are grouped, if they are.
    grouped_by: &'static str,
    columns: Vec<Column>,
    /// Headings over several columns, if there are any.
    spans: Vec<Span>,
    groups: Vec<RowGroup>,
    /// Number of columns, including the row names.
    width: usize,
    has_row_stamps: bool,
    has_notes: bool,
    /// Notes necessary to read it: whole sentences.
    notes: Vec<String>,
    /// Whether it is longer than a printed page.
    is_long: bool,
}

/// The number of rows that fit on a printed page.
const PAGE_ROWS: usize = 40;

#[derive(Serialize)]
pub(crate) struct Column {
    title: String,
    over: Option<String>,
    is_text: bool,
    /// The CSV names of its cells' fields: the text, then exact figures.
    #[serde(skip)]
    fields: Vec<String>,
}

/// A heading over neighbouring columns, or a gap. Columns are counted from 1, that of the row names.
#[derive(Serialize)]
struct Span {
    title: Option<String>,
    columns: usize,
    first: usize,
    last: usize,
}

#[derive(Serialize)]
struct RowGroup {
    title: Option<String>,
    rows: Vec<TableRow>,
}

#[derive(Serialize)]
pub(crate) struct TableRow {
    header: String,
    /// The link of its name.
    href: Option<String>,
    /// Details under its name.
    details: Vec<String>,
    stamps: Vec<String>,
    /// Why its figures need caution.
    note: Option<String>,
    cells: Vec<Cell>,
    is_sum: bool,
}

#[derive(Serialize)]
pub(crate) struct Cell {
    text: String,
    /// The spread of the figure: `9.8` of `75.5 ± 9.8`.
    spread: Option<String>,
    /// The number of predictions of a share.
    number: Option<String>,
    is_strong: bool,
    is_warning: bool,
    /// Opacity of its colour, in `0..=1`.
    shade: Option<String>,
    /// Height of its bar, in `0..=1`.
    bar: Option<String>,
    #[serde(skip)]
    fields: Vec<String>,
}

impl Table {
    /// Creates an empty table. `about` is whole sentences, or empty.
    pub fn new(
        name: impl Into<String>,
        title: impl Into<String>,
        about: impl Into<String>,
        header: impl Into<String>,
        columns: Vec<Column>,
    ) -> Self {
        Self {
            name: name.into(),
            title: title.into(),
            about: about.into(),
            variant: None,
            stamps: Vec::new(),
            holds_results: false,
            style: "",
            header: header.into(),
            grouped_by: "",
            spans: spans(&columns),
            width: 1 + columns.len(),
            columns,
            groups: Vec::new(),
            has_row_stamps: false,
            has_notes: false,
            notes: Vec::new(),
            is_long: false,
        }
    }

    /// Marks the table as one of results, of one variant or, if each row has its own stamps, of several.
    pub fn of_results(mut self, variant: Option<&Description>) -> Self {
        self.holds_results = true;
        if let Some(variant) = variant {
            self.variant = Some(variant.id.clone());
            self.stamps.clone_from(&variant.stamps);
        }
        self
    }

    /// Sets the stamps of the whole table, of which its rows then have none.
    pub fn stamped(mut self, stamps: Vec<String>) -> Self {
        self.stamps = stamps;
        self
    }

    pub fn styled(mut self, style: &'static str) -> Self {
        self.style = style;
        self
    }

    pub fn noted(mut self, notes: Vec<String>) -> Self {
        self.notes = notes;
        self
    }

    /// Sets the property by which rows are grouped.
    pub fn grouped_by(mut self, what: &'static str) -> Self {
        self.grouped_by = what;
        self
    }

    /// Adds rows, under a heading if the table has several groups. Stamps and notes that are the same for all rows
    /// are moved to the table.
    pub fn rows(mut self, title: Option<&str>, rows: impl IntoIterator<Item = TableRow>) -> Self {
        let mut rows: Vec<TableRow> = rows.into_iter().collect();
        if let ([first, _, ..], None) = (&rows[..], title)
            && rows.iter().all(|row| row.stamps == first.stamps)
        {
            self.stamps.extend(first.stamps.iter().cloned());
            rows.iter_mut().for_each(|row| row.stamps.clear());
        }
        self.has_row_stamps |= rows.iter().any(|row| !row.stamps.is_empty());
        self.has_notes |= rows.iter().any(|row| row.note.is_some());
        self.groups.push(RowGroup { title: title.map(str::to_owned), rows });
        self.is_long = self.groups.iter().map(|group| group.rows.len()).sum::<usize>() > PAGE_ROWS;
        self
    }

    /// Adds groups of rows, each under its heading; a single group needs none. Stamps and notes that are the same for
    /// all rows are moved to the table.
    pub fn groups(self, what: &'static str, mut groups: Vec<(String, Vec<TableRow>)>) -> Self {
        if let [(_, rows)] = &mut groups[..] {
            let rows = std::mem::take(rows);
            return match groups.swap_remove(0).0 {
                title if title.is_empty() => self.rows(None, rows),
                title => self.grouped_by(what).rows(Some(&title), rows),
            };
        }
        let mut table = self.grouped_by(what);
        let stamps = |groups: &[(String, Vec<TableRow>)]| {
            let mut rows = groups.iter().flat_map(|(_, rows)| rows);
            let first = rows.next().map(|row| row.stamps.clone()).unwrap_or_default();
            rows.all(|row| row.stamps == first).then_some(first)
        };
        if let Some(stamps) = stamps(&groups) {
            table.stamps.extend(stamps);
            groups.iter_mut().flat_map(|(_, rows)| rows).for_each(|row| row.stamps.clear());
        }
        groups.into_iter().fold(table, |table, (title, rows)| table.rows(Some(&title), rows))
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Formats the table as CSV (RFC 4180): each column's text as printed on the page, then the exact figures.
    pub fn csv(&self) -> String {
        let rows = || self.groups.iter().flat_map(|group| group.rows.iter().map(move |row| (group, row)));
        let has_groups = !self.grouped_by.is_empty();
        let has_details = rows().any(|(_, row)| !row.details.is_empty());
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        let mut line = |fields: Vec<&str>| {
            let fields = fields.into_iter().map(without_formula);
            writer
                .write_record(fields.map(|field| field.into_owned()))
                .expect("all lines have the same fields");
        };

        let mut fields: Vec<&str> = Vec::new();
        fields.extend(self.variant.is_some().then_some("Variant"));
        fields.extend(has_groups.then_some(self.grouped_by));
        fields.push(&self.header);
        fields.extend(has_details.then_some("Settings"));
        fields.extend(self.columns.iter().flat_map(|column| &column.fields).map(String::as_str));
        fields.extend(self.holds_results.then_some("Stamps"));
        fields.extend(self.has_notes.then_some("Note"));
        line(fields);
        for (group, row) in rows() {
            let (details, stamps) =
                (row.details.join("; "), [&self.stamps[..], &row.stamps].concat().join("; "));
            let mut fields: Vec<&str> = Vec::new();
            fields.extend(self.variant.as_deref());
            fields.extend(has_groups.then(|| group.title.as_deref().unwrap_or_default()));
            fields.push(&row.header);
            fields.extend(has_details.then_some(details.as_str()));
            for (column, cell) in self.columns.iter().zip(&row.cells) {
                let of_cell = cell.fields.iter().map(String::as_str).chain(std::iter::repeat(""));
                fields.extend(of_cell.take(column.fields.len()));
            }
            fields.extend(self.holds_results.then_some(stamps.as_str()));
            fields.extend(self.has_notes.then(|| row.note.as_deref().unwrap_or_default()));
            line(fields);
        }
        let bytes = writer.into_inner().expect("a buffer takes everything");
        String::from_utf8(bytes).expect("texts with commas between them are text")
    }
}

fn spans(columns: &[Column]) -> Vec<Span> {
    let mut spans = Vec::<Span>::new();
    for (column, at) in columns.iter().zip(2..) {
        match spans.last_mut() {
            Some(span) if span.title == column.over => (span.columns, span.last) = (span.columns + 1, at),
            _ => spans.push(Span { title: column.over.clone(), columns: 1, first: at, last: at }),
        }
    }
    if spans.iter().all(|span| span.title.is_none()) { Vec::new() } else { spans }
}

impl Column {
    fn new(title: &str, is_text: bool, exact: &[&str]) -> Self {
        let exact = exact.iter().map(|what| format!("{title}{what} (exact)"));
        let fields = std::iter::once(title.to_owned()).chain(exact).collect();
        Self { title: title.to_owned(), over: None, is_text, fields }
    }

    pub fn text(title: &str) -> Self {
        Self::new(title, true, &[])
    }

    /// Creates a column of integers, or of other text without further digits.
    pub fn number(title: &str) -> Self {
        Self::new(title, false, &[])
    }

    /// Creates a column of rounded figures.
    pub fn figure(title: &str) -> Self {
        Self::new(title, false, &[""])
    }

    /// Creates a column of figures with their spread.
    pub fn mean(title: &str) -> Self {
        Self::new(title, false, &["", " ±"])
    }

    /// Creates a column of intervals.
    pub fn interval(title: &str) -> Self {
        Self::new(title, false, &[" low", " high"])
    }

    /// Creates a column of shares with their numbers of predictions.
    pub fn share(title: &str) -> Self {
        let mut column = Self::figure(title);
        column.fields.push(format!("{title} (predictions)"));
        column
    }

    /// Puts the column under a heading that it shares with its neighbours.
    pub fn under(mut self, heading: impl Into<String>) -> Self {
        let heading = heading.into();
        self.fields.iter_mut().for_each(|field| *field = format!("{heading}: {field}"));
        self.over = Some(heading);
        self
    }
}

impl TableRow {
    pub fn new(header: impl Into<String>, cells: Vec<Cell>) -> Self {
        Self {
            header: header.into(),
            href: None,
            details: Vec::new(),
            stamps: Vec::new(),
            note: None,
            cells,
            is_sum: false,
        }
    }

    pub fn linked(mut self, href: String) -> Self {
        self.href = Some(href);
        self
    }

    pub fn detailed(mut self, details: Vec<String>) -> Self {
        self.details = details;
        self
    }

    pub fn stamped(mut self, stamps: Vec<String>) -> Self {
        self.stamps = stamps;
        self
    }

    pub fn noted(mut self, note: Option<String>) -> Self {
        self.note = note;
        self
    }

    pub fn summing(mut self) -> Self {
        self.is_sum = true;
        self
    }
}

impl Cell {
    fn new(text: String, fields: Vec<String>) -> Self {
        Self {
            text,
            spread: None,
            number: None,
            is_strong: false,
            is_warning: false,
            shade: None,
            bar: None,
            fields,
        }
    }

    /// Creates an empty cell.
    pub fn none() -> Self {
        Self::new("–".into(), Vec::new())
    }

    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::new(text.clone(), vec![text])
    }

    pub fn count(number: impl TryInto<u64>) -> Self {
        let number = number.try_into().unwrap_or(u64::MAX);
        Self::new(count(number), vec![number.to_string()])
    }

    /// Creates a cell with a number, or `unknown`.
    pub fn count_known(number: Option<usize>) -> Self {
        number.map_or_else(|| Self::text("unknown"), Self::count)
    }

    /// Creates a cell with a figure as `text`, and its exact value.
    pub fn figure(text: String, exact: f64) -> Self {
        Self::new(text.clone(), vec![text, exact.to_string()])
    }

    pub fn percent(fraction: f64) -> Self {
        Self::figure(percent(fraction), fraction)
    }

    /// Creates a cell with a measure's value, if there is one.
    pub fn measured(measure: Measure, value: Option<f64>) -> Self {
        value.map_or_else(Self::none, |value| Self::figure(figure(measure, value), value))
    }

    /// Creates a cell with a mean and its spread: over seeds if there are several, otherwise over folds, if there are
    /// several. Empty if the task does not have the measure.
    pub fn mean(measure: Measure, summary: Option<&Summary>) -> Self {
        let Some(summary) = summary else { return Self::none() };
        Self::spread(measure, summary.mean, summary.std_seeds.or(summary.std_folds))
    }

    /// Creates a cell with a measure's value and a given spread.
    pub fn spread(measure: Measure, value: f64, spread: Option<f64>) -> Self {
        let text = |spread| if is_percent(measure) { percent(spread) } else { error_beside(value, spread) };
        Self::measured(measure, Some(value)).with_spread(spread.map(|spread| (text(spread), spread)))
    }

    /// Creates a cell with a published fraction and its spread, as printed.
    pub fn quoted(value: f64, spread: Option<f64>) -> Self {
        Self::figure(text::quoted(value), value)
            .with_spread(spread.map(|spread| (text::quoted(spread), spread)))
    }

    pub fn with_spread(mut self, spread: Option<(String, f64)>) -> Self {
        let Some((text, exact)) = spread else { return self };
        self.fields[0] = format!("{} ± {text}", self.text);
        self.fields.push(exact.to_string());
        self.spread = Some(text);
        self
    }

    pub fn interval(measure: Measure, ends: Option<[f64; 2]>) -> Self {
        let Some([low, high]) = ends else { return Self::none() };
        let text = if is_percent(measure) {
            range([low, high])
        } else {
            [low, high].map(|end| error_beside(high, end)).join("–")
        };
        Self::new(text.clone(), vec![text, low.to_string(), high.to_string()])
    }

    /// Creates a cell with the ends of an interval of differences, as signed points.
    pub fn signed_interval(ends: [f64; 2]) -> Self {
        let text = ends.map(|end| signed(100.0 * end)).join(" to ");
        Self::new(text.clone(), vec![text, ends[0].to_string(), ends[1].to_string()])
    }

    /// Creates a cell with a share of the row as percent, colour and number of predictions.
    pub fn share(share: f64, number: u32) -> Self {
        let mut cell = Self::percent(share).shaded(share);
        cell.number = Some(count(u64::from(number)));
        cell.fields.push(number.to_string());
        cell
    }

    /// Colours the cell by a share.
    pub fn shaded(mut self, share: f64) -> Self {
        self.shade = Some(format!("{share:.2}"));
        self
    }

    /// Appends the name of the measure.
    pub fn of(mut self, measure: &str) -> Self {
        self.fields[0] = format!("{} {measure}", self.fields[0]);
        match &mut self.spread {
            Some(spread) => *spread = format!("{spread} {measure}"),
            None => self.text = format!("{} {measure}", self.text),
        }
        self
    }

    pub fn strong_if(mut self, is_strong: bool) -> Self {
        self.is_strong = is_strong;
        self
    }

    pub fn warning_if(mut self, is_warning: bool) -> Self {
        self.is_warning = is_warning;
        self
    }

    pub fn with_bar(mut self, height: f64) -> Self {
        self.bar = Some(format!("{height:.2}"));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let columns = vec![
            Column::figure("UAR").under("mean"),
            Column::interval("95 %").under("mean"),
            Column::number("n"),
        ];
        let row = |name: &str, cells| TableRow::new(name, cells);
        Table::new("results", "Results", "", "Variant", columns).of_results(None).rows(
            None,
            [
                row(
                    "a",
                    vec![
                        Cell::percent(0.5),
                        Cell::interval(Measure::Uar, Some([0.25, 0.75])),
                        Cell::count(1234_u32),
                    ],
                )
                .stamped(vec!["speakers shared".into()]),
                row("b \"x\", y", vec![Cell::percent(1.0 / 3.0), Cell::none(), Cell::none()])
                    .noted(Some("no interval".into())),
            ],
        )
    }

    #[test]
    fn csv_has_texts_and_exact_figures() {
        let expected = "Variant,mean: UAR,mean: UAR (exact),mean: 95 %,mean: 95 % low (exact),\
                        mean: 95 % high (exact),n,Stamps,Note\r\n\
                        a,50.0,0.5,25.0–75.0,0.25,0.75,1234,speakers shared,\r\n\
                        \"b \"\"x\"\", y\",33.3,0.3333333333333333,,,,,,no interval\r\n";
        assert_eq!(table().csv(), expected);
    }

    #[test]
    fn what_all_rows_say_is_said_once() {
        let row = |name: &str, stamps: &[&str]| {
            TableRow::new(name, Vec::new()).stamped(stamps.iter().map(|&stamp| stamp.to_owned()).collect())
        };
        let table = |rows: [TableRow; 2]| {
            Table::new("t", "T", "", "Variant", Vec::new()).of_results(None).rows(None, rows)
        };
        let alike = table([row("a", &["s", "t"]), row("b", &["s", "t"])]);
        assert_eq!((&alike.stamps[..], alike.has_row_stamps), (&["s".to_owned(), "t".to_owned()][..], false));
        assert_eq!(alike.csv(), "Variant,Stamps\r\na,s; t\r\nb,s; t\r\n");
        let differing = table([row("a", &["s"]), row("b", &[])]);
        assert_eq!((differing.stamps.len(), differing.has_row_stamps), (0, true));
    }

    #[test]
    fn headings_span_neighbours() {
        let spans = table().spans;
        let places: Vec<_> =
            spans.iter().map(|span| (span.title.as_deref(), span.first, span.last)).collect();
        assert_eq!(places, [(Some("mean"), 2, 3), (None, 4, 4)]);
    }
}
