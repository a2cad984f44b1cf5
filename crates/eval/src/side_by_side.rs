//! Comparison of finished runs: which of their figures may be ranked together, and why others may not.
//!
//! Figures are comparable if they measure the same thing on the same rows in the same folds, under the same protocol
//! and the same caveats. All others form separate groups, with the differences in words.

use std::collections::{BTreeMap, BTreeSet};

use affekt_domain::{Prediction, Role, Target, Task};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aggregate::Summary;
use crate::compare::{Candidate, Comparison, compare, tasks_differ};
use crate::error::EvalError;
use crate::measure::Measure;
use crate::metrics::VariantMetrics;
use crate::scored::Scored;

/// A variant of a finished run.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// The name, which its predictions carry and no other entry has: `cnn/20260730-140211:mfcc`.
    pub name: String,
    /// The primary measure.
    pub measure: Measure,
    /// The metrics.
    pub metrics: &'a VariantMetrics,
    /// The settings of its protocol except seeds, by name.
    pub protocol: BTreeMap<String, Value>,
    /// The incomplete corpora of its run, and the number of recordings present: `960 of 1440`.
    pub incomplete: BTreeMap<String, String>,
    /// The predictions; rows of other variants and roles are ignored.
    pub predictions: &'a [Prediction],
}

/// The comparison of runs, as printed by `compare --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SideBySide {
    /// The version of this schema.
    pub version: u32,
    /// The groups of variants that may be ranked together, the largest first.
    pub groups: Vec<Ranked>,
    /// Why two groups may not be ranked together, for every pair of them.
    pub apart: Vec<Incomparable>,
}

/// Variants that may be ranked together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// The conditions that they have in common.
    #[serde(flatten)]
    pub conditions: Conditions,
    /// The variants, the best first.
    pub variants: Vec<Rank>,
    /// The differences from the baseline, which is the requested one or else the best; `None` for a single variant.
    pub comparison: Option<Comparison>,
}

/// The conditions under which figures are comparable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// The measure.
    pub measure: Measure,
    /// The task.
    #[serde(flatten)]
    pub task: Task,
    /// The scored part.
    pub part: Role,
    /// The kind of the protocol.
    pub protocol: String,
    /// The protocol's settings except seeds.
    pub settings: BTreeMap<String, Value>,
    /// The stamps that every table must show.
    pub stamps: BTreeSet<String>,
    /// The incomplete corpora, and the number of recordings present.
    pub incomplete: BTreeMap<String, String>,
    /// Number of distinct scored rows.
    pub rows: usize,
}

/// A ranked variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rank {
    /// The name.
    pub name: String,
    /// Number of training runs.
    pub cells: usize,
    /// The figure.
    #[serde(flatten)]
    pub summary: Summary,
}

/// Two groups, by number from 1, that may not be ranked together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incomparable {
    /// One group.
    pub a: usize,
    /// The other.
    pub b: usize,
    /// The differences, in words that refer to the groups by number; not empty.
    pub reasons: Vec<String>,
}

