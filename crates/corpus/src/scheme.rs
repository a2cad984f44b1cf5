//! Reading of label schemes from `datasets/labels/<name>.yaml`.

use std::collections::BTreeMap;

use affekt_config::lookup::{self, LookupError};
use affekt_config::{Diagnostic, Diagnostics, Field, Folder, Node, Section, parse};
use affekt_domain::{ClassRules, LabelScheme, Labels, Relabelling};

use crate::Card;
use crate::spelling::normalised;

/// Finds the scheme called `name`, in any case, in the folder `labels` of the first of `folders` that has one.
/// Mistakes in it are added to `diagnostics`.
///
/// # Errors
/// Fails if there is no such scheme, or it cannot be read, or it has mistakes.
pub fn find_scheme(
    folders: &[Folder],
    name: &str,
    diagnostics: &Diagnostics,
) -> Result<LabelScheme, LookupError> {
    let (file, text) = lookup::read(&label_folders(folders), "label scheme", name)?;
    let mistakes = Diagnostics::new();
    let scheme = parse(&file.to_string(), &normalised(&text), &mistakes).and_then(|node| {
        Field::new(&node, &mistakes).section("the label scheme", |scheme| read_scheme(scheme, folders))
    });
    let is_wrong = mistakes.has_errors();
    for mistake in mistakes.sorted() {
        diagnostics.push(mistake);
    }
    scheme.filter(|_| !is_wrong).ok_or(LookupError::Wrong { file })
}

/// Returns the names of all schemes, sorted and in lower case.
#[must_use]
pub fn scheme_names(folders: &[Folder]) -> Vec<String> {
    lookup::names(&label_folders(folders))
}

fn label_folders(folders: &[Folder]) -> Vec<Folder> {
    folders.iter().map(|folder| folder.join("labels")).collect()
}

/// Reads `targets: [names]`, or `classes` with their rules; and optionally `styles`.
fn read_scheme(scheme: &mut Section, folders: &[Folder]) -> Option<LabelScheme> {
    scheme.check_file_version();
    let name = scheme.required_text("name");
    let note = scheme.optional_text("note");
    let styles = scheme.optional("styles").map(|styles| read_names(styles, "style"));
    let column = scheme.optional_text("column");
    let labels = match scheme.optional("targets") {
        Some(targets) => Labels::Targets(read_names(targets, "target")?),
        None => Labels::Classes(read_rules(scheme, folders)),
    };
    let styles = styles.map_or(Some(None), |read| read.map(Some))?;
    Some(LabelScheme { name: name?, styles, column, labels, note })
}

/// Reads one or more distinct names of targets or styles, as `what` says.
fn read_names(field: Field, what: &str) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for item in field.list() {
        let name = item.text()?;
        if names.iter().any(|known| known == name) {
            item.expected(&format!("each {what} once"));
            return None;
        }
        names.push(name.to_owned());
    }
    if names.is_empty() {
        field.expected(&format!("the names of one {what} or more"));
    }
    (!names.is_empty()).then_some(names)
}

fn read_rules(scheme: &mut Section, folders: &[Folder]) -> ClassRules {
    let diagnostics = scheme.diagnostics();
    let classes: Option<Vec<String>> = scheme.optional("classes").map(|classes| {
        classes.list().into_iter().filter_map(|class| class.text().map(str::to_owned)).collect()
    });
    let known = classes.as_deref();
    let rename = scheme.node("rename").map(|node| read_rename(node, known, diagnostics)).unwrap_or_default();
    let mut corpora = BTreeMap::new();
    if let Some(node) = scheme.node("corpora")
        && let Some(mut section) = Section::open(node, diagnostics, "`corpora`")
    {
        for (corpus, field) in section.rest() {
            let what = format!("`{}`", corpus.name);
            let rules = field.section(&what, |corpus| read_relabelling(corpus, known, diagnostics));
            // Rules for a corpus that does not exist would silently have no effect.
            match Card::find(folders, &corpus.name, &Diagnostics::new()) {
                Ok(card) => corpora.extend(rules.map(|rules| (card.name, rules))),
                Err(LookupError::Unknown { names, .. }) => {
                    let (span, name) = (&corpus.span, &corpus.name);
                    diagnostics.push(Diagnostic::unknown(span, "corpus", name, "there are cards of", &names));
                }
                Err(error) => diagnostics.error(&corpus.span, error.to_string()),
            }
        }
    }
    ClassRules { classes, rename, corpora }
}

/// Reads `{ everything: class }` or `{ rename: { emotion: class } }`.
fn read_relabelling(
    corpus: &mut Section,
    classes: Option<&[String]>,
    diagnostics: &Diagnostics,
) -> Option<Relabelling> {
    if let Some(everything) = corpus.optional("everything") {
        return read_class(everything, classes, diagnostics).map(Relabelling::Everything);
    }
    let rename = corpus.required("rename")?;
    Some(Relabelling::Rename(read_rename(rename.node, classes, diagnostics)))
}

fn read_rename(
    node: &Node,
    classes: Option<&[String]>,
    diagnostics: &Diagnostics,
) -> BTreeMap<String, String> {
    let Some(mut table) = Section::open(node, diagnostics, "`rename`") else { return BTreeMap::new() };
    let read = |field| read_class(field, classes, diagnostics);
    table.rest().into_iter().filter_map(|(key, field)| Some((key.name.clone(), read(field)?))).collect()
}

/// Reads a class, which must be one of the scheme's if it lists them.
fn read_class(field: Field, classes: Option<&[String]>, diagnostics: &Diagnostics) -> Option<String> {
    let class = field.text()?;
    if let Some(classes) = classes
        && !classes.iter().any(|known| known == class)
    {
        let span = &field.node.span;
        diagnostics.push(Diagnostic::unknown(span, "class", class, "the scheme's classes are", classes));
        return None;
    }
    Some(class.to_owned())
}
