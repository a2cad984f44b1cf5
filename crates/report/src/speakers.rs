//! How unequally a variant serves speakers: each as a dot, the least understood by name.

use std::collections::BTreeMap;

use affekt_eval::{Group, VariantMetrics};
use serde::Serialize;

use crate::groups::{columns, row};
use crate::table::Table;
use crate::text::{percent, plural, points, range};

/// How many of the least understood speakers are named.
const NAMED: usize = 3;
/// How many points of UAR share a stack of dots.
const STEP: f64 = 2.5;
/// Height of a dot in a stack, in pixels.
const DOT: usize = 9;

/// A variant's speakers.
#[derive(Serialize)]
pub(crate) struct Speakers {
    pub table: Table,
    lanes: Vec<Lane>,
    step: f64,
    /// The least understood speakers in words, the lowest first.
    lowest: Vec<String>,
}

/// The speakers of a corpus on a line from 0 to 100.
#[derive(Serialize)]
struct Lane {
    corpus: String,
    /// The same in words, for those who cannot see it.
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
    uar: String,
}

/// The speakers of a variant, by pooled UAR; `None` where there is but one.
pub(crate) fn speakers(metrics: &VariantMetrics, slug: &str) -> Option<Speakers> {
    let mut speakers: Vec<(&str, &Group)> =
        metrics.groups.speaker.iter().map(|(name, group)| (name.as_str(), group)).collect();
    if speakers.len() < 2 {
        return None;
    }
    // A stable sort: speakers with equal figures keep the order of their names.
    speakers.sort_by(|(_, a), (_, b)| a.uar.pooled.total_cmp(&b.uar.pooled));
    let named = &speakers[..NAMED.min(speakers.len() / 2)];
    let lowest = named.iter().map(|(name, group)| {
        format!("{name} {} ({})", percent(group.uar.pooled), plural(group.support as usize, "utterance"))
    });
    let mut by_corpus: BTreeMap<&str, Vec<(&str, &Group)>> = BTreeMap::new();
    for speaker in &speakers {
        let corpus = speaker.0.split_once('/').map_or("", |(corpus, _)| corpus);
        by_corpus.entry(corpus).or_default().push(*speaker);
    }
    let is_named = |name: &str| named.iter().any(|(other, _)| *other == name);
    let about =
        "In percent, the lowest pooled UAR first. A speaker’s UAR is over the classes that they have.";
    let table = Table::new(format!("speakers-{slug}"), "By speaker", about, "Speaker", columns());
    Some(Speakers {
        lowest: lowest.collect(),
        lanes: by_corpus.into_iter().map(|(corpus, speakers)| lane(corpus, &speakers, is_named)).collect(),
        step: STEP,
        table: table
            .of_results(Some(&metrics.about))
            .rows(None, speakers.iter().map(|(name, group)| row(name, group))),
    })
}

/// `speakers` come in the order of their figures.
fn lane(corpus: &str, speakers: &[(&str, &Group)], is_named: impl Fn(&str) -> bool) -> Lane {
    let mut stacks: BTreeMap<usize, usize> = BTreeMap::new();
    let places: Vec<(usize, usize)> = speakers
        .iter()
        .map(|(_, group)| {
            let stack = (points(group.uar.pooled) / STEP).min(100.0 / STEP - 1.0) as usize;
            let under = stacks.entry(stack).or_default();
            *under += 1;
            (stack, *under)
        })
        .collect();
    let tallest = stacks.values().copied().max().unwrap_or(0);
    let ends = [speakers.first(), speakers.last()].map(|end| end.map_or(0.0, |(_, group)| group.uar.pooled));
    let dots = speakers.iter().zip(places).map(|((name, group), (stack, nth))| Dot {
        x: format!("{:.2}", (stack as f64 + 0.5) * STEP),
        y: DOT * (tallest - nth) + DOT / 2 + 1,
        is_named: is_named(name),
        speaker: (*name).to_owned(),
        uar: percent(group.uar.pooled),
    });
    Lane {
        corpus: corpus.to_owned(),
        description: format!("{corpus}: {}, UAR {} percent", plural(speakers.len(), "speaker"), range(ends)),
        height: DOT * tallest + 2,
        dots: dots.collect(),
    }
}
