//! Reading: what the derived code calls.

use affekt_config::{Diagnostics, Field, Node, Section, list_names};

use crate::schema::{FieldSchema, Schema};
use crate::spec::{Limits, Spec, SpecFields, SpecTagged, Words};

/// Reads a whole node, called `what` in messages.
#[must_use]
pub fn read_root<T: SpecFields>(node: &Node, diagnostics: &Diagnostics, what: &str) -> Option<T> {
    Field::new(node, diagnostics).section(what, T::read_fields)
}

/// Reads a mapping, called by its key in messages.
pub fn read_section<T: SpecFields>(field: Field<'_>) -> Option<T> {
    let what = field.key.map_or_else(|| "this".to_owned(), |key| format!("`{}`", key.name));
    field.section(&what, T::read_fields)
}

/// How a value is read.
type Reader<T> = fn(Field<'_>, &Limits) -> Option<T>;

/// Reads the value of a key, or takes the default where it is missing or wrong.
pub fn read_or<T: Spec>(
    section: &mut Section<'_>,
    name: &str,
    aliases: &[&str],
    limits: &Limits,
    reader: Reader<T>,
    default: impl FnOnce() -> T,
) -> T {
    let field = section.renamed_field(name, aliases);
    let written = field.filter(|field| !(T::NULL_IS_ABSENT && field.is_null()));
    written.and_then(|field| reader(field, limits)).unwrap_or_else(default)
}

/// Reads the value of a key that must be there.
pub fn read_required<T: Spec>(
    section: &mut Section<'_>,
    name: &str,
    aliases: &[&str],
    limits: &Limits,
    reader: Reader<T>,
) -> Option<T> {
    if let Some(field) = section.renamed_field(name, aliases) {
        return reader(field, limits);
    }
    section.report_missing(name);
    None
}

/// Reads the key that tells which variant a mapping is. `names` are all that are accepted, with the variants they stand for.
pub fn read_tag(
    section: &mut Section<'_>,
    tag: &str,
    names: &[(&'static str, usize)],
    current: &[&'static str],
    default: Option<&'static str>,
) -> Option<usize> {
    let at = |name: &str| names.iter().find(|(known, _)| *known == name).map(|(_, at)| *at);
    let read = match (section.field(tag), default) {
        (Some(field), _) => {
            field.word(current, &names.iter().map(|(name, _)| *name).collect::<Vec<_>>()).and_then(at)
        }
        (None, Some(default)) => at(default),
        (None, None) => {
            section.report_missing(tag);
            None
        }
    };
    if read.is_none() {
        // Which keys it may have depends on the tag.
        section.rest();
    }
    read
}

/// Reads a word.
pub fn read_word<T: Words>(field: Field<'_>) -> Option<T> {
    let documented = T::documented();
    let current: Vec<&str> = documented.iter().map(|word| word.name).collect();
    let accepted: Vec<&str> = documented
        .iter()
        .flat_map(|word| std::iter::once(word.name).chain(word.aliases.iter().copied()))
        .collect();
    let word = field.word(&current, &accepted)?;
    let at = documented.iter().position(|known| known.name == word || known.aliases.contains(&word))?;
    T::ALL.get(at).copied()
}

/// Reads a word (and returns which of `accepted` it is) or a value.
pub fn read_word_or_value<T: Spec>(
    field: Field<'_>,
    accepted: &[&str],
    current: &[&str],
    limits: &Limits,
) -> Option<Result<usize, T>> {
    let text = field.node.as_text();
    if let Some(at) = text.and_then(|text| accepted.iter().position(|word| *word == text)) {
        return Some(Ok(at));
    }
    match (limits.noun, text) {
        (Some(noun), _) if !T::schema(limits).admits(field.node) => {
            field.expected(&format!("{}, or {noun}", list_names(current)));
            None
        }
        (None, Some(_)) => field.word(current, accepted).and(None),
        _ => T::read(field, limits).map(Err),
    }
}

/// Documents a mapping with a tag as fields of the mapping around it: the tag, and the keys of all variants.
#[must_use]
pub fn tagged_fields<T: SpecTagged>(tag: &'static str) -> Vec<FieldSchema> {
    let variants = T::documented();
    let words = Schema::Words(variants.iter().map(|variant| variant.word.clone()).collect());
    let mut fields = vec![FieldSchema::required(tag, "", words)];
    for field in variants.into_iter().flat_map(|variant| variant.fields) {
        if fields.iter().all(|known| known.name != field.name) {
            fields.push(field);
        }
    }
    fields
}
