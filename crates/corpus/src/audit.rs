//! Leakage audit: inspects folds as they are, without trusting the protocol that made them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use affekt_domain::{Digest, Example, Fold, Role};
use affekt_spec::Words;
use affekt_spec::protocol::{Permission, Rules, Sharing};
use serde::{Deserialize, Serialize};

/// How many rows are named on each side of what need not be named whole. All are counted.
const ROWS_NAMED: usize = 10;

/// The findings of an audit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// The version of this structure.
    pub version: u32,
    /// The digest of the split: BLAKE3 over its rows, ordered by fold and utterance.
    pub digest: Digest,
    /// The contents of each role of each fold.
    pub parts: Vec<AuditedPart>,
    /// What two roles of a fold have in common.
    pub shared: Vec<Shared>,
    /// Number of examples that no fold tests.
    pub never_tested: usize,
    /// Number of examples that more than one fold tests.
    pub tested_again: usize,
    /// Utterances in the folds that the experiment does not have, so that nothing is known about them.
    pub unknown: Vec<String>,
    /// Number of examples in the folds by unknown speakers, for which shared speakers cannot be detected.
    #[serde(default, skip_serializing_if = "is_none")]
    pub unknown_speakers: usize,
    /// Number of examples in the folds of which no text is known, for which shared texts cannot be detected.
    #[serde(default, skip_serializing_if = "is_none")]
    pub unknown_texts: usize,
}

/// Returns whether a number is zero: most corpora tell all speakers and texts, and their audits omit it.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_none(number: &usize) -> bool {
    *number == 0
}

/// The contents of a role of a fold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditedPart {
    /// The number of the fold.
    pub fold: u32,
    /// The role.
    pub role: Role,
    /// Number of examples.
    pub examples: usize,
    /// Number of known speakers.
    pub speakers: usize,
    /// Number of examples of each class; empty if numbers are predicted or labels are withheld.
    pub classes: BTreeMap<String, usize>,
    /// Number of examples of each corpus.
    pub corpora: BTreeMap<String, usize>,
}

impl AuditedPart {
    /// Returns the number of speakers, or `None` if none of them is known.
    #[must_use]
    pub fn known_speakers(&self) -> Option<usize> {
        (self.speakers > 0 || self.examples == 0).then_some(self.speakers)
    }
}

/// Returns the example's value of this property, as a name that is unique over all corpora.
fn of(what: Sharing, example: &Example) -> Option<String> {
    let utterance = &example.utterance;
    match what {
        Sharing::Speaker => utterance.known_speaker().map(str::to_owned),
        Sharing::Audio => Some(utterance.audio.to_string()),
        Sharing::Text => utterance.text.as_ref().map(|text| format!("{}/{text}", utterance.corpus)),
    }
}

/// A value that two roles of a fold share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shared {
    /// The number of the fold.
    pub fold: u32,
    /// The property.
    pub what: Sharing,
    /// The value: `RAVDESS/07`, a digest, `TESS/back`.
    pub value: String,
    /// The two roles and their rows with this value.
    pub sides: [Side; 2],
}

/// The rows of one role that have a shared value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// The role.
    pub role: Role,
    /// Number of rows.
    pub rows: usize,
    /// The utterances: all of them, or the first ten if not all were requested.
    pub utterances: Vec<String>,
}

impl Side {
    fn new(role: u32, names: &[&str], most: usize) -> Self {
        Self {
            role: Role::ALL[role as usize],
            rows: names.len(),
            utterances: names.iter().take(most).map(|name| (*name).to_owned()).collect(),
        }
    }
}

