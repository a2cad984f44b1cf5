//! The price of a leak: variants that differ in their protocol alone, of which one lets its parts share more.

use std::collections::BTreeSet;

use affekt_eval::{Comparison, Outcome};
use serde::Serialize;

use crate::report::{Judged, Report, Variant};
use crate::scale::place;
use crate::table::{Cell, Column, Row, Table};
use crate::text::{count, either, percent, plural, points, range, signed, title};

/// What sharing between the parts is worth, for every pair that tells.
#[derive(Serialize)]
pub(crate) struct Leaks {
    pairs: Vec<Leak>,
    pub table: Table,
}

#[derive(Serialize)]
struct Leak {
    /// The measure that the price is in.
    measure: &'static str,
    leaking: Side,
    clean: Side,
    /// Points of percent, with their sign.
    price: String,
    /// Where the price stands between the sides, in percent.
    middle: String,
    /// What the leaking one shares and the clean one does not.
    stamps: Vec<String>,
    /// What else differs: how many utterances each trains on.
    training: Option<String>,
    /// What the comparison row by row says.
    paired: Option<String>,
}

#[derive(Serialize)]
struct Side {
    id: String,
    mean: String,
    /// Its place from 0 to 100.
    at: String,
    /// In words and as places from 0 to 100.
    interval: Option<String>,
    ends: Option<[String; 2]>,
}

/// Every pair of variants that differ in their protocol alone, of which one shares more than the other; `None` where
/// there is none.
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
                || !clean.variant.parted_by_speaker
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
        "{measure} in percent of variants that differ in their protocol alone; the price is the difference in points."
    );
    let table = Table::new("leak", "Leaking beside clean", about, "Leaking and clean", columns);
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

/// Whether a setting says how examples are parted.
pub(crate) fn is_of_protocol(name: &str) -> bool {
    name == "unsafe" || name == "protocol" || name.starts_with("protocol.")
}

/// Of the figures as printed, or a reader who subtracts them would be puzzled.
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

/// A network that learns from more is better for that too.
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

/// What comparing the two row by row says of the price.
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

fn row(report: &Report, leaking: Judged<'_>, clean: Judged<'_>) -> Row {
    let cells = [leaking, clean].into_iter().flat_map(|Judged { measure, summary, .. }| {
        [Cell::mean(measure, Some(summary)), Cell::interval(measure, summary.ci95)]
    });
    let price = price(leaking, clean);
    let cells = cells.chain([Cell::figure(signed(price), price / 100.0).strong_if(true)]).collect();
    Row::new(format!("{}, {}", leaking.id(), clean.id()), cells)
        .stamped(stamps_of(report, &[leaking.id(), clean.id()]))
}

/// The stamps of some variants: what all of them say once, the rest each with whose it is.
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
