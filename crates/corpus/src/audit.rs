//! The leakage audit: looks at folds as they are, without trusting the protocol that made them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use affekt_domain::{Digest, Example, Fold, Role};
use polars::prelude::*;
use serde::Serialize;

use crate::Protocol;

/// How many rows are named on each side of what is shared. All are counted.
const ROWS_NAMED: usize = 10;

/// What was found in the folds of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// The version of this structure.
    pub version: u32,
    /// The digest of the split: BLAKE3 over its rows, ordered by fold and utterance.
    pub digest: Digest,
    /// What each role of each fold holds.
    pub parts: Vec<Part>,
    /// What stands in two roles of a fold.
    pub shared: Vec<Shared>,
    /// Examples that no fold tests.
    pub never_tested: usize,
    /// Examples that more than one fold tests.
    pub tested_again: usize,
    /// Utterances that folds name and the experiment does not have: nothing is known about them.
    pub unknown: Vec<String>,
}

/// What a role of a fold holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// The fold.
    pub fold: u32,
    /// The role.
    pub role: Role,
    /// How many examples.
    pub examples: usize,
    /// How many speakers.
    pub speakers: usize,
    /// How many examples of each class.
    pub classes: BTreeMap<String, usize>,
    /// How many examples of each corpus.
    pub corpora: BTreeMap<String, usize>,
}

/// What two roles can share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sharing {
    /// A speaker.
    Speaker,
    /// Identical audio.
    Audio,
    /// What was said.
    Text,
}

impl Sharing {
    /// All of them, the gravest first.
    pub const ALL: [Self; 3] = [Self::Speaker, Self::Audio, Self::Text];

    /// Its name, as written in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Speaker => "speaker",
            Self::Audio => "audio",
            Self::Text => "text",
        }
    }

    /// What the example has of this, as a name that is unique over all corpora.
    fn of(self, example: &Example) -> Option<String> {
        let utterance = &example.utterance;
        match self {
            Self::Speaker => Some(utterance.speaker.clone()),
            Self::Audio => Some(utterance.audio.to_string()),
            Self::Text => utterance.text.as_ref().map(|text| format!("{}/{text}", utterance.corpus)),
        }
    }
}

/// Something that stands in two roles of a fold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shared {
    /// The fold.
    pub fold: u32,
    /// What kind of thing.
    pub what: Sharing,
    /// Which: `RAVDESS/07`, a digest, `TESS/back`.
    pub value: String,
    /// The two roles and what of them is concerned.
    pub sides: [Side; 2],
}

/// The rows of one role that are concerned.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// The role.
    pub role: Role,
    /// How many rows.
    pub rows: usize,
    /// The first of them by name.
    pub utterances: Vec<String>,
}

/// ``speaker `RAVDESS/07` is in train (2 rows: a, b) and test (1 row: c) of fold 1``
impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |side: &Side| {
            let rows = if side.rows == 1 { "row" } else { "rows" };
            let more = if side.rows > side.utterances.len() { ", …" } else { "" };
            format!("{} ({} {rows}: {}{more})", side.role.name(), side.rows, side.utterances.join(", "))
        };
        let [first, second] = &self.sides;
        let (what, value) = (self.what.name(), &self.value);
        write!(f, "{what} `{value}` is in {} and {} of fold {}", side(first), side(second), self.fold)
    }
}

impl Audit {
    /// What is shared and must not be under `protocol`: identical audio always, what the protocol groups by too.
    #[must_use]
    pub fn leaks(&self, protocol: &Protocol) -> Vec<&Shared> {
        let is_forbidden = |what: Sharing| match (what, protocol) {
            (Sharing::Audio, _) | (Sharing::Speaker, Protocol::GroupKfold(_)) => true,
            (Sharing::Speaker, Protocol::Random(_)) | (Sharing::Text, _) => false,
        };
        self.shared.iter().filter(|shared| is_forbidden(shared.what)).collect()
    }
}

