//! Published splits, `datasets/splits/<name>.yaml`: which utterance or speaker has which role in which fold, as others
//! published it, with the source. No labels.
//!
//! A row is a letter for each fold (`r` train, `d` dev, `t` test, `-` none), a space, and a name as in a split file, or `@` and a
//! speaker: `rrtrr 03a01Fa`, `tr @RAVDESS/01`.

use std::collections::BTreeMap;

use affekt_config::lookup::{self, LookupError};
use affekt_config::{Diagnostics, Field, Folder, Section, parse};
use affekt_domain::Role;
use affekt_spec::protocol::{NamedRoles, Published};
use affekt_spec::{FieldSchema, Schema, version_field};

/// Finds the split called `name`, in any case, in the folder `splits` of the first of `folders` that has one. Mistakes in it are
/// added to `diagnostics`.
///
/// # Errors
/// Fails if there is no such split, or it cannot be read, or it has mistakes.
pub fn find_split(
    folders: &[Folder],
    name: &str,
    diagnostics: &Diagnostics,
) -> Result<Published, LookupError> {
    let folders: Vec<Folder> = folders.iter().map(|folder| folder.join("splits")).collect();
    let (file, text) = lookup::read(&folders, "published split", name)?;
    let mistakes = Diagnostics::new();
    let split = parse(&file.to_string(), &text, &mistakes)
        .and_then(|node| Field::new(&node, &mistakes).section("the split", read_published));
    let is_wrong = mistakes.has_errors();
    for mistake in mistakes.sorted() {
        diagnostics.push(mistake);
    }
    split.filter(|_| !is_wrong).ok_or(LookupError::Wrong { file })
}

/// Documents a published split.
#[must_use]
pub fn published_split_schema() -> Schema {
    let text = |name, about| FieldSchema::required(name, about, Schema::Text);
    Schema::section(
        "A split that others published: which utterance or speaker has which role in which fold.",
        vec![
            version_field(),
            text("name", "The name, which is the file's too."),
            text("title", "What it is."),
            text("source", "Where it was published, and in which version."),
            FieldSchema::optional("note", "What to know about it.", Schema::Text),
            text(
                "rows",
                "A row each: a letter for each fold (`r` train, `d` dev, `t` test, `-` none), a space, and an utterance, or `@` and a speaker.",
            ),
        ],
    )
}

fn read_published(split: &mut Section) -> Option<Published> {
    split.check_file_version();
    let [name, _, _] = ["name", "title", "source"].map(|key| split.required_text(key));
    split.optional_text("note");
    let folds = split.required("rows").and_then(read_rows);
    Some(Published::new(name?, folds?))
}

fn read_rows(field: Field) -> Option<NamedRoles> {
    let mut folds: NamedRoles = BTreeMap::new();
    let mut first: Option<usize> = None;
    for row in field.text()?.lines().filter(|row| !row.trim().is_empty()) {
        let read = row.trim_end().split_once(' ').and_then(|(letters, name)| {
            let roles: Option<Vec<Option<Role>>> = letters.chars().map(role).collect();
            Some((roles?, name))
        });
        let Some((roles, name)) = read.filter(|(roles, _)| *first.get_or_insert(roles.len()) == roles.len())
        else {
            field.diagnostics().error(
                &field.node.span,
                format!("`{row}` is not a row of a split: as many letters of `rdt-` as other rows have, a space, a name"),
            );
            return None;
        };
        for (fold, role) in (1..).zip(roles) {
            let names = folds.entry(fold).or_default();
            if role.is_some_and(|role| names.insert(name.to_owned(), role).is_some()) {
                field.diagnostics().error(&field.node.span, format!("`{name}` has two rows"));
                return None;
            }
        }
    }
    let has = |names: &BTreeMap<String, Role>, role| names.values().any(|known| *known == role);
    let is_whole = |names| has(names, Role::Train) && has(names, Role::Test);
    if folds.is_empty() || !folds.values().all(is_whole) {
        field.diagnostics().error(&field.node.span, "every fold has rows to train on and rows to test");
        return None;
    }
    Some(folds)
}

#[expect(clippy::option_option, reason = "what a letter means, and whether it means anything")]
const fn role(letter: char) -> Option<Option<Role>> {
    match letter {
        'r' => Some(Some(Role::Train)),
        'd' => Some(Some(Role::Dev)),
        't' => Some(Some(Role::Test)),
        '-' => Some(None),
        _ => None,
    }
}
