//! Figures of scripted and improvised speech, side by side.

use std::collections::BTreeSet;

use crate::report::{Judged, Report};
use crate::table::{Cell, Column, Table, TableRow};
use crate::text::{either, title};

/// Builds the table with a row per variant and a column per style of speech; `None` if there are fewer than two styles.
pub(crate) fn styles(report: &Report, judged: &[Judged<'_>]) -> Option<Table> {
    let of_any = judged.iter().flat_map(|judged| judged.variant.metrics.groups.style.keys());
    let styles: BTreeSet<&str> = of_any.map(String::as_str).collect();
    if styles.len() < 2 {
        return None;
    }
    let measures = report.primaries();
    let heading = match measures[..] {
        [only] => title(only),
        _ => "Figure",
    };
    let columns = styles
        .iter()
        .flat_map(|style| [Column::figure(heading), Column::number("Utterances")].map(|it| it.under(*style)));
    let row = |judged: &Judged<'_>| {
        let cells = styles.iter().flat_map(|style| {
            let group = judged.variant.metrics.groups.style.get(*style);
            let figure = group.and_then(|group| Some(group.scores.get(judged.measure)?.mean));
            let support = group.map_or_else(Cell::none, |group| Cell::count(group.support));
            [Cell::measured(judged.measure, figure), support]
        });
        TableRow::new(judged.id(), cells.collect()).stamped(judged.variant.metrics.about.stamps.clone())
    };
    let about = format!(
        "{} in percent, the mean over the training runs that are tested on the style; a style’s UAR is over the classes it \
         has, so that styles with other classes are not compared by it.",
        either(&measures)
    );
    let table = Table::new("styles", "By style of speech", about, "Variant", columns.collect());
    Some(table.of_results(None).rows(None, judged.iter().map(row)))
}
