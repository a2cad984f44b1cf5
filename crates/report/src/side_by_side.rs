//! The comparison of finished runs as text for a terminal.

use affekt_domain::Task;
use affekt_eval::{Comparison, Conditions, Pair, Ranked, SideBySide};

use crate::text::{count, figure, p_value, plural, range, signed, title, value};

/// Formats every group as a table with its conditions, then why groups are not ranked together.
#[must_use]
pub fn side_by_side(side: &SideBySide) -> String {
    let mut lines = Vec::new();
    for (group, number) in side.groups.iter().zip(1..) {
        lines.extend(head(group, number));
        lines.push(String::new());
        lines.extend(table(group));
        lines.push(String::new());
        lines.extend(notes(group));
        lines.push(String::new());
    }
    if !side.apart.is_empty() {
        lines.push("Not to be ranked together:".into());
        for apart in &side.apart {
            let pair = format!("{} and {}", apart.a, apart.b);
            for (i, reason) in apart.reasons.iter().enumerate() {
                let of = if i == 0 { pair.as_str() } else { "" };
                lines.push(format!("  {of:<9}{reason}"));
            }
        }
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.push(String::new());
    lines.join("\n")
}

fn head(group: &Ranked, number: usize) -> Vec<String> {
    let Conditions { measure, task, part, protocol, settings, stamps, incomplete, rows } = &group.conditions;
    let outputs = match task {
        Task::Classes(classes) => format!("{} classes", classes.len()),
        Task::Outputs(outputs) => plural(outputs.len(), "output"),
    };
    let settings: Vec<String> =
        settings.iter().map(|(name, setting)| format!("{name} {}", value(setting))).collect();
    let settings = if settings.is_empty() { String::new() } else { format!(": {}", settings.join(", ")) };
    let of = group.variants.first().map_or_else(String::new, |rank| {
        let clusters = rank.summary.clusters;
        if rank.summary.cluster.is_speaker() {
            format!(" of {}", plural(clusters, "speaker"))
        } else {
            String::new()
        }
    });
    let mut lines = vec![
        format!("{number}. {} in percent, {outputs}", title(*measure)),
        format!("   protocol    {protocol}{settings}"),
        format!("   rows        {}{of}", plural(*rows, &format!("{} row", part.name()))),
    ];
    lines.extend(stamps.iter().map(|stamp| format!("   stamp       {stamp}")));
    lines.extend(incomplete.iter().map(|(corpus, there)| format!("   incomplete  {corpus}: {there}")));
    lines
}

fn table(group: &Ranked) -> Vec<String> {
    let measure = group.conditions.measure;
    let comparison = group.comparison.as_ref();
    let has_mcnemar = comparison.is_some_and(has_mcnemar);
    let mut heads = vec!["", "variant", "mean", "±", "pooled", "95 % interval", "cells"];
    if comparison.is_some() {
        heads.extend(["difference", "95 % interval", "p"]);
        heads.extend(has_mcnemar.then_some("McNemar"));
    }
    let width = heads.len();
    let mut rows: Vec<Vec<String>> = vec![heads.into_iter().map(str::to_owned).collect()];
    for (rank, place) in group.variants.iter().zip(1..) {
        let summary = &rank.summary;
        let spread = summary.std_seeds.or(summary.std_folds);
        let mut row = vec![
            place.to_string(),
            rank.name.clone(),
            figure(measure, summary.mean),
            spread.map_or_else(none, |spread| figure(measure, spread)),
            figure(measure, summary.pooled),
            summary.ci95.map_or_else(none, range),
            count(rank.cells as u64),
        ];
        if let Some(comparison) = comparison {
            row.extend(differences(comparison, &rank.name, has_mcnemar));
        }
        row.resize(width, String::new());
        rows.push(row);
    }
    aligned(&rows)
}

fn none() -> String {
    "–".into()
}

fn has_mcnemar(comparison: &Comparison) -> bool {
    comparison.pairs.iter().any(Pair::has_mcnemar)
}

/// Formats the difference to the baseline, its interval and the corrected p of each test.
fn differences(comparison: &Comparison, name: &str, has_mcnemar: bool) -> Vec<String> {
    let Some(pair) = comparison.pairs.iter().find(|pair| pair.a == name) else {
        return vec!["baseline".into()];
    };
    let Some(compared) = pair.compared() else { return Vec::new() };
    let bootstrap = compared.bootstrap.as_ref();
    let interval = |ends: [f64; 2]| ends.map(|end| signed(100.0 * end)).join(" to ");
    let mut cells = vec![
        signed(100.0 * compared.difference),
        bootstrap.map_or_else(none, |test| interval(test.ci95)),
        bootstrap.map_or_else(none, |test| p_value(test.p_holm)),
    ];
    if has_mcnemar {
        cells.push(compared.mcnemar.as_ref().map_or_else(none, |test| p_value(test.p_holm)));
    }
    cells
}

/// Aligns rows: names to the left, figures to the right.
fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.first().map_or(0, Vec::len);
    let letters = |text: &String| text.chars().count();
    let widths: Vec<usize> =
        (0..columns).map(|i| rows.iter().map(|row| letters(&row[i])).max().unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(i, (cell, width))| {
            let room = " ".repeat(width - letters(cell));
            if i == 1 { format!("{cell}{room}") } else { format!("{room}{cell}") }
        });
        format!("   {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn notes(group: &Ranked) -> Vec<String> {
    let mut notes = vec!["± is the spread over seeds, or else over folds.".to_owned()];
    let Some(comparison) = &group.comparison else { return indented(&notes) };
    let baseline = comparison.baseline.as_deref().unwrap_or_default();
    let cluster = group.variants.first().map_or("speaker", |rank| rank.summary.cluster.name());
    let pairs = plural(comparison.pairs.len(), "pair");
    notes.push(format!(
        "Differences are to {baseline}, of pooled figures in points; p of the paired bootstrap over {cluster}s{}, \
         corrected for {pairs} (Holm).",
        if has_mcnemar(comparison) { " and of McNemar's test" } else { "" }
    ));
    if group.variants.first().is_some_and(|best| best.name == baseline) {
        notes.push(
            "The baseline is the best of these very figures: it was lucky too, and differences to it are larger than elsewhere. \
             `--baseline` names another."
                .into(),
        );
    }
    let told = comparison.pairs.iter().filter(|pair| !pair.note().is_empty());
    notes.extend(told.map(|pair: &Pair| format!("{}: {}.", pair.a, pair.note())));
    indented(&notes)
}

/// Wraps notes to the width of a terminal.
fn indented(notes: &[String]) -> Vec<String> {
    const WIDTH: usize = 100;
    let mut lines = Vec::new();
    for note in notes {
        let mut line = String::from("  ");
        for word in note.split(' ') {
            if line.chars().count() + 1 + word.chars().count() > WIDTH {
                lines.push(std::mem::replace(&mut line, String::from("  ")));
            }
            line.push(' ');
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}