/// Groups `entries`, ranks each group, and compares its variants with `baseline` if it has that, otherwise with its
/// best.
///
/// # Errors
/// Fails if two entries have the same name, or the predictions of one cannot be scored.
pub fn side_by_side(entries: &[Entry<'_>], baseline: Option<&str>) -> Result<SideBySide, EvalError> {
    let mut groups: Vec<Group> = Vec::new();
    for entry in entries {
        let Some(summary) = entry.metrics.aggregate.get(entry.measure) else {
            return Err(EvalError::TooFewRows { variant: entry.name.clone() });
        };
        let scored = Scored::new(&entry.name, &entry.metrics.about.task, entry.predictions)?;
        let tested = tested(&scored);
        let conditions = conditions(entry, &scored, tested.len());
        let member = Member { entry, summary: *summary };
        match groups.iter_mut().find(|group| group.reasons_against(&conditions, &tested).is_empty()) {
            Some(group) => group.members.push(member),
            None => groups.push(Group { conditions, tested, members: vec![member] }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.members.len()));
    let numbered = || groups.iter().zip(1..);
    let mut apart = Vec::new();
    for (one, a) in numbered() {
        for (other, b) in numbered().filter(|(_, b)| *b > a) {
            let reasons = one.reasons_against(&other.conditions, &other.tested);
            let reasons = reasons.into_iter().map(|reason| reason.told(a, b)).collect();
            apart.push(Incomparable { a, b, reasons });
        }
    }
    let groups = groups.into_iter().map(|group| group.ranked(baseline)).collect::<Result<_, _>>()?;
    Ok(SideBySide { version: 1, groups, apart })
}

struct Member<'e, 'a> {
    entry: &'e Entry<'a>,
    summary: Summary,
}

/// Entries that may be ranked together.
struct Group<'e, 'a> {
    conditions: Conditions,
    tested: Vec<Tested<'a>>,
    members: Vec<Member<'e, 'a>>,
}

impl Group<'_, '_> {
    fn ranked(mut self, baseline: Option<&str>) -> Result<Ranked, EvalError> {
        self.members.sort_by(|a, b| b.summary.mean.total_cmp(&a.summary.mean));
        let has = |name: &str| self.members.iter().any(|member| member.entry.name == name);
        let baseline =
            baseline.filter(|name| has(name)).or(self.members.first().map(|it| it.entry.name.as_str()));
        let candidates: Vec<Candidate> = self
            .members
            .iter()
            .map(|Member { entry, .. }| Candidate {
                id: &entry.name,
                task: &entry.metrics.about.task,
                predictions: entry.predictions,
            })
            .collect();
        let comparison = match candidates[..] {
            [_, _, ..] => Some(compare(&candidates, self.conditions.measure, baseline)?),
            _ => None,
        };
        let variants = self.members.into_iter().map(|Member { entry, summary }| Rank {
            name: entry.name.clone(),
            cells: entry.metrics.cells.len(),
            summary,
        });
        Ok(Ranked { conditions: self.conditions, variants: variants.collect(), comparison })
    }

    /// Returns the differences; none if figures may be ranked together.
    fn reasons_against(&self, other: &Conditions, tested: &[Tested<'_>]) -> Vec<Reason> {
        let own = &self.conditions;
        let mut reasons = Vec::new();
        if own.measure != other.measure {
            reasons.push(Reason::plain(format!(
                "measure: {} against {}",
                own.measure.name(),
                other.measure.name()
            )));
        }
        reasons.extend(tasks_differ(&own.task, &other.task).map(Reason::plain));
        if own.part != other.part {
            reasons.push(Reason::plain(format!(
                "scored part: {} against {}",
                own.part.name(),
                other.part.name()
            )));
        }
        reasons.extend(protocols_differ(own, other).map(Reason::plain));
        reasons.extend(stamps_differ(own, other));
        reasons.extend(corpora_differ(own, other).map(Reason::plain));
        reasons.extend(rows_differ(&self.tested, tested, own.part));
        reasons
    }
}

/// A difference, in words in which `{a}` and `{b}` stand for the groups.
struct Reason(String);

impl Reason {
    fn plain(text: String) -> Self {
        Self(text)
    }

    fn told(self, a: usize, b: usize) -> String {
        self.0.replace("{a}", &a.to_string()).replace("{b}", &b.to_string())
    }
}

fn conditions(entry: &Entry<'_>, scored: &Scored<'_>, rows: usize) -> Conditions {
    let about = &entry.metrics.about;
    Conditions {
        measure: entry.measure,
        task: about.task.clone(),
        part: scored.part,
        protocol: about.protocol.clone(),
        settings: entry.protocol.clone(),
        stamps: about.stamps.iter().cloned().collect(),
        incomplete: entry.incomplete.clone(),
        rows,
    }
}

fn protocols_differ(a: &Conditions, b: &Conditions) -> Option<String> {
    if a.protocol != b.protocol {
        return Some(format!("protocol: {} against {}", a.protocol, b.protocol));
    }
    let names: BTreeSet<&String> = a.settings.keys().chain(b.settings.keys()).collect();
    let differing = names.into_iter().filter(|name| a.settings.get(*name) != b.settings.get(*name));
    let value = |of: &Conditions, name: &String| match of.settings.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "not given".to_owned(),
    };
    let differing: Vec<String> =
        differing.map(|name| format!("{name} {} against {}", value(a, name), value(b, name))).collect();
    (!differing.is_empty()).then(|| format!("protocol, both {}: {}", a.protocol, differing.join(", ")))
}

fn stamps_differ(a: &Conditions, b: &Conditions) -> Vec<Reason> {
    let only = |a: &Conditions, b: &Conditions, whose: &str| {
        let own = a.stamps.difference(&b.stamps);
        own.map(|stamp| Reason(format!("stamps: “{stamp}” in {whose} only"))).collect::<Vec<_>>()
    };
    let mut reasons = only(a, b, "{a}");
    reasons.extend(only(b, a, "{b}"));
    reasons
}

fn corpora_differ(a: &Conditions, b: &Conditions) -> Option<String> {
    let names: BTreeSet<&String> = a.incomplete.keys().chain(b.incomplete.keys()).collect();
    let differing = names.into_iter().filter(|name| a.incomplete.get(*name) != b.incomplete.get(*name));
    let there = |of: &Conditions, name: &String| {
        of.incomplete.get(name).cloned().unwrap_or_else(|| "nothing missing".to_owned())
    };
    let differing: Vec<String> =
        differing.map(|name| format!("{name} {} against {}", there(a, name), there(b, name))).collect();
    (!differing.is_empty()).then(|| format!("incomplete corpora: {}", differing.join(", ")))
}

/// A scored row without its prediction.
#[derive(PartialEq)]
struct Tested<'a> {
    /// The seed, if seeds have different rows.
    seed: Option<u64>,
    utterance: &'a str,
    fold: u32,
    speaker: &'a str,
    truth: Option<&'a Target>,
}

/// Returns the distinct scored rows by seed, utterance and fold.
fn tested<'a>(scored: &Scored<'a>) -> Vec<Tested<'a>> {
    let mut by_seed = BTreeMap::<u64, Vec<Tested>>::new();
    for &row in &scored.rows {
        by_seed.entry(row.seed).or_default().push(Tested {
            seed: None,
            utterance: &row.utterance,
            fold: row.fold,
            speaker: &row.speaker,
            truth: row.truth.as_ref(),
        });
    }
    by_seed.values_mut().for_each(|rows| rows.sort_unstable_by_key(|row| (row.utterance, row.fold)));
    let mut seeds = by_seed.values();
    let first = seeds.next();
    if seeds.all(|rows| Some(rows) == first) {
        return by_seed.into_values().next().unwrap_or_default();
    }
    let with_seed = |(seed, rows): (u64, Vec<Tested<'a>>)| {
        rows.into_iter().map(move |row| Tested { seed: Some(seed), ..row })
    };
    by_seed.into_iter().flat_map(with_seed).collect()
}

