//! A split that somebody wrote down: which utterance has which role in which fold.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

use affekt_config::{Diagnostic, list_names};
use affekt_domain::{Example, Role};
use serde::{Deserialize, Serialize};

use super::Impossible;
use super::split_table::{self, Folds};

/// A split that was written down. Utterances that it does not name have no role.
///
/// A name is an utterance's id (`RAVDESS/Actor_01/03-01-05-02-01-01-01`), its path in the corpus
/// (`Actor_01/03-01-05-02-01-01-01`), or the last part of that where no other utterance ends so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct SplitFile {
    /// The names of each fold. Every fold has names to train on and names to test.
    folds: Folds,
}

impl SplitFile {
    /// Reads a split from `text`, the table in the file that the person calls `path`.
    ///
    /// The first line names the columns: `utterance` (or `file`, `filename`, `file_name`, `path`), `role` (or `split`,
    /// `part`, `partition`, `set`) and, where there are several folds, `fold`, from 1. Others are passed over. What
    /// parts the names of the columns (commas, semicolons or tabs) parts the rest.
    ///
    /// # Errors
    /// Everything that is wrong, each at its place.
    pub fn parse(path: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        split_table::read(path, text).map(|folds| Self { folds })
    }

    /// The numbers of its folds, in order.
    #[must_use]
    pub fn fold_numbers(&self) -> Vec<u32> {
        self.folds.keys().copied().collect()
    }

    /// Whether all its folds have a dev part.
    #[must_use]
    pub fn has_dev(&self) -> bool {
        self.folds.values().all(|names| names.values().any(|role| *role == Role::Dev))
    }

    /// For each fold, the role of each utterance. Names that the experiment has nothing for stay as they are, so that
    /// whoever looks at the folds sees them.
    pub(super) fn roles(&self, examples: &[Example]) -> Result<Folds, Impossible> {
        let known = Known::new(examples);
        let mut ambiguous: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut folds: Vec<(u32, Named<'_>)> = Vec::new();
        for (fold, names) in &self.folds {
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
            self.check_fold(*fold, roles, &known)?;
        }
        let owned = |roles: Named<'_>| {
            roles.into_iter().map(|(utterance, (_, role))| (utterance.to_owned(), role)).collect()
        };
        Ok(folds.into_iter().map(|(fold, roles)| (fold, owned(roles))).collect())
    }

    /// Of every role that a fold names, something must be here.
    fn check_fold(&self, fold: u32, roles: &Named<'_>, known: &Known<'_>) -> Result<(), Impossible> {
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

/// A split as parameters hold it: one text, a line `<fold>,<role>,<name>` for each name, in order. Two files that
/// say the same are the same text, wherever they lie and however their rows are ordered.
#[derive(Serialize, Deserialize)]
struct Written {
    rows: String,
}

impl From<SplitFile> for Written {
    fn from(split: SplitFile) -> Self {
        let mut rows = String::new();
        for (fold, names) in &split.folds {
            for (name, role) in names {
                let _ = writeln!(rows, "{fold},{},{name}", role.name());
            }
        }
        Self { rows }
    }
}

/// Parameters hold something else than a split.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no row of a split: rows are `fold,role,utterance`, with roles {roles}",
    roles = list_names(&Role::ALL.map(Role::name)))]
struct NoRow(String);

impl TryFrom<Written> for SplitFile {
    type Error = NoRow;

    fn try_from(written: Written) -> Result<Self, NoRow> {
        let mut folds = Folds::new();
        for line in written.rows.lines() {
            let mut fields = line.splitn(3, ',');
            let row = (|| {
                let fold = fields.next()?.parse().ok()?;
                let role = Role::from_name(fields.next()?)?;
                Some((fold, role, fields.next()?))
            })();
            let (fold, role, name) = row.ok_or_else(|| NoRow(line.to_owned()))?;
            folds.entry(fold).or_default().insert(name.to_owned(), role);
        }
        Ok(Self { folds })
    }
}
