//! A split that somebody wrote down: which utterance has which role in which fold.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use affekt_config::Diagnostic;
use affekt_domain::{Example, Role};
use affekt_spec::protocol::SplitFile;

use super::Impossible;
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

/// Returns for each fold the role of each utterance. Names that the experiment has nothing for stay as they are, so that
/// whoever looks at the folds sees them.
pub(super) fn roles(split: &SplitFile, examples: &[Example]) -> Result<Folds, Impossible> {
    let known = Known::new(examples);
    let mut ambiguous: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut folds: Vec<(u32, Named<'_>)> = Vec::new();
    for (fold, names) in split.folds() {
        let mut roles = BTreeMap::new();
        for (name, role) in names {
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
                return Err(Impossible::NamedTwice { fold: *fold, utterance, first, second });
            }
        }
        folds.push((*fold, roles));
    }
    if !ambiguous.is_empty() {
        return Err(Impossible::ambiguous(&ambiguous));
    }
    for (fold, roles) in &folds {
        check_fold(*fold, roles, &known)?;
    }
    let owned = |roles: Named<'_>| {
        roles.into_iter().map(|(utterance, (_, role))| (utterance.to_owned(), role)).collect()
    };
    Ok(folds.into_iter().map(|(fold, roles)| (fold, owned(roles))).collect())
}

/// Of every role that a fold names, something must be here.
fn check_fold(fold: u32, roles: &Named<'_>, known: &Known<'_>) -> Result<(), Impossible> {
    let named: BTreeSet<Role> = roles.values().map(|(_, role)| *role).collect();
    let here: BTreeSet<Role> =
        roles.iter().filter(|(utterance, _)| known.has(utterance)).map(|(_, (_, role))| *role).collect();
    let Some(role) = named.difference(&here).next() else { return Ok(()) };
    if !here.is_empty() {
        return Err(Impossible::NoneOfRole { fold, role: *role });
    }
    Err(Impossible::NothingNamed {
        fold,
        named: roles.len(),
        first: roles.keys().next().copied().unwrap_or_default().to_owned(),
        example: known.first().unwrap_or_default().to_owned(),
    })
}

/// Utterances, each with the name that the split gives it and its role.
type Named<'s> = BTreeMap<&'s str, (&'s str, Role)>;

/// The utterances of an experiment by the last part of their paths.
struct Known<'e> {
    by_last: HashMap<&'e str, BTreeSet<&'e str>>,
}

impl<'e> Known<'e> {
    fn new(examples: &'e [Example]) -> Self {
        let mut by_last: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for Example { utterance, .. } in examples {
            by_last.entry(last(&utterance.id)).or_default().insert(&utterance.id);
        }
        Self { by_last }
    }

    /// The ids that `name` may mean.
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

    /// The first id in the order of names.
    fn first(&self) -> Option<&'e str> {
        self.by_last.values().flatten().min().copied()
    }
}

fn last(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, last)| last)
}