/// Audits the folds.
///
/// # Errors
/// When the tables cannot be joined: more rows than memory.
pub fn audit(folds: &[Fold], examples: &[Example]) -> PolarsResult<Audit> {
    let index_of: BTreeMap<&str, u32> =
        (0..).zip(examples).map(|(index, example)| (example.utterance.id.as_str(), index)).collect();
    let mut rows = Rows::default();
    let mut unknown = BTreeSet::new();
    let mut times_tested = vec![0_u32; examples.len()];
    for fold in folds {
        for (id, role) in fold.rows() {
            let Some(index) = index_of.get(id) else {
                unknown.insert(id.to_owned());
                continue;
            };
            rows.push(fold.number(), role, *index);
            times_tested[*index as usize] += u32::from(role == Role::Test);
        }
    }
    let mut shared = Vec::new();
    for what in Sharing::ALL {
        shared.extend(find_shared(what, &rows, examples)?);
    }
    shared.sort_by(|a, b| key(a).cmp(&key(b)));
    Ok(Audit {
        version: 1,
        digest: digest(folds),
        parts: parts(&rows, examples)?,
        shared,
        never_tested: times_tested.iter().filter(|times| **times == 0).count(),
        tested_again: times_tested.iter().filter(|times| **times > 1).count(),
        unknown: unknown.into_iter().collect(),
    })
}

/// The rows of all folds, column by column; an example is its index.
#[derive(Default)]
struct Rows {
    fold: Vec<u32>,
    role: Vec<u32>,
    example: Vec<u32>,
}

impl Rows {
    fn push(&mut self, fold: u32, role: Role, example: u32) {
        self.fold.push(fold);
        self.role.push(role as u32);
        self.example.push(example);
    }

    /// The rows with one more column: for each row the `codes` of its example.
    fn with(&self, codes: &[Option<u32>]) -> PolarsResult<LazyFrame> {
        let value: Vec<Option<u32>> = self.example.iter().map(|index| codes[*index as usize]).collect();
        let table =
            df!("fold" => &self.fold, "role" => &self.role, "example" => &self.example, "value" => value)?;
        Ok(table.lazy().filter(col("value").is_not_null()))
    }
}

/// Names by number: tables of numbers are joined faster than tables of names.
struct Codes {
    names: Vec<String>,
    /// For each example.
    codes: Vec<Option<u32>>,
}

impl Codes {
    fn new(of_examples: impl Iterator<Item = Option<String>>) -> Self {
        let of_examples: Vec<Option<String>> = of_examples.collect();
        let names: BTreeSet<&String> = of_examples.iter().flatten().collect();
        let number: BTreeMap<&String, u32> = names.iter().copied().zip(0..).collect();
        let codes = of_examples.iter().map(|name| name.as_ref().map(|name| number[name])).collect();
        Self { names: names.into_iter().cloned().collect(), codes }
    }
}

