//! What the steps of a variant were resolved to, in the words of their definitions: the parameters that nodes have, defaults
//! filled in, each with its unit and meaning, and the same in sentences. Nothing here knows any operation.

use std::sync::Arc;

use affekt_ops::train::Train;
use affekt_ops::{Params, Sentence};
use affekt_spec::{FieldSchema, Schema, View, Word};
use serde_json::{Map, Value};

use crate::tuning::Search;
use crate::wiring::Wired;

/// A step that figures are made by.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodStep {
    /// Its name in the pipeline.
    pub name: String,
    /// Its operation.
    pub op: &'static str,
    /// What that does.
    pub about: &'static str,
    /// The steps that it reads.
    pub reads: Vec<String>,
    /// Its parameters, in the order of their definitions.
    pub settings: Vec<Setting>,
    /// What it does with them, in sentences that a publication can print. Of a step that is tuned, those that are true whatever
    /// is chosen.
    pub prose: Vec<Sentence>,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The path in the step: `training.lr`.
    pub path: String,
    /// The value, by today's words.
    pub value: Value,
    /// The values among which a search chooses it in every fold; empty where it is not tuned.
    pub tuned_among: Vec<Value>,
    /// Its unit.
    pub unit: Option<&'static str>,
    /// What it is.
    pub about: &'static str,
}

/// Describes the steps, whose parameters are those of their nodes, or what a search proposes for them.
pub fn method(all_wired: &[Wired], search: Option<&Search>) -> Vec<MethodStep> {
    let tuned = |wired: &Wired| search.filter(|search| search.step == wired.step.name);
    all_wired.iter().map(|wired| step(wired, tuned(wired))).collect()
}

fn step(wired: &Wired, search: Option<&Search>) -> MethodStep {
    let definition = wired.step.definition;
    let mut reads: Vec<String> = Vec::new();
    for wire in wired.inputs.iter().flatten() {
        if !reads.contains(&wire.node) {
            reads.push(wire.node.clone());
        }
    }
    let fields = (definition.fields)();
    let proposals = search.iter().flat_map(|search| &search.trials);
    let proposals: Vec<Arc<dyn Params>> =
        proposals.map(|proposal| affekt_ops::with::<Train>(proposal.params.clone())).collect();
    let (mut prose, mut settings) =
        (wired.step.params.prose(), settings(&fields, wired.step.params.as_ref()));
    for proposal in &proposals {
        let of_proposal = proposal.prose();
        prose.retain(|sentence| of_proposal.contains(sentence));
        for proposed in self::settings(&fields, proposal.as_ref()) {
            if let Some(known) = settings.iter_mut().find(|known| known.path == proposed.path)
                && !known.tuned_among.contains(&proposed.value)
            {
                known.tuned_among.push(proposed.value);
            }
        }
    }
    for setting in &mut settings {
        // What all proposals agree on is not tuned.
        if let [only] = &setting.tuned_among[..] {
            setting.value = only.clone();
            setting.tuned_among.clear();
        }
    }
    MethodStep {
        name: wired.step.name.clone(),
        op: definition.word(),
        about: definition.about,
        reads,
        settings,
        prose,
    }
}

/// Lists the parameters of a step whose definition has these fields.
pub fn settings(fields: &[FieldSchema], params: &dyn Params) -> Vec<Setting> {
    let mut found = Vec::new();
    if let Value::Object(object) = params.view(View::Key) {
        of_fields(fields, &object, "", &mut found);
    }
    found
}

/// Adds the fields of a mapping. One that the key leaves out has its default.
fn of_fields(fields: &[FieldSchema], object: &Map<String, Value>, below: &str, found: &mut Vec<Setting>) {
    for field in fields {
        let names = std::iter::once(&field.name).chain(field.aliases);
        let value = names.into_iter().find_map(|name| object.get(*name)).or(field.default.as_ref());
        let Some(value) = value else { continue };
        let path = if below.is_empty() { field.name.to_owned() } else { format!("{below}.{}", field.name) };
        of_field(&field.schema, field, value, path, found);
    }
}

fn of_field(schema: &Schema, field: &FieldSchema, value: &Value, path: String, found: &mut Vec<Setting>) {
    match (schema, value) {
        (Schema::Section { fields, .. }, Value::Object(object)) if !fields.is_empty() => {
            of_fields(fields, object, &path, found);
        }
        (Schema::Tagged { tag, variants, .. }, Value::Object(object)) => {
            let kind = object.get(*tag).and_then(Value::as_str).unwrap_or_default();
            let Some(variant) = variants.iter().find(|variant| is_called(&variant.word, kind)) else {
                return;
            };
            let (value, about) = (variant.word.name.into(), field.about);
            found.push(Setting { path: path.clone(), value, tuned_among: Vec::new(), unit: None, about });
            of_fields(&variant.fields, object, &path, found);
        }
        (Schema::OneOf(schemas), _) => {
            let fitting = schemas.iter().find(|schema| fits(schema, value)).unwrap_or(&NONE);
            of_field(fitting, field, value, path, found);
        }
        _ => {
            let value = in_words(schema, value);
            let (unit, about) = (field.unit, field.about);
            found.push(Setting { path, value, tuned_among: Vec::new(), unit, about });
        }
    }
}

const NONE: Schema = Schema::Null;

/// Whether a value may be written by a schema, as far as alternatives must be told apart.
fn fits(schema: &Schema, value: &Value) -> bool {
    match (schema, value) {
        (Schema::Words(words), Value::String(text)) => words.iter().any(|word| is_called(word, text)),
        // What is not there is written as the only word beside the value.
        (Schema::Words(words), Value::Null) => words.len() == 1,
        (Schema::Section { .. } | Schema::Tagged { .. } | Schema::Map { .. }, Value::Object(_)) => true,
        (Schema::List { .. }, Value::Array(_)) | (Schema::Text, Value::String(_)) => true,
        (Schema::Integer(_) | Schema::Number(_), Value::Number(_)) => true,
        (Schema::Boolean, Value::Bool(_)) | (Schema::Null, Value::Null) | (Schema::Any { .. }, _) => true,
        (Schema::OneOf(schemas), _) => schemas.iter().any(|schema| fits(schema, value)),
        _ => false,
    }
}

/// The value by today's words: keys hold those that stood there first.
fn in_words(schema: &Schema, value: &Value) -> Value {
    match (schema, value) {
        (Schema::Words(words), Value::String(text)) => {
            let word = words.iter().find(|word| is_called(word, text));
            word.map_or_else(|| value.clone(), |word| word.name.into())
        }
        (Schema::Words(words), Value::Null) if words.len() == 1 => words[0].name.into(),
        (Schema::List { items, .. }, Value::Array(values)) => {
            values.iter().map(|value| in_words(items, value)).collect()
        }
        (Schema::Tagged { tag, variants, .. }, Value::String(text)) => {
            let variant = variants.iter().find(|variant| !tag.is_empty() && is_called(&variant.word, text));
            variant.map_or_else(|| value.clone(), |variant| variant.word.name.into())
        }
        _ => value.clone(),
    }
}

fn is_called(word: &Word, text: &str) -> bool {
    word.name == text || word.aliases.contains(&text)
}