/// Formats as ``speaker `RAVDESS/07` is in train (2 rows: a, b) and test (1 row: c) of fold 1``.
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
    /// Returns what is shared but must not be.
    #[must_use]
    pub fn leaks(&self, rules: &Rules) -> Vec<&Shared> {
        let forbidden = rules.forbidden();
        self.shared.iter().filter(|shared| forbidden.contains(&shared.what)).collect()
    }

    /// Returns how many times two roles of a fold have something in common; `None` if it is unknown of all examples, so that
    /// nothing can be found.
    #[must_use]
    pub fn times_shared(&self, what: Sharing) -> Option<usize> {
        let shared = self.shared.iter().filter(|shared| shared.what == what).count();
        let unknown = match what {
            Sharing::Speaker => self.unknown_speakers,
            Sharing::Text => self.unknown_texts,
            Sharing::Audio => 0,
        };
        let mut of_folds: BTreeMap<u32, usize> = BTreeMap::new();
        for part in &self.parts {
            *of_folds.entry(part.fold).or_default() += part.examples;
        }
        let most = of_folds.into_values().max().unwrap_or_default();
        let is_unknown = shared == 0 && unknown > 0 && unknown >= most;
        (!is_unknown).then_some(shared)
    }

    /// Returns why it cannot be told whether something is shared that must not be, where it cannot: what is unknown is not
    /// found to be shared.
    #[must_use]
    pub fn untold(&self, rules: &Rules) -> Option<String> {
        let untold = self.unknown_texts;
        (untold > 0 && rules.forbidden().contains(&Sharing::Text)).then(|| {
            let (noun, is) = if untold == 1 { ("utterance", "is") } else { ("utterances", "are") };
            format!(
                "the texts of {untold} {noun} {is} unknown, and `disjoint` wants texts to be disjoint: give the card a \
                 `text`, or take `text` out of `disjoint`"
            )
        })
    }

    /// Returns the findings that must be stated beside every figure from these folds.
    #[must_use]
    pub fn stamps(&self) -> Vec<String> {
        let found: BTreeSet<Sharing> = self.shared.iter().map(|shared| shared.what).collect();
        let permissions = found.into_iter().filter_map(Permission::to_share);
        permissions.map(|permission| permission.stamp().to_owned()).collect()
    }
}

/// Audits the folds. All rows are listed for the properties in `named_whole`, and the first ten on each side for the
/// others.
///
/// # Errors
/// Fails if the tables cannot be joined, as when memory does not suffice.
#[must_use]
pub fn audit(folds: &[Fold], examples: &[Example], named_whole: &BTreeSet<Sharing>) -> Audit {
    let index_of: HashMap<&str, u32> =
        examples.iter().zip(0..).map(|(example, index)| (example.utterance.id.as_str(), index)).collect();
    let mut rows = FoldRows::default();
    let mut unknown = BTreeSet::new();
    let mut unknown_speakers = BTreeSet::new();
    let mut unknown_texts = BTreeSet::new();
    let mut times_tested = vec![0_u32; examples.len()];
    for (fold, at) in folds.iter().zip(0..) {
        for (id, role) in fold.rows() {
            let Some(index) = index_of.get(id) else {
                unknown.insert(id.to_owned());
                continue;
            };
            rows.push(at, role, *index);
            if examples[*index as usize].utterance.known_speaker().is_none() {
                unknown_speakers.insert(*index);
            }
            if examples[*index as usize].utterance.text.is_none() {
                unknown_texts.insert(*index);
            }
            times_tested[*index as usize] += u32::from(role == Role::Test);
        }
    }
    let mut shared = Vec::new();
    for &what in Sharing::ALL {
        let most = if named_whole.contains(&what) { usize::MAX } else { ROWS_NAMED };
        shared.extend(find_shared(what, most, folds, &rows, examples));
    }
    shared.sort_by(|a, b| key(a).cmp(&key(b)));
    Audit {
        version: 1,
        digest: digest(folds),
        parts: parts(folds, &rows, examples),
        shared,
        never_tested: times_tested.iter().filter(|times| **times == 0).count(),
        tested_again: times_tested.iter().filter(|times| **times > 1).count(),
        unknown: unknown.into_iter().collect(),
        unknown_speakers: unknown_speakers.len(),
        unknown_texts: unknown_texts.len(),
    }
}

/// The rows of all folds by column. Folds and examples are indices, roles are those of [`Role::ALL`].
#[derive(Default)]
struct FoldRows {
    fold: Vec<u32>,
    role: Vec<u32>,
    example: Vec<u32>,
}

impl FoldRows {
    fn push(&mut self, fold: u32, role: Role, example: u32) {
        self.fold.push(fold);
        self.role.push(role as u32);
        self.example.push(example);
    }

    /// Returns the rows whose examples have a value, as a table of `key`, `role` and `example`. The key packs `place`
    /// of fold and role with the value: grouping by one number costs a fraction of grouping by several columns.
    fn keyed(&self, values: &Values, place: impl Fn(u32, u32) -> u32) -> Vec<KeyedRow> {
        let mut rows = Vec::with_capacity(self.example.len());
        for ((fold, role), example) in self.fold.iter().zip(&self.role).zip(&self.example) {
            if let Some(value) = values.of_examples[*example as usize] {
                rows.push(KeyedRow { key: pack(place(*fold, *role), value), role: *role, example: *example });
            }
        }
        rows.sort_unstable();
        rows
    }
}

