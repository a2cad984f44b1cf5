//! The price of leaks: variants that differ only in their protocols, one of which lets its parts share more.

use std::collections::BTreeSet;

use affekt_eval::{Comparison, Outcome};
use serde::Serialize;

use crate::report::{Judged, Report, Variant};
use crate::scale::place;
use crate::table::{Cell, Column, Table, TableRow};
use crate::text::{count, either, percent, plural, points, range, signed, title};

/// The price of sharing between the parts, for every pair that shows it.
#[derive(Serialize)]
pub(crate) struct Leaks {
    pairs: Vec<Leak>,
    pub table: Table,
}

#[derive(Serialize)]
struct Leak {
    /// The measure of the price.
    measure: &'static str,
    leaking: Side,
    clean: Side,
    /// The price in points of percent, with its sign.
    price: String,
    /// Position of the price between the sides, in percent.
    middle: String,
    /// The stamps of the leaking variant that the clean one does not have.
    stamps: Vec<String>,
    /// The numbers of training utterances, if they differ.
    training: Option<String>,
    /// The result of the paired comparison.
    paired: Option<String>,
}

#[derive(Serialize)]
struct Side {
    id: String,
    mean: String,
    /// Position from 0 to 100.
    at: String,
    /// The interval in words, and as positions from 0 to 100.
    interval: Option<String>,
    ends: Option<[String; 2]>,
}

/// Finds every pair of variants that differ only in their protocols, one of which shares more than the other; `None`
/// if there are none.
pub(crate) fn leaks(report: &Report) -> Option<Leaks> {
    let mut pairs = Vec::new();
    let mut rows = Vec::new();
    let mut measures = Vec::new();
    let judged = || report.variants.iter().filter_map(|variant| report.judged(variant));
    for leaking in judged() {
        for clean in judged() {
            let (of_leaking, of_clean) = (stamps(leaking.variant), stamps(clean.variant));
            let extra: Vec<String> = of_leaking.difference(&of_clean).map(|&s| s.to_owned()).collect();
            if extra.is_empty()
                || !of_leaking.is_superset(&of_clean)
                || !clean.variant.differs_at_most_in_speakers
                || !differ_in_protocol_alone(leaking.variant, clean.variant)
            {
                continue;
            }
            if !measures.contains(&clean.measure) {
                measures.push(clean.measure);
            }
            rows.push(row(report, leaking, clean));
            pairs.push(pair(report, leaking, clean, extra));
        }
    }
    let measure = either(&measures);
    let columns = ["Leaking", "Clean"]
        .into_iter()
        .flat_map(|side| [Column::mean(&measure).under(side), Column::interval("95 % interval").under(side)]);
    let columns = columns.chain([Column::figure("Price")]).collect();
    let about = format!(
        "{measure} in percent of variants that differ only in their protocols; the price is the difference in points."
    );
    let table = Table::new("leak", "Leaking and clean protocols", about, "Leaking and clean", columns);
    (!pairs.is_empty()).then(|| Leaks { pairs, table: table.of_results(None).rows(None, rows) })
}

fn stamps(variant: &Variant) -> BTreeSet<&str> {
    variant.metrics.about.stamps.iter().map(String::as_str).collect()
}

fn differ_in_protocol_alone(a: &Variant, b: &Variant) -> bool {
    let settings = |variant: &Variant| {
        let mut params = variant.metrics.about.params.clone();
        params.retain(|name, _| !is_of_protocol(name));
        (params, variant.labels.clone(), variant.metrics.about.task.clone())
    };
    settings(a) == settings(b)
}

/// Returns whether a setting concerns the protocol.
pub(crate) fn is_of_protocol(name: &str) -> bool {
    name == "unsafe" || name == "protocol" || name.starts_with("protocol.")
}

/// Computes the price from the figures as printed, since readers subtract those.
fn price(leaking: Judged<'_>, clean: Judged<'_>) -> f64 {
    points(leaking.summary.mean) - points(clean.summary.mean)
}

