//! Differences between speakers: each as a dot, those with the lowest figures by name.

use std::collections::BTreeMap;

use affekt_domain::Task;
use affekt_eval::{Group, Measure, VariantMetrics};
use serde::Serialize;

use crate::groups::{columns, row};
use crate::table::Table;
use crate::text::{percent, plural, points, range, title};

/// The number of speakers with the lowest figures that are named.
const NAMED: usize = 3;
/// The width of a stack of dots, in points.
const STEP: f64 = 2.5;
/// Height of a dot in a stack, in pixels.
const DOT: usize = 9;

/// The speakers of a variant.
#[derive(Serialize)]
pub(crate) struct Speakers {
    pub table: Table,
    /// The measure by which they are ordered.
    measure: &'static str,
    lanes: Vec<Lane>,
    step: f64,
    /// The speakers with the lowest figures in words, the lowest first.
    lowest: Vec<String>,
}

/// The speakers of a corpus on a line from 0 to 100.
#[derive(Serialize)]
struct Lane {
    corpus: String,
    /// The text alternative of the lane.
    description: String,
    height: usize,
    dots: Vec<Dot>,
}

#[derive(Serialize)]
struct Dot {
    /// Percent of the width.
    x: String,
    /// Pixels from the top.
    y: usize,
    is_named: bool,
    speaker: String,
    figure: String,
}

/// A speaker with the pooled figure.
struct Speaker<'a> {
    name: &'a str,
    group: &'a Group,
    figure: f64,
}

/// Builds the view of the speakers of a variant, by the default primary measure of its task; `None` if fewer than two
/// have such a figure.
pub(crate) fn speakers(metrics: &VariantMetrics, slug: &str) -> Option<Speakers> {
    let measures = Measure::of(&metrics.about.task);
    let measure = measures[0];
    let mut speakers: Vec<Speaker> = metrics
        .groups
        .speaker
        .iter()
        .filter_map(|(name, group)| Some(Speaker { name, group, figure: group.scores.get(measure)?.pooled }))
        .collect();
    if speakers.len() < 2 {
        return None;
    }
    // A stable sort: speakers with equal figures keep the order of their names.
    speakers.sort_by(|a, b| a.figure.total_cmp(&b.figure));
    let named = &speakers[..NAMED.min(speakers.len() / 2)];
    let lowest = named.iter().map(|Speaker { name, group, figure }| {
        format!("{name} {} ({})", percent(*figure), plural(group.support as usize, "utterance"))
    });
    let mut by_corpus: BTreeMap<&str, Vec<&Speaker>> = BTreeMap::new();
    for speaker in &speakers {
        let corpus = speaker.name.split_once('/').map_or("", |(corpus, _)| corpus);
        by_corpus.entry(corpus).or_default().push(speaker);
    }
    let is_named = |name: &str| named.iter().any(|other| other.name == name);
    let measure = title(measure);
    let about = match metrics.about.task {
        Task::Classes(_) => {
            "In percent, the lowest pooled UAR first. A speaker’s UAR is over the classes that they have."
        }
        Task::Outputs(_) => "In percent but for MSE, the lowest pooled CCC first.",
    };
    let table = Table::new(format!("speakers-{slug}"), "By speaker", about, "Speaker", columns(measures));
    Some(Speakers {
        lowest: lowest.collect(),
        lanes: by_corpus
            .into_iter()
            .map(|(corpus, speakers)| lane(corpus, measure, &speakers, is_named))
            .collect(),
        measure,
        step: STEP,
        table: table
            .of_results(Some(&metrics.about))
            .rows(None, speakers.iter().map(|Speaker { name, group, .. }| row(name, group, measures))),
    })
}

/// Builds the lane of a corpus from `speakers` in the order of their figures.
fn lane(
    corpus: &str,
    measure: &'static str,
    speakers: &[&Speaker<'_>],
    is_named: impl Fn(&str) -> bool,
) -> Lane {
    let mut stacks: BTreeMap<usize, usize> = BTreeMap::new();
    let places: Vec<(usize, usize)> = speakers
        .iter()
        .map(|speaker| {
            // Values below 0 are drawn at 0.
            let stack = (points(speaker.figure) / STEP).clamp(0.0, 100.0 / STEP - 1.0) as usize;
            let under = stacks.entry(stack).or_default();
            *under += 1;
            (stack, *under)
        })
        .collect();
    let tallest = stacks.values().copied().max().unwrap_or(0);
    let ends = [speakers.first(), speakers.last()].map(|end| end.map_or(0.0, |speaker| speaker.figure));
    let dots = speakers.iter().zip(places).map(|(speaker, (stack, nth))| Dot {
        x: format!("{:.2}", (stack as f64 + 0.5) * STEP),
        y: DOT * (tallest - nth) + DOT / 2 + 1,
        is_named: is_named(speaker.name),
        speaker: speaker.name.to_owned(),
        figure: percent(speaker.figure),
    });
    Lane {
        corpus: corpus.to_owned(),
        description: format!(
            "{corpus}: {}, {measure} {} percent",
            plural(speakers.len(), "speaker"),
            range(ends)
        ),
        height: DOT * tallest + 2,
        dots: dots.collect(),
    }
}