/// A row of a fold under the key that it is grouped by.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct KeyedRow {
    key: u64,
    role: u32,
    example: u32,
}

/// Groups rows in order of their keys. No group is empty.
fn groups(rows: &[KeyedRow]) -> impl Iterator<Item = &[KeyedRow]> {
    rows.chunk_by(|a, b| a.key == b.key)
}

fn pack(place: u32, value: u32) -> u64 {
    u64::from(place) << 32 | u64::from(value)
}

fn unpack(key: u64) -> (u32, u32) {
    ((key >> 32) as u32, key as u32)
}

/// Names by number: numbers are compared faster than names.
struct Values {
    names: Vec<String>,
    of_examples: Vec<Option<u32>>,
}

impl Values {
    fn new(of_examples: impl Iterator<Item = Option<String>>) -> Self {
        let mut numbers: HashMap<String, u32> = HashMap::new();
        let mut names = Vec::new();
        let mut number = |name: String| {
            *numbers.entry(name).or_insert_with_key(|name| {
                names.push(name.clone());
                names.len() as u32 - 1
            })
        };
        let of_examples = of_examples.map(|name| name.map(&mut number)).collect();
        Self { names, of_examples }
    }

    /// Removes values that only one example has, which cannot be shared.
    fn forget_singles(&mut self) {
        let mut times = vec![0_usize; self.names.len()];
        self.of_examples.iter().flatten().for_each(|value| times[*value as usize] += 1);
        for value in &mut self.of_examples {
            *value = value.filter(|value| times[*value as usize] > 1);
        }
    }
}

/// Finds the values that several roles of a fold share, with their rows, of which `most` are listed on each side.
fn find_shared(
    what: Sharing,
    most: usize,
    folds: &[Fold],
    rows: &FoldRows,
    examples: &[Example],
) -> Vec<Shared> {
    let mut values = Values::new(examples.iter().map(|example| of(what, example)));
    values.forget_singles();
    let mut shared = Vec::new();
    for group in groups(&rows.keyed(&values, |fold, _| fold)) {
        // A group is in order of its roles.
        if group[0].role == group[group.len() - 1].role {
            continue;
        }
        let (fold, value) = unpack(group[0].key);
        let sides = group.chunk_by(|a, b| a.role == b.role).map(|side| {
            let mut names: Vec<&str> =
                side.iter().map(|row| examples[row.example as usize].utterance.id.as_str()).collect();
            names.sort_unstable();
            Side::new(side[0].role, &names, most)
        });
        let sides: Vec<Side> = sides.collect();
        for (nth, first) in sides.iter().enumerate() {
            shared.extend(sides[nth + 1..].iter().map(|second| Shared {
                fold: folds[fold as usize].number(),
                what,
                value: values.names[value as usize].clone(),
                sides: [first.clone(), second.clone()],
            }));
        }
    }
    shared
}

/// Counts the contents of each role of each fold.
fn parts(folds: &[Fold], rows: &FoldRows, examples: &[Example]) -> Vec<AuditedPart> {
    let roles = Role::ALL.len() as u32;
    // For each fold and role, how many rows have each value.
    let count = |value: &dyn Fn(&Example) -> Option<&str>| {
        let values = Values::new(examples.iter().map(|example| value(example).map(str::to_owned)));
        let mut by_place: BTreeMap<u32, BTreeMap<String, usize>> = BTreeMap::new();
        for group in groups(&rows.keyed(&values, |fold, role| fold * roles + role)) {
            let (place, value) = unpack(group[0].key);
            by_place.entry(place).or_default().insert(values.names[value as usize].clone(), group.len());
        }
        by_place
    };
    let corpora = count(&|example| Some(&example.utterance.corpus));
    let mut classes = count(&|example| example.class());
    let speakers = count(&|example| example.utterance.known_speaker());
    let part = |(place, corpora): (u32, BTreeMap<String, usize>)| AuditedPart {
        fold: folds[(place / roles) as usize].number(),
        role: Role::ALL[(place % roles) as usize],
        examples: corpora.values().sum(),
        speakers: speakers.get(&place).map_or(0, BTreeMap::len),
        classes: classes.remove(&place).unwrap_or_default(),
        corpora,
    };
    corpora.into_iter().map(part).collect()
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
            // The length separates rows unambiguously.
            hasher.update(&fold.number().to_le_bytes());
            hasher.update(&(utterance.len() as u64).to_le_bytes());
            hasher.update(utterance.as_bytes());
            hasher.update(role.name().as_bytes());
        }
    }
    Digest::from_bytes(*hasher.finalize().as_bytes())
}
