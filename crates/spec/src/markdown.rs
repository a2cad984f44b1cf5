//! Reference pages of what can be written: name, type, default and meaning of every key.

use std::fmt::Write;
use std::ops::Bound;

use serde_json::Value;

use crate::schema::{FieldSchema, Schema, VariantSchema, Word};
use crate::spec::Limits;

/// A key whose values have a page of their own: its name, and that page.
pub type Linked = (&'static str, &'static str);

/// Returns a table of keys, and below it a section for each mapping among them. `level` is that of the headings below; keys in
/// `linked` get a link in place of a section.
#[must_use]
pub fn keys(fields: &[FieldSchema], level: usize, linked: &[Linked]) -> String {
    let mut text = String::new();
    if fields.is_empty() {
        text.push_str("No keys.\n");
        return text;
    }
    text.push_str("| key | type | default | meaning |\n|---|---|---|---|\n");
    for field in fields {
        let mut name = format!("`{}`", field.name);
        for older in field.aliases {
            let _ = write!(name, " (older: `{older}`)");
        }
        let unit = field.unit.map(|unit| format!(", {unit}")).unwrap_or_default();
        let default = match &field.default {
            None => "**required**".to_owned(),
            Some(Value::Null) => "none".to_owned(),
            Some(Value::Object(_)) => "as below".to_owned(),
            Some(default) => format!("`{default}`"),
        };
        let _ = writeln!(
            text,
            "| {name} | {}{unit} | {default} | {} |",
            kind(&field.schema),
            one_line(field.about)
        );
    }
    for field in fields {
        match linked.iter().find(|(name, _)| *name == field.name) {
            Some((name, page)) => {
                let _ = writeln!(text, "\n`{name}`: see [{page}]({page}).");
            }
            None => below(&field.schema, field.name, level, linked, &mut text),
        }
    }
    text
}

/// Returns a section for each variant.
#[must_use]
pub fn variants(variants: &[VariantSchema], level: usize, linked: &[Linked]) -> String {
    let mut text = String::new();
    for variant in variants {
        let _ = writeln!(text, "\n{} `{}`\n", "#".repeat(level.min(6)), variant.word.name);
        text.push_str(&variant_text(variant, level, linked));
    }
    text
}

/// Returns what there is to say of a variant, below its heading of the level `level`.
#[must_use]
pub fn variant_text(variant: &VariantSchema, level: usize, linked: &[Linked]) -> String {
    let mut text = String::new();
    if !variant.word.aliases.is_empty() {
        let older: Vec<String> = variant.word.aliases.iter().map(|older| format!("`{older}`")).collect();
        let _ = writeln!(text, "Also accepted: {}.\n", older.join(", "));
    }
    if !variant.word.about.is_empty() {
        let _ = writeln!(text, "{}\n", variant.word.about.trim_end());
    }
    text.push_str(&keys(&variant.fields, level + 1, linked));
    text
}

/// Documents what is inside a value, where there is more to say than its type.
fn below(schema: &Schema, name: &str, level: usize, linked: &[Linked], text: &mut String) {
    let heading = |text: &mut String| {
        let _ = writeln!(text, "\n{} `{name}`\n", "#".repeat(level.min(6)));
    };
    match schema {
        Schema::Words(words) if words.iter().any(|word| !word.about.is_empty()) => {
            heading(text);
            list_words(words, text);
        }
        Schema::Section { fields, .. } if !fields.is_empty() => {
            heading(text);
            text.push_str(&keys(fields, level + 1, linked));
        }
        Schema::Tagged { about, tag, default, variants: all, .. } => {
            heading(text);
            if !about.is_empty() {
                let _ = writeln!(text, "{}\n", about.trim_end());
            }
            let default = default.map(|default| format!(", `{default}` if not said")).unwrap_or_default();
            let names: Vec<String> = all.iter().map(|variant| format!("`{}`", variant.word.name)).collect();
            let _ = writeln!(text, "Key `{tag}`: {}{default}.", names.join(", "));
            text.push_str(&variants(all, level + 1, linked));
        }
        Schema::OneOf(schemas) => schemas.iter().for_each(|schema| below(schema, name, level, linked, text)),
        Schema::List { items, .. } => below(items, name, level, linked, text),
        Schema::Map { values, .. } => below(values, name, level, linked, text),
        _ => {}
    }
}

fn list_words(words: &[Word], text: &mut String) {
    for word in words.iter().filter(|word| !word.about.is_empty()) {
        let older: Vec<String> = word.aliases.iter().map(|older| format!("`{older}`")).collect();
        let older = if older.is_empty() { String::new() } else { format!(" (older: {})", older.join(", ")) };
        let _ = writeln!(text, "* `{}`{older}: {}", word.name, one_line(word.about));
    }
}

/// The type in words: `whole number ≥ 1`, `one of …`.
fn kind(schema: &Schema) -> String {
    match schema {
        Schema::Integer(limits) => format!("whole number{}", range(limits)),
        Schema::Number(limits) => format!("number{}", range(limits)),
        Schema::Boolean => "`true` or `false`".to_owned(),
        Schema::Text => "text".to_owned(),
        Schema::Null => "nothing".to_owned(),
        Schema::Words(words) => {
            words.iter().map(|word| format!("`{}`", word.name)).collect::<Vec<_>>().join(", ")
        }
        Schema::List { items, length: Some(length) } => format!("list of {length}: {}", kind(items)),
        Schema::List { items, length: None } => format!("list of {}", kind(items)),
        Schema::Section { .. } => "mapping".to_owned(),
        Schema::Tagged { tag, bare, .. } => match bare {
            true => format!("mapping with `{tag}`, or its word"),
            false => format!("mapping with `{tag}`"),
        },
        Schema::Map { keys, values } => format!("mapping of {keys} to {}", kind(values)),
        Schema::OneOf(schemas) => schemas.iter().map(kind).collect::<Vec<_>>().join(" or "),
        Schema::Any { about } => one_line(about),
    }
}

fn range(limits: &Limits) -> String {
    let low = match limits.low {
        Bound::Included(low) => Some(format!("≥ {low}")),
        Bound::Excluded(low) => Some(format!("> {low}")),
        Bound::Unbounded => None,
    };
    let high = match limits.high {
        Bound::Included(high) => Some(format!("≤ {high}")),
        Bound::Excluded(high) => Some(format!("< {high}")),
        Bound::Unbounded => None,
    };
    let both: Vec<String> = low.into_iter().chain(high).collect();
    if both.is_empty() { String::new() } else { format!(" {}", both.join(", ")) }
}

/// A doc comment in a cell of a table.
fn one_line(about: &str) -> String {
    about.split("\n\n").next().unwrap_or_default().replace('\n', " ").replace('|', "\\|")
}
