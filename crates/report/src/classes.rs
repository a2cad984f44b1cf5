//! Figures by class.

use affekt_eval::{ClassDetail, ClassScores, Description, VariantMetrics};

use crate::table::{Cell, Column, Table, TableRow};
use crate::text::capital;

/// Builds the table of precision, recall and F1 of each class over all cells.
pub(crate) fn classes(metrics: &VariantMetrics, detail: &ClassDetail, slug: &str, cells: &str) -> Table {
    let about = &metrics.about;
    let predictions = format!("{} predictions", capital(metrics.part.name()));
    let columns = ["Precision", "Recall", "F1"].map(Column::figure);
    let columns = columns.into_iter().chain([Column::number(&predictions)]).collect();
    let row = |class: &String| {
        let ClassScores { precision, recall, f1, support } = detail.per_class[class];
        let cells = [precision, recall, f1].map(Cell::percent).into_iter().chain([Cell::count(support)]);
        TableRow::new(class.clone(), cells.collect())
    };
    let caption = format!("In percent, over all cells ({cells}).");
    Table::new(format!("classes-{slug}"), "By class", caption, "Class", columns)
        .of_results(Some(about))
        .rows(None, about.task.names().iter().map(row))
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