fn pair(report: &Report, leaking: Judged<'_>, clean: Judged<'_>, stamps: Vec<String>) -> Leak {
    let side = |Judged { variant, summary, .. }: Judged<'_>| Side {
        id: variant.metrics.about.id.clone(),
        mean: percent(summary.mean),
        at: place(summary.mean),
        interval: summary.ci95.map(range),
        ends: summary.ci95.map(|ends| ends.map(place)),
    };
    let paired =
        report.comparison.as_ref().and_then(|comparison| paired(comparison, leaking.id(), clean.id()));
    Leak {
        measure: title(clean.measure),
        leaking: side(leaking),
        clean: side(clean),
        price: signed(price(leaking, clean)),
        middle: place(f64::midpoint(leaking.summary.mean, clean.summary.mean)),
        stamps,
        training: training(leaking.variant, clean.variant),
        paired,
    }
}

/// Describes different amounts of training data, which affect the price too.
fn training(leaking: &Variant, clean: &Variant) -> Option<String> {
    let sizes = |variant: &Variant| {
        let sizes =
            variant.audit.iter().flat_map(|audit| audit.folds.iter().map(|fold| fold.parts[0].utterances));
        let (least, most) = (sizes.clone().min()?, sizes.max()?);
        let (least, most) = (count(least as u64), count(most as u64));
        Some(if least == most { least } else { format!("{least} to {most}") })
    };
    let (of_leaking, of_clean) = (sizes(leaking)?, sizes(clean)?);
    let (leaking, clean) = (&leaking.metrics.about.id, &clean.metrics.about.id);
    (of_leaking != of_clean).then(|| {
        format!(
            "{leaking} trains on {of_leaking} utterances a fold, {clean} on {of_clean}: part of the price may be that."
        )
    })
}

/// Describes the paired comparison of the two.
fn paired(comparison: &Comparison, leaking: &str, clean: &str) -> Option<String> {
    let is_of = |a: &str, b: &str| [(a, b), (b, a)].contains(&(leaking, clean));
    let pair = comparison.pairs.iter().find(|pair| is_of(&pair.a, &pair.b))?;
    let sign = if pair.a == *leaking { 1.0 } else { -1.0 };
    Some(match &pair.outcome {
        Outcome::NotComparable(reason) => format!("The two cannot be paired row by row ({reason})."),
        Outcome::Compared(compared) => {
            let mut ends = compared.bootstrap?.ci95.map(|end| sign * end);
            ends.sort_by(f64::total_cmp);
            let [low, high] = ends.map(|end| signed(100.0 * end));
            format!(
                "Paired row by row and pooled, it is {} ({low} to {high} with 95 % of other draws of the {}).",
                signed(100.0 * sign * compared.difference),
                plural(compared.clusters, compared.cluster.name()),
            )
        }
    })
}

fn row(report: &Report, leaking: Judged<'_>, clean: Judged<'_>) -> TableRow {
    let cells = [leaking, clean].into_iter().flat_map(|Judged { measure, summary, .. }| {
        [Cell::mean(measure, Some(summary)), Cell::interval(measure, summary.ci95)]
    });
    let price = price(leaking, clean);
    let cells = cells.chain([Cell::figure(signed(price), price / 100.0).strong_if(true)]).collect();
    TableRow::new(format!("{}, {}", leaking.id(), clean.id()), cells)
        .stamped(stamps_of(report, &[leaking.id(), clean.id()]))
}

/// Formats the stamps of some variants: those of all once, the others with their variants.
pub(crate) fn stamps_of(report: &Report, ids: &[&str]) -> Vec<String> {
    let about = report.variants.iter().map(|variant| &variant.metrics.about);
    let own: Vec<_> = about.filter(|about| ids.contains(&about.id.as_str())).collect();
    let mut stamps = Vec::new();
    for about in &own {
        for stamp in &about.stamps {
            let is_everyone_s = own.iter().all(|other| other.stamps.contains(stamp));
            let text = if is_everyone_s { stamp.clone() } else { format!("{}: {stamp}", about.id) };
            if !stamps.contains(&text) {
                stamps.push(text);
            }
        }
    }
    stamps
}
