//! JSON Schema (draft 2020-12) of what can be written, for editors.

use std::ops::Bound;

use serde_json::{Map, Value, json};

use crate::schema::{FieldSchema, Schema, VariantSchema, Word};
use crate::spec::Limits;

/// Returns the JSON Schema of a whole file. With `variables`, `$name` may stand for any value, as in pipelines.
///
/// Source: JSON Schema, draft 2020-12.
#[must_use]
pub fn json_schema(title: &str, schema: &Schema, variables: bool) -> Value {
    let mut writer = Writer { variables, shared: Vec::new() };
    let mut file = match schema {
        Schema::Section { about, fields } => writer.object(about, fields),
        other => writer.schema(other),
    };
    if let Some(file) = file.as_object_mut() {
        let shared = writer.shared.into_iter().enumerate();
        let shared: Map<String, Value> =
            shared.map(|(number, schema)| (number.to_string(), schema)).collect();
        file.insert("$defs".into(), Value::Object(shared));
        file.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
        file.insert("title".into(), json!(title));
    }
    file
}

struct Writer {
    variables: bool,
    /// The mappings, each once however often it may be written: `$defs`.
    shared: Vec<Value>,
}

impl Writer {
    /// A value that may be a variable, where those are allowed.
    fn value(&mut self, schema: &Schema) -> Value {
        let own = self.schema(schema);
        self.or_variable(own)
    }

    fn or_variable(&self, own: Value) -> Value {
        match self.variables {
            true => json!({ "anyOf": [own, { "type": "string", "pattern": "^\\$" }] }),
            false => own,
        }
    }

    fn schema(&mut self, schema: &Schema) -> Value {
        match schema {
            Schema::Integer(limits) => number("integer", limits),
            Schema::Number(limits) => number("number", limits),
            Schema::Boolean => json!({ "type": "boolean" }),
            Schema::Text => json!({ "type": "string" }),
            Schema::Null => json!({ "type": "null" }),
            Schema::Words(words) => json!({ "enum": all_names(words) }),
            Schema::List { items, length } => {
                let mut list = json!({ "type": "array", "items": self.value(items) });
                if let Some(length) = length {
                    list["minItems"] = json!(length);
                    list["maxItems"] = json!(length);
                }
                list
            }
            Schema::Section { about, fields } => {
                let object = self.object(about, fields);
                self.share(object)
            }
            Schema::Map { values, .. } => {
                json!({ "type": "object", "additionalProperties": self.value(values) })
            }
            Schema::OneOf(schemas) => {
                json!({ "anyOf": schemas.iter().map(|schema| self.schema(schema)).collect::<Vec<_>>() })
            }
            Schema::Any { about } => json!({ "description": about }),
            Schema::Tagged { about, tag, default, bare, variants } => {
                let tagged = self.tagged(about, tag, *default, variants);
                let words: Vec<&str> = variants
                    .iter()
                    .filter(|variant| variant.fields.is_empty())
                    .flat_map(|variant| names(&variant.word))
                    .collect();
                let tagged = self.share(tagged);
                match bare {
                    true => json!({ "anyOf": [tagged, { "enum": words }] }),
                    false => tagged,
                }
            }
        }
    }

    /// Returns a reference to a schema among those that are shared.
    fn share(&mut self, schema: Value) -> Value {
        let known = self.shared.iter().position(|known| *known == schema);
        let number = known.unwrap_or_else(|| {
            self.shared.push(schema);
            self.shared.len() - 1
        });
        json!({ "$ref": format!("#/$defs/{number}") })
    }

    fn object(&mut self, about: &str, fields: &[FieldSchema]) -> Value {
        let required: Vec<&str> =
            fields.iter().filter(|field| field.default.is_none()).map(|field| field.name).collect();
        let mut object = json!({
            "type": "object",
            "properties": self.properties(fields),
            "additionalProperties": false,
        });
        if !about.is_empty() {
            object["description"] = json!(about);
        }
        // Under an older name a required key is there too: the program tells which.
        if !required.is_empty() && fields.iter().all(|field| field.aliases.is_empty()) {
            object["required"] = json!(required);
        }
        object
    }

    fn properties(&mut self, fields: &[FieldSchema]) -> Map<String, Value> {
        let mut properties = Map::new();
        for field in fields {
            let mut own = self.value(&field.schema);
            if field.default.is_some() {
                match own.get_mut("anyOf").and_then(Value::as_array_mut) {
                    Some(any) => any.push(json!({ "type": "null" })),
                    None => own = json!({ "anyOf": [own, { "type": "null" }] }),
                }
            }
            let about = about(field);
            if !about.is_empty() {
                own["description"] = json!(about);
            }
            if let Some(default) = field.default.as_ref().filter(|default| !default.is_null()) {
                own["default"] = default.clone();
            }
            for older in field.aliases {
                let mut older_one = own.clone();
                older_one["deprecated"] = json!(true);
                properties.insert((*older).to_owned(), older_one);
            }
            properties.insert(field.name.to_owned(), own);
        }
        properties
    }

    /// A branch for each variant, chosen by the tag, so that an editor complains of the variant that is meant.
    fn tagged(&mut self, about: &str, tag: &str, default: Option<&str>, variants: &[VariantSchema]) -> Value {
        let all: Vec<&str> = variants.iter().flat_map(|variant| names(&variant.word)).collect();
        let mut branches = Vec::new();
        for variant in variants {
            let own = names(&variant.word);
            let mut object = self.object(variant.word.about, &variant.fields);
            object["properties"][tag] = json!({});
            let mut chosen = json!({ "properties": { tag: { "enum": own } } });
            if default != Some(variant.word.name) {
                chosen["required"] = json!([tag]);
            }
            branches.push(json!({ "if": chosen, "then": object }));
        }
        let mut tagged = json!({
            "type": "object",
            "properties": { tag: self.or_variable(json!({ "enum": all })) },
            "allOf": branches,
        });
        if default.is_none() {
            tagged["required"] = json!([tag]);
        }
        if !about.is_empty() {
            tagged["description"] = json!(about);
        }
        tagged
    }
}

/// The name of a word and its older ones.
fn names(word: &Word) -> Vec<&'static str> {
    std::iter::once(word.name).chain(word.aliases.iter().copied()).collect()
}

fn all_names(words: &[Word]) -> Vec<&'static str> {
    words.iter().flat_map(names).collect()
}

fn number(kind: &str, limits: &Limits) -> Value {
    let mut number = json!({ "type": kind });
    let shown = |bound: f64| match kind {
        "integer" => json!(bound as i64),
        _ => json!(bound),
    };
    match limits.low {
        Bound::Included(low) => number["minimum"] = shown(low),
        Bound::Excluded(low) => number["exclusiveMinimum"] = shown(low),
        Bound::Unbounded => {}
    }
    match limits.high {
        Bound::Included(high) => number["maximum"] = shown(high),
        Bound::Excluded(high) => number["exclusiveMaximum"] = shown(high),
        Bound::Unbounded => {}
    }
    number
}

fn about(field: &FieldSchema) -> String {
    match field.unit {
        Some(unit) if !field.about.is_empty() => format!("{} ({unit})", field.about),
        _ => field.about.to_owned(),
    }
}
