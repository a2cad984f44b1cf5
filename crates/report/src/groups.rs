//! Figures by corpus, session, style of speech and sex.

use std::collections::BTreeMap;

use affekt_domain::Task;
use affekt_eval::{Group, Measure, VariantMetrics};

use crate::table::{Cell, Column, Table, TableRow};
use crate::text::title;

/// Builds the table of the scores of every group except speakers.
pub(crate) fn groups(metrics: &VariantMetrics, slug: &str) -> Table {
    let measures = Measure::of(&metrics.about.task);
    let about = format!(
        "In percent: mean over the cells that have the group, and the predictions of all folds pooled. {}",
        reading(&metrics.about.task)
    );
    let table = Table::new(format!("groups-{slug}"), "By group", about, "Group", columns(measures));
    let kinds = [
        ("Corpus", &metrics.groups.corpus),
        ("Session", &metrics.groups.session),
        ("Style", &metrics.groups.style),
        ("Sex", &metrics.groups.sex),
    ];
    let kinds = kinds.into_iter().filter(|(_, groups)| !groups.is_empty());
    let table = table.grouped_by("Kind").of_results(Some(&metrics.about));
    kinds.fold(table, |table, (title, groups)| table.rows(Some(title), rows(groups, measures)))
}

/// Explains how a group's figures are to be read.
const fn reading(task: &Task) -> &'static str {
    match task {
        Task::Classes(_) => "A group’s UAR is over the classes it has.",
        Task::Outputs(_) => {
            "MSE is not in percent. A group whose truth varies less has a lower CCC for the same errors."
        }
    }
}

pub(crate) fn columns(measures: &[Measure]) -> Vec<Column> {
    let of = |heading: &'static str| {
        measures.iter().map(move |measure| Column::figure(title(*measure)).under(heading))
    };
    of("Mean").chain(of("Pooled")).chain([Column::number("Utterances")]).collect()
}

fn rows(groups: &BTreeMap<String, Group>, measures: &'static [Measure]) -> impl Iterator<Item = TableRow> {
    groups.iter().map(move |(name, group)| row(name, group, measures))
}

pub(crate) fn row(name: &str, group: &Group, measures: &[Measure]) -> TableRow {
    let summaries = measures.iter().map(|&measure| (measure, group.scores.get(measure)));
    let means = summaries.clone().map(|(measure, of)| Cell::measured(measure, of.map(|it| it.mean)));
    let pooled = summaries.map(|(measure, of)| Cell::measured(measure, of.map(|it| it.pooled)));
    TableRow::new(name, means.chain(pooled).chain([Cell::count(group.support)]).collect())
}