fn find_shared(what: Sharing, rows: &Rows, examples: &[Example]) -> PolarsResult<Vec<Shared>> {
    let codes = Codes::new(examples.iter().map(|example| what.of(example)));
    let keys = [col("fold"), col("value")];
    let rows = rows.with(&codes.codes)?;
    let counts = rows
        .clone()
        .group_by([col("fold"), col("value"), col("role")])
        .agg([len().alias("rows")])
        .collect()?
        .lazy();
    let pairs = counts
        .clone()
        .join(counts, keys.clone(), keys.clone(), JoinArgs::new(JoinType::Inner))
        .filter(col("role").lt(col("role_right")))
        .collect()?;
    let concerned = pairs.clone().lazy().select(keys.clone()).unique(None, UniqueKeepStrategy::Any);
    let concerned = rows
        .join(concerned, keys.clone(), keys, JoinArgs::new(JoinType::Inner))
        .select([col("fold"), col("value"), col("role"), col("example")])
        .collect()?;

    let mut utterances: BTreeMap<(u32, u32, u32), Vec<&str>> = BTreeMap::new();
    for [fold, value, role, example] in numbers(&concerned, ["fold", "value", "role", "example"])? {
        utterances.entry((fold, value, role)).or_default().push(&examples[example as usize].utterance.id);
    }
    utterances.values_mut().for_each(|names| names.sort_unstable());
    let side = |fold, value, role: u32| {
        let names = &utterances[&(fold, value, role)];
        Side {
            role: Role::ALL[role as usize],
            rows: names.len(),
            utterances: names.iter().take(ROWS_NAMED).map(|name| (*name).to_owned()).collect(),
        }
    };
    let pairs = numbers(&pairs, ["fold", "value", "role", "role_right"])?;
    let shared = |[fold, value, first, second]: [u32; 4]| Shared {
        fold,
        what,
        value: codes.names[value as usize].clone(),
        sides: [side(fold, value, first), side(fold, value, second)],
    };
    Ok(pairs.into_iter().map(shared).collect())
}

fn parts(rows: &Rows, examples: &[Example]) -> PolarsResult<Vec<Part>> {
    let count = |codes: &Codes| -> PolarsResult<BTreeMap<(u32, u32), BTreeMap<String, usize>>> {
        let counts = rows
            .with(&codes.codes)?
            .group_by([col("fold"), col("role"), col("value")])
            .agg([len().cast(DataType::UInt32).alias("rows")])
            .collect()?;
        let mut by_part: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for [fold, role, value, rows] in numbers(&counts, ["fold", "role", "value", "rows"])? {
            let name = codes.names[value as usize].clone();
            by_part.entry((fold, role)).or_default().insert(name, rows as usize);
        }
        Ok(by_part)
    };
    let classes = count(&Codes::new(examples.iter().map(|example| Some(example.class.clone()))))?;
    let mut corpora =
        count(&Codes::new(examples.iter().map(|example| Some(example.utterance.corpus.clone()))))?;
    let speakers = count(&Codes::new(examples.iter().map(|example| Sharing::Speaker.of(example))))?;
    let part = |((fold, role), classes): ((u32, u32), BTreeMap<String, usize>)| Part {
        fold,
        role: Role::ALL[role as usize],
        examples: classes.values().sum(),
        speakers: speakers.get(&(fold, role)).map_or(0, BTreeMap::len),
        classes,
        corpora: corpora.remove(&(fold, role)).unwrap_or_default(),
    };
    Ok(classes.into_iter().map(part).collect())
}

/// The rows of a table's columns of numbers.
fn numbers<const N: usize>(table: &DataFrame, columns: [&str; N]) -> PolarsResult<Vec<[u32; N]>> {
    let mut rows = vec![[0; N]; table.height()];
    for (at, column) in columns.into_iter().enumerate() {
        let values = table.column(column)?.u32()?;
        for (row, value) in rows.iter_mut().zip(values.iter()) {
            row[at] = value.unwrap_or_default();
        }
    }
    Ok(rows)
}

fn key(shared: &Shared) -> (u32, Sharing, &str, [Role; 2]) {
    let [first, second] = &shared.sides;
    (shared.fold, shared.what, &shared.value, [first.role, second.role])
}

fn digest(folds: &[Fold]) -> Digest {
    let mut by_number: Vec<&Fold> = folds.iter().collect();
    by_number.sort_by_key(|fold| fold.number());
    let mut hasher = blake3::Hasher::new();
    for fold in by_number {
        for (utterance, role) in fold.rows() {
            // The length keeps one row from running into the next.
            hasher.update(&fold.number().to_le_bytes());
            hasher.update(&(utterance.len() as u64).to_le_bytes());
            hasher.update(utterance.as_bytes());
            hasher.update(role.name().as_bytes());
        }
    }
    Digest::from_bytes(*hasher.finalize().as_bytes())
}
