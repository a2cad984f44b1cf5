//! The traits that `#[derive(Spec)]` implements.

use std::ops::Bound;

use affekt_config::{Field, Section};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::ser::SerializeMap;
use serde_json::Value;

use crate::json::{JsonError, JsonMap};
use crate::schema::{FieldSchema, Schema, VariantSchema, Word};

/// A value that a person can write in YAML.
pub trait Spec: Sized + Serialize + DeserializeOwned {
    /// Whether `null` stands for a value that is not written at all.
    const NULL_IS_ABSENT: bool = true;

    /// Documents what can be written.
    fn schema(limits: &Limits) -> Schema;

    /// Reads what is written; reports what is wrong at its place and then returns `None`.
    fn read(field: Field<'_>, limits: &Limits) -> Option<Self>;

    /// Returns it as JSON, with what `view` is interested in.
    fn view(&self, _: View) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// A mapping.
pub trait SpecFields: Sized {
    /// Documents its fields in their order, without those that the program gives.
    fn fields() -> Vec<FieldSchema>;

    /// Reads all fields, reports every mistake, and returns `None` where a required one is missing or wrong.
    fn read_fields(section: &mut Section<'_>) -> Option<Self>;

    /// Puts the fields that `view` is interested in into `map`.
    fn view_fields(&self, view: View, map: &mut JsonMap);

    /// Adds all fields to a map that is being serialised, those that the program gives too.
    ///
    /// # Errors
    /// When the serialiser fails.
    fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;

    /// Takes the fields out of a JSON object, as stored; those that are missing have their defaults.
    ///
    /// # Errors
    /// When a field is of another type, or a required one is missing.
    fn take(map: &mut JsonMap) -> Result<Self, JsonError>;
}

/// A mapping in which one key tells what the others are.
pub trait SpecTagged {
    /// Documents the variants in their order.
    fn documented() -> Vec<VariantSchema>;
}

/// A choice among words.
pub trait Words: Sized + Copy + 'static {
    /// All of them, in the order of the definition.
    const ALL: &'static [Self];

    /// Documents the words, in the same order.
    fn documented() -> Vec<Word>;

    /// Returns the word that people write.
    fn word(&self) -> &'static str;

    /// Returns the word that stands in keys and stored JSON.
    fn stored_word(&self) -> &'static str;
}

/// What JSON is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// A node's key: everything that a person or the compiler decided.
    Key,
    /// A comparison of costs: the key without what changes no computing time.
    Cost,
}

/// What is accepted beyond the type, and what messages call it.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The smallest number.
    pub low: Bound<f64>,
    /// The largest number.
    pub high: Bound<f64>,
    /// The word that stands for `None`.
    pub none: Option<&'static str>,
    /// What is expected, where the type does not say it.
    pub noun: Option<&'static str>,
}

impl Limits {
    /// Accepts everything of the type.
    pub const NONE: Self = Self { low: Bound::Unbounded, high: Bound::Unbounded, none: None, noun: None };
}
