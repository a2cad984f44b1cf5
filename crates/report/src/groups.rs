//! How a variant fares corpus by corpus, session by session, on women and on men.

use std::collections::BTreeMap;

use affekt_eval::{Group, VariantMetrics};

use crate::table::{Cell, Column, Row, Table};

/// The scores of every group but the speakers.
pub(crate) fn groups(metrics: &VariantMetrics, slug: &str) -> Table {
    let about = "In percent: mean over the cells that have the group, and the predictions of all folds pooled. A \
                 group’s UAR is over the classes it has.";
    let table = Table::new(format!("groups-{slug}"), "By group", about, "Group", columns());
    let kinds = [
        ("Corpus", &metrics.groups.corpus),
        ("Session", &metrics.groups.session),
        ("Sex", &metrics.groups.sex),
    ];
    let kinds = kinds.into_iter().filter(|(_, groups)| !groups.is_empty());
    let table = table.grouped_by("Kind").of_results(Some(&metrics.about));
    kinds.fold(table, |table, (title, groups)| table.rows(Some(title), rows(groups)))
}

pub(crate) fn columns() -> Vec<Column> {
    let measures = ["UAR", "WA", "Macro-F1"];
    let of = |heading| measures.map(|measure| Column::figure(measure).under(heading));
    of("Mean").into_iter().chain(of("Pooled")).chain([Column::number("Utterances")]).collect()
}

fn rows(groups: &BTreeMap<String, Group>) -> impl Iterator<Item = Row> {
    groups.iter().map(|(name, group)| row(name, group))
}

pub(crate) fn row(name: &str, group: &Group) -> Row {
    let Group { uar, wa, macro_f1, support } = group;
    let means = [uar, wa, macro_f1].map(|summary| Cell::percent(summary.mean));
    let pooled = [uar, wa, macro_f1].map(|summary| Cell::percent(summary.pooled));
    Row::new(name, means.into_iter().chain(pooled).chain([Cell::count(*support)]).collect())
}
