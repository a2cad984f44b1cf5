//! Figures by class.

use affekt_eval::{ClassDetail, ClassScores, Description, Printed, PrintedClass};

use crate::report::Variant;
use crate::table::{Cell, Column, Table, TableRow};
use crate::text::{capital, quoted, sentence};

/// The figures of a class, or of their means.
const FIGURES: [&str; 3] = ["Precision", "Recall", "F1"];

/// Builds the table of precision, recall and F1 of each class over all cells and their means, with what is published of them
/// beside.
pub(crate) fn classes(variant: &Variant, detail: &ClassDetail, slug: &str, cells: &str) -> Table {
    let metrics = &variant.metrics;
    let about = &metrics.about;
    let predictions = format!("{} predictions", capital(metrics.part.name()));
    let published: Vec<&(Printed, String)> =
        variant.printed.iter().filter(|(printed, _)| has_classes(printed)).collect();
    let mut columns: Vec<Column> = FIGURES.map(Column::figure).into();
    columns.push(Column::number(&predictions));
    for number in 1..=published.len() {
        let heading = match published.len() {
            1 => "Published".to_owned(),
            _ => format!("Published ({number})"),
        };
        columns.extend(FIGURES.map(|name| Column::figure(name).under(heading.clone())));
        columns.push(Column::number("Utterances").under(heading));
    }
    let row = |name: &str, ours: [f64; 3], support: u32, of: &dyn Fn(&Printed) -> Option<PrintedClass>| {
        let mut row: Vec<Cell> = ours.map(Cell::percent).into();
        row.push(Cell::count(support));
        for (printed, _) in &published {
            let class = of(printed).unwrap_or_default();
            let figures = [class.precision, class.recall, class.f1];
            row.extend(
                figures
                    .map(|value| value.map_or_else(Cell::none, |value| Cell::figure(quoted(value), value))),
            );
            row.push(class.support.map_or_else(Cell::none, Cell::count));
        }
        TableRow::new(name, row)
    };
    let scores = |class: &String| {
        let ClassScores { precision, recall, f1, support } = detail.per_class[class];
        ([precision, recall, f1], support)
    };
    let names = about.task.names();
    let of_class = |class: &String| {
        let (ours, support) = scores(class);
        row(class, ours, support, &|printed| {
            printed.per_class.iter().find(|(known, _)| known == class).map(|(_, class)| *class)
        })
    };
    let all: Vec<([f64; 3], u32)> = names.iter().map(scores).collect();
    let total: u32 = all.iter().map(|(_, support)| support).sum();
    let mean = |weight: &dyn Fn(u32) -> f64| {
        let weights: f64 = all.iter().map(|(_, support)| weight(*support)).sum();
        let sum = |at: usize| all.iter().map(|(ours, support)| ours[at] * weight(*support)).sum::<f64>();
        [0, 1, 2].map(|at| if weights > 0.0 { sum(at) / weights } else { 0.0 })
    };
    let means = [
        row("Macro average", mean(&|_| 1.0), total, &|printed| printed.macro_average).summing(),
        row("Weighted average", mean(&|support| f64::from(support)), total, &|printed| {
            printed.weighted_average
        })
        .summing(),
    ];
    let sources = published.iter().filter(|(_, source)| !source.is_empty());
    let sources: String = sources.map(|(_, source)| format!(" Published: {}", sentence(source))).collect();
    let labels = variant.labels_note.as_deref().filter(|_| !published.is_empty()).map(sentence);
    let caption = format!(
        "In percent, over all cells ({cells}); macro averages count every class once, weighted ones every \
         prediction.{sources}{}",
        labels.map_or_else(String::new, |note| format!(" {note}"))
    );
    Table::new(format!("classes-{slug}"), "By class", caption, "Class", columns)
        .of_results(Some(about))
        .rows(None, names.iter().map(of_class).chain(means))
}

fn has_classes(printed: &Printed) -> bool {
    !printed.per_class.is_empty() || printed.macro_average.is_some() || printed.weighted_average.is_some()
}

/// Builds the confusion matrix.
pub(crate) fn confusion(about: &Description, detail: &ClassDetail, slug: &str, cells: &str) -> Table {
    let classes = about.task.names();
    let rows = classes.iter().zip(&detail.confusion).enumerate().map(|(truth, (class, numbers))| {
        let support: u32 = numbers.iter().sum();
        let cell = |(predicted, number): (usize, &u32)| {
            let share = if support == 0 { 0.0 } else { f64::from(*number) / f64::from(support) };
            Cell::share(share, *number).strong_if(truth == predicted)
        };
        TableRow::new(class.clone(), numbers.iter().enumerate().map(cell).collect())
    });
    let caption = format!(
        "Rows are true classes, columns predicted ones: percent of the row, and predictions, over all cells ({cells})."
    );
    let columns = classes.iter().map(|class| Column::share(class)).collect();
    Table::new(format!("confusion-{slug}"), "Confusion matrix", caption, "True class", columns)
        .styled("confusion")
        .of_results(Some(about))
        .rows(None, rows)
}
