//! Class counts by role and corpus; numbers of utterances if numbers are predicted.

use affekt_domain::Role;

use crate::report::Variant;
use crate::table::{Cell, Column, Table, TableRow};

/// Builds the table of utterances of a variant's first fold, with bars; `None` if nothing is known of them.
pub(crate) fn distribution(variant: &Variant, slug: &str) -> Option<Table> {
    let about = &variant.metrics.about;
    let classes = about.task.classes().unwrap_or_default();
    let columns = classes.iter().map(|class| Column::number(class)).chain([Column::number("All")]);
    let caption = "Utterances in each role of the first fold.";
    let title = if classes.is_empty() { "Utterances by role" } else { "Utterances by class" };
    let table = Table::new(format!("distribution-{slug}"), title, caption, "Corpus", columns.collect());
    let table = table.styled("distribution").grouped_by("Role").of_results(Some(about));
    // A common scale for all rows, so that their bars can be compared.
    let shares = variant.parts.iter().map(|part| {
        let most = part.counts.iter().copied().max().unwrap_or(0);
        most as f64 / (part.counts.iter().sum::<usize>() as f64).max(1.0)
    });
    let top = shares.max_by(f64::total_cmp).filter(|top| *top > 0.0)?;
    let row = |corpus: &str, counts: &[usize]| {
        let all: usize = counts.iter().sum();
        let bar = |number: &usize| *number as f64 / (all as f64).max(1.0) / top;
        let of_class = counts.iter().take(classes.len());
        let cells = of_class.map(|number| Cell::count(*number).with_bar(bar(number)));
        TableRow::new(corpus, cells.chain([Cell::count(all)]).collect())
    };
    Some(Role::ALL.into_iter().fold(table, |table, role| {
        let own: Vec<_> = variant.parts.iter().filter(|part| part.role == role).collect();
        let mut rows: Vec<TableRow> = own.iter().map(|part| row(&part.corpus, &part.counts)).collect();
        if own.len() > 1 {
            let mut sum = vec![0; classes.len().max(1)];
            for part in &own {
                sum.iter_mut().zip(&part.counts).for_each(|(sum, number)| *sum += number);
            }
            rows.push(row("all", &sum).summing());
        }
        if own.is_empty() { table } else { table.rows(Some(role.name()), rows) }
    }))
}
