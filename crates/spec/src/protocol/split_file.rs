//! A split that somebody wrote down: which utterance has which role in which fold.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use affekt_config::{Section, list_names};
use affekt_domain::Role;
use serde::ser::SerializeMap;
use serde_json::Value;

use crate::schema::{FieldSchema, Schema};
use crate::{JsonError, JsonMap, SpecFields, View, take_required};

/// The role of each name, by fold.
pub type NamedRoles = BTreeMap<u32, BTreeMap<String, Role>>;

/// A split that was written down. Utterances that it does not name have no role.
///
/// A name is an utterance's id (`RAVDESS/Actor_01/03-01-05-02-01-01-01`), its path in the corpus
/// (`Actor_01/03-01-05-02-01-01-01`), or the last part of that where no other utterance ends so; or, after `@`, a speaker
/// (`@RAVDESS/01`), all of whose utterances have the role.
///
/// In YAML it is the path of a table; in keys it is what the table says, one text with a line `<fold>,<role>,<name>` for each name,
/// in order. Two files that say the same are the same, wherever they lie and however their rows are ordered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SplitFile {
    path: PathBuf,
    folds: NamedRoles,
}

impl SplitFile {
    /// Makes a split of these roles. Every fold has names to train on and names to test.
    #[must_use]
    pub fn new(folds: NamedRoles) -> Self {
        Self { path: PathBuf::new(), folds }
    }

    /// Returns the path that the experiment says, from its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the role of each name, by fold.
    #[must_use]
    pub const fn folds(&self) -> &NamedRoles {
        &self.folds
    }

    /// Returns the numbers of its folds, in order.
    #[must_use]
    pub fn fold_numbers(&self) -> Vec<u32> {
        self.folds.keys().copied().collect()
    }

    /// Returns whether all its folds have a dev part.
    #[must_use]
    pub fn has_dev(&self) -> bool {
        self.folds.values().all(|names| names.values().any(|role| *role == Role::Dev))
    }

    fn rows(&self) -> String {
        let mut rows = String::new();
        for (fold, names) in &self.folds {
            for (name, role) in names {
                let _ = writeln!(rows, "{fold},{},{name}", role.name());
            }
        }
        rows
    }

    fn parse(rows: &str) -> Result<NamedRoles, JsonError> {
        let mut folds = NamedRoles::new();
        for line in rows.lines() {
            let mut fields = line.splitn(3, ',');
            let row = (|| {
                let fold = fields.next()?.parse().ok()?;
                let role = Role::from_name(fields.next()?)?;
                Some((fold, role, fields.next()?))
            })();
            let (fold, role, name) = row.ok_or_else(|| {
                let roles = list_names(&Role::ALL.map(Role::name));
                JsonError::new(format!(
                    "`{line}` is not a row of a split: rows are `fold,role,utterance`, with roles {roles}"
                ))
            })?;
            folds.entry(fold).or_default().insert(name.to_owned(), role);
        }
        Ok(folds)
    }
}

impl SpecFields for SplitFile {
    fn fields() -> Vec<FieldSchema> {
        vec![FieldSchema::required(
            "path",
            "The CSV file, from the experiment's folder: columns `utterance` (or `file`), `role` and, if there are several \
             folds, `fold`.",
            Schema::Text,
        )]
    }

    fn read_fields(section: &mut Section<'_>) -> Option<Self> {
        let path = section.required_text("path")?;
        Some(Self { path: path.into(), folds: NamedRoles::new() })
    }

    fn view_fields(&self, _: View, map: &mut JsonMap) {
        map.insert("rows".to_owned(), Value::from(self.rows()));
    }

    fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("rows", &self.rows())
    }

    fn take(map: &mut JsonMap) -> Result<Self, JsonError> {
        let rows: String = take_required(map, "rows")?;
        Self::parse(&rows).map(Self::new)
    }
}
