//! Splits given by a file: the role of each utterance in each fold.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use affekt_config::Diagnostic;
use affekt_domain::{Example, Role};
use affekt_spec::protocol::SplitFile;

use super::ProtocolError;
use super::split_table::{self, Folds};

/// Reads a split from `text`, the table in the file that the person calls `path`.
///
/// The first line names the columns: `utterance` (or `file`, `filename`, `file_name`, `path`), `role` (or `split`,
/// `part`, `partition`, `set`) and, where there are several folds, `fold`, from 1. Others are passed over. What
/// separates the names of the columns (commas, semicolons or tabs) separates the rest.
///
/// # Errors
/// Everything that is wrong, each at its place.
pub fn read_split(path: &str, text: &str) -> Result<SplitFile, Vec<Diagnostic>> {
    split_table::read(path, text).map(SplitFile::new)
}

/// Returns the role of each utterance in each fold. Names without an utterance in the experiment are kept, so
/// that they can be reported.
pub(super) fn roles(split: &SplitFile, examples: &[Example]) -> Result<Folds, ProtocolError> {
    let known = UtteranceIndex::new(examples);
    let mut ambiguous: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut folds: Vec<(u32, NamedUtterances<'_>)> = Vec::new();
    for (fold, names) in split.folds() {
        let mut roles = BTreeMap::new();
        for (name, role) in names {
            if let Some(speaker) = name.strip_prefix('@') {
                for utterance in known.spoken_by(speaker, name) {
                    if let Some((first, _)) = roles.insert(utterance, (name.as_str(), *role)) {
                        let [utterance, first, second] = [utterance, first, name].map(str::to_owned);
                        return Err(ProtocolError::NamedTwice { fold: *fold, utterance, first, second });
                    }
                }
                continue;
            }
            let utterance = match known.called(name)[..] {
                [] => name,
                [utterance] => utterance,
                ref several => {
                    ambiguous.insert(name, several.to_vec());
                    continue;
                }
            };
            if let Some((first, _)) = roles.insert(utterance, (name.as_str(), *role)) {
                let [utterance, first, second] = [utterance, first, name].map(str::to_owned);
                return Err(ProtocolError::NamedTwice { fold: *fold, utterance, first, second });
            }
        }
        folds.push((*fold, roles));
    }
    if !ambiguous.is_empty() {
        return Err(ProtocolError::ambiguous(&ambiguous));
    }
    for (fold, roles) in &folds {
        check_fold(*fold, roles, &known)?;
    }
    let owned = |roles: NamedUtterances<'_>| {
        roles.into_iter().map(|(utterance, (_, role))| (utterance.to_owned(), role)).collect()
    };
    Ok(folds.into_iter().map(|(fold, roles)| (fold, owned(roles))).collect())
}

/// Checks that at least one utterance is present for every role in a fold.
fn check_fold(
    fold: u32,
    roles: &NamedUtterances<'_>,
    known: &UtteranceIndex<'_>,
) -> Result<(), ProtocolError> {
    let named: BTreeSet<Role> = roles.values().map(|(_, role)| *role).collect();
    let here: BTreeSet<Role> =
        roles.iter().filter(|(utterance, _)| known.has(utterance)).map(|(_, (_, role))| *role).collect();
    let Some(role) = named.difference(&here).next() else { return Ok(()) };
    if !here.is_empty() {
        return Err(ProtocolError::NoneOfRole { fold, role: *role });
    }
    Err(ProtocolError::NothingNamed {
        fold,
        named: roles.len(),
        first: roles.keys().next().copied().unwrap_or_default().to_owned(),
        example: known.first().unwrap_or_default().to_owned(),
    })
}

/// Utterances, each with its name in the split and its role.
type NamedUtterances<'s> = BTreeMap<&'s str, (&'s str, Role)>;

/// An index of the experiment's utterances by the last component of their paths.
struct UtteranceIndex<'e> {
    by_last: HashMap<&'e str, BTreeSet<&'e str>>,
    by_speaker: HashMap<&'e str, BTreeSet<&'e str>>,
}

impl<'e> UtteranceIndex<'e> {
    fn new(examples: &'e [Example]) -> Self {
        let mut by_last: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        let mut by_speaker: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for Example { utterance, .. } in examples {
            by_last.entry(last(&utterance.id)).or_default().insert(&utterance.id);
            by_speaker.entry(&utterance.speaker).or_default().insert(&utterance.id);
        }
        Self { by_last, by_speaker }
    }

    /// Returns the ids of a speaker's utterances; where there are none, the name itself, so that it can be reported.
    fn spoken_by<'s>(&self, speaker: &str, name: &'s str) -> Vec<&'s str>
    where
        'e: 's,
    {
        match self.by_speaker.get(speaker) {
            Some(ids) => ids.iter().copied().collect(),
            None => vec![name],
        }
    }

    /// Returns the ids that `name` may stand for.
    fn called(&self, name: &str) -> Vec<&'e str> {
        let Some(ids) = self.by_last.get(last(name)) else { return Vec::new() };
        if let Some(id) = ids.get(name) {
            return vec![id];
        }
        let in_corpus = |id: &str| id.split_once('/').is_some_and(|(_, path)| path == name);
        ids.iter().copied().filter(|id| !name.contains('/') || in_corpus(id)).collect()
    }

    fn has(&self, id: &str) -> bool {
        self.by_last.get(last(id)).is_some_and(|ids| ids.contains(id))
    }

    /// Returns the first id in order.
    fn first(&self) -> Option<&'e str> {
        self.by_last.values().flatten().min().copied()
    }
}

fn last(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, last)| last)
}
