//! What can be written, as data: reference pages, `describe` and JSON Schemas are made of it.

use std::ops::Bound;

use serde_json::Value;

use crate::Limits;

/// What can be written at a place.
#[derive(Debug, Clone)]
pub enum Schema {
    /// A whole number.
    Integer(Limits),
    /// A number.
    Number(Limits),
    /// `true` or `false`.
    Boolean,
    /// Text.
    Text,
    /// `null`, or nothing after the colon.
    Null,
    /// One of some words.
    Words(Vec<Word>),
    /// A list.
    List {
        /// What its items are.
        items: Box<Schema>,
        /// How many there are, where that is fixed.
        length: Option<usize>,
    },
    /// A mapping with these keys.
    Section {
        /// What it is about.
        about: &'static str,
        /// The keys.
        fields: Vec<FieldSchema>,
    },
    /// A mapping in which one key tells which others there are.
    Tagged {
        /// What it is about.
        about: &'static str,
        /// The key that tells.
        tag: &'static str,
        /// What is meant where that key is missing.
        default: Option<&'static str>,
        /// Whether a variant without keys of its own can be written as its name alone.
        bare: bool,
        /// The variants.
        variants: Vec<VariantSchema>,
    },
    /// A mapping with keys that the person chooses.
    Map {
        /// What the keys are.
        keys: &'static str,
        /// What the values are.
        values: Box<Schema>,
    },
    /// One of these.
    OneOf(Vec<Schema>),
    /// Anything; `about` says what is meant.
    Any {
        /// What is meant.
        about: &'static str,
    },
}

/// A key of a mapping.
#[derive(Debug, Clone)]
pub struct FieldSchema {
    /// The key.
    pub name: &'static str,
    /// Older names of the key.
    pub aliases: &'static [&'static str],
    /// What it is, from its doc comment.
    pub about: &'static str,
    /// What can be written.
    pub schema: Schema,
    /// The value where it is not written; `None` where it must be.
    pub default: Option<Value>,
    /// The unit.
    pub unit: Option<&'static str>,
    /// Whether changing it changes no computing time.
    pub is_free: bool,
}

/// A word and what it means.
#[derive(Debug, Clone)]
pub struct Word {
    /// The word.
    pub name: &'static str,
    /// Older words for the same.
    pub aliases: &'static [&'static str],
    /// What it means, from its doc comment.
    pub about: &'static str,
}

/// A variant of a mapping with a tag.
#[derive(Debug, Clone)]
pub struct VariantSchema {
    /// The value of the tag.
    pub word: Word,
    /// The other keys.
    pub fields: Vec<FieldSchema>,
}

impl Word {
    /// Documents a word without older ones.
    #[must_use]
    pub const fn new(name: &'static str, about: &'static str) -> Self {
        Self { name, aliases: &[], about }
    }
}

impl FieldSchema {
    /// Documents a key that must be written.
    #[must_use]
    pub const fn required(name: &'static str, about: &'static str, schema: Schema) -> Self {
        Self { name, aliases: &[], about, schema, default: None, unit: None, is_free: false }
    }

    /// Documents a key that need not be written.
    #[must_use]
    pub const fn optional(name: &'static str, about: &'static str, schema: Schema) -> Self {
        Self { name, aliases: &[], about, schema, default: Some(Value::Null), unit: None, is_free: false }
    }

    /// Documents a key with a value of its own where it is not written.
    #[must_use]
    pub fn or(name: &'static str, about: &'static str, schema: Schema, default: impl Into<Value>) -> Self {
        Self { default: Some(default.into()), ..Self::required(name, about, schema) }
    }
}

impl Schema {
    /// Documents whole numbers from `low` to `high`, both included.
    #[must_use]
    pub fn integer(low: f64, high: f64) -> Self {
        Self::Integer(Limits { low: Bound::Included(low), high: Bound::Included(high), ..Limits::NONE })
    }

    /// Documents numbers from `low` to `high`, both included.
    #[must_use]
    pub fn number(low: f64, high: f64) -> Self {
        Self::Number(Limits { low: Bound::Included(low), high: Bound::Included(high), ..Limits::NONE })
    }

    /// Documents numbers from `low`.
    #[must_use]
    pub fn at_least(low: f64) -> Self {
        Self::Number(Limits { low: Bound::Included(low), ..Limits::NONE })
    }

    /// Documents a list of any length.
    #[must_use]
    pub fn list(items: Self) -> Self {
        Self::List { items: Box::new(items), length: None }
    }

    /// Documents a value, or a list of such values.
    #[must_use]
    pub fn one_or_list(items: &Self) -> Self {
        Self::OneOf(vec![items.clone(), Self::list(items.clone())])
    }

    /// Documents a mapping with keys that the person chooses; `keys` says what they are.
    #[must_use]
    pub fn map(keys: &'static str, values: Self) -> Self {
        Self::Map { keys, values: Box::new(values) }
    }

    /// Documents a mapping with these keys.
    #[must_use]
    pub const fn section(about: &'static str, fields: Vec<FieldSchema>) -> Self {
        Self::Section { about, fields }
    }

    /// Documents words whose meaning is plain.
    #[must_use]
    pub fn words(words: impl IntoIterator<Item = &'static str>) -> Self {
        Self::Words(words.into_iter().map(|name| Word::new(name, "")).collect())
    }

    /// Returns the keys of a mapping, to change what is documented of them.
    pub fn section_mut(&mut self) -> Option<&mut Vec<FieldSchema>> {
        match self {
            Self::Section { fields, .. } => Some(fields),
            Self::OneOf(schemas) => schemas.iter_mut().find_map(Self::section_mut),
            _ => None,
        }
    }
}

/// Documents the key `version` of a file.
#[must_use]
pub fn version_field() -> FieldSchema {
    let newest = f64::from(affekt_config::FILE_VERSION);
    FieldSchema::or("version", "Version of what the file's keys mean.", Schema::integer(1.0, newest), 1)
}

/// Documents another default of a key.
pub fn set_default(fields: &mut [FieldSchema], name: &str, default: Value) {
    if let Some(field) = fields.iter_mut().find(|field| field.name == name) {
        field.default = Some(default);
    }
}