fn rows_differ(a: &[Tested<'_>], b: &[Tested<'_>], part: Role) -> Option<Reason> {
    if a == b {
        return None;
    }
    let part = part.name();
    let seeds = |rows: &[Tested<'_>]| rows.iter().filter_map(|row| row.seed).collect::<BTreeSet<_>>();
    if seeds(a) != seeds(b) {
        let listed = |rows| match seeds(rows) {
            seeds if seeds.is_empty() => "the same for all".to_owned(),
            seeds => seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", "),
        };
        return Some(Reason(format!("{part} rows by seed: {} against {}", listed(a), listed(b))));
    }
    let utterances =
        |rows: &[Tested<'_>]| rows.iter().map(|row| row.utterance.to_owned()).collect::<BTreeSet<_>>();
    let (of_a, of_b) = (utterances(a), utterances(b));
    let (only_a, only_b) = (of_a.difference(&of_b).count(), of_b.difference(&of_a).count());
    if only_a + only_b > 0 {
        return Some(Reason(format!(
            "{part} rows differ: {} against {}; {only_a} in {{a}} only, {only_b} in {{b}} only",
            of_a.len(),
            of_b.len()
        )));
    }
    let at = |rows: &[Tested<'_>]| -> BTreeMap<(Option<u64>, String), usize> {
        rows.iter().enumerate().map(|(i, row)| ((row.seed, row.utterance.to_owned()), i)).collect()
    };
    let (places_a, places_b) = (at(a), at(b));
    let pairs: Vec<(&Tested, &Tested)> =
        places_a.iter().filter_map(|(key, i)| Some((&a[*i], &b[*places_b.get(key)?]))).collect();
    let labelled = pairs.iter().filter(|(a, b)| a.truth != b.truth);
    if let Some((one, other)) = labelled.clone().next() {
        let [one_is, other_is] = [one, other].map(|row| match row.truth {
            Some(Target::Class(class)) => class.clone(),
            Some(Target::Values(values)) => format!("{values:?}"),
            None => "withheld".to_owned(),
        });
        return Some(Reason(format!(
            "labels: {} rows differ, such as `{}`: {one_is} in {{a}}, {other_is} in {{b}}",
            labelled.count(),
            one.utterance
        )));
    }
    if let Some((one, other)) = pairs.iter().find(|(a, b)| a.speaker != b.speaker) {
        return Some(Reason(format!(
            "speakers: `{}` is of {} in {{a}}, of {} in {{b}}",
            one.utterance, one.speaker, other.speaker
        )));
    }
    let moved = pairs.iter().filter(|(a, b)| a.fold != b.fold).count();
    Some(Reason(format!("folds: the same {part} rows, {moved} of {} in another fold", of_a.len())))
}
