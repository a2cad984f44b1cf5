//! JSON: what the derived code calls to write and read what is stored.

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error};
use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;

use crate::spec::{Spec, SpecFields, View, Words};

/// A JSON object.
pub type JsonMap = serde_json::Map<String, Value>;

/// JSON that does not hold what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(String);

impl JsonError {
    /// Says what is wrong.
    #[must_use]
    pub const fn new(message: String) -> Self {
        Self(message)
    }

    /// Says that `found` is no variant.
    #[must_use]
    pub fn unknown_variant(tag: &str, found: &str, known: &[&str]) -> Self {
        Self(format!("unknown `{tag}` `{found}`: expected one of {}", affekt_config::list_names(known)))
    }
}

/// Reads a value from JSON.
///
/// # Errors
/// When it is of another type.
pub fn from_json<T: DeserializeOwned>(value: Value) -> Result<T, JsonError> {
    serde_json::from_value(value).map_err(|error| JsonError(error.to_string()))
}

/// Takes a field out of an object, or its default where it is missing.
///
/// # Errors
/// When it is of another type.
pub fn take_or<T: DeserializeOwned>(
    map: &mut JsonMap,
    key: &str,
    default: impl FnOnce() -> T,
) -> Result<T, JsonError> {
    map.remove(key).map_or_else(|| Ok(default()), |value| within(key, value))
}

/// Takes a field out of an object.
///
/// # Errors
/// When it is missing or of another type.
pub fn take_required<T: DeserializeOwned>(map: &mut JsonMap, key: &str) -> Result<T, JsonError> {
    let value = map.remove(key).ok_or_else(|| JsonError(format!("missing field `{key}`")))?;
    within(key, value)
}

/// Takes the tag out of an object.
///
/// # Errors
/// When it is missing or no text.
pub fn take_tag(map: &mut JsonMap, tag: &str) -> Result<String, JsonError> {
    take_required(map, tag)
}

fn within<T: DeserializeOwned>(key: &str, value: Value) -> Result<T, JsonError> {
    from_json(value).map_err(|JsonError(error)| JsonError(format!("`{key}`: {error}")))
}

/// Serialises a mapping with all its fields, in the order of the definition.
///
/// # Errors
/// When the serialiser fails.
pub fn serialize_section<T: SpecFields, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    value.serialize_fields(&mut map)?;
    map.end()
}

/// Deserialises a mapping: fields that are missing have their defaults, unknown ones are refused.
///
/// # Errors
/// When it is no such mapping.
pub fn deserialize_section<'de, T: SpecFields, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let mut map = JsonMap::deserialize(deserializer)?;
    let value = T::take(&mut map).map_err(D::Error::custom)?;
    match map.keys().next() {
        Some(unknown) => Err(D::Error::custom(format!("unknown field `{unknown}`"))),
        None => Ok(value),
    }
}

/// Deserialises a word.
///
/// # Errors
/// When it is none of them.
pub fn deserialize_word<'de, T: Words, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    let found = T::ALL.iter().find(|word| word.stored_word() == text || word.word() == text);
    found.copied().ok_or_else(|| {
        let known: Vec<&str> = T::ALL.iter().map(Words::stored_word).collect();
        D::Error::custom(format!(
            "unknown value `{text}`: expected one of {}",
            affekt_config::list_names(&known)
        ))
    })
}

/// Returns a mapping as JSON.
pub fn view_section<T: SpecFields>(value: &T, view: View) -> Value {
    let mut map = JsonMap::new();
    value.view_fields(view, &mut map);
    Value::Object(map)
}

/// Leaves the keys out that have the defaults of a flattened struct.
pub fn omit_defaults<T: SpecFields + Default>(map: &mut JsonMap, view: View, keys: &[&str]) {
    let mut defaults = JsonMap::new();
    T::default().view_fields(view, &mut defaults);
    for key in keys {
        if map.get(*key) == defaults.get(*key) {
            map.remove(*key);
        }
    }
}

/// Views the items of a list.
pub(crate) fn view_items<'i, T: Spec + 'i>(items: impl IntoIterator<Item = &'i T>, view: View) -> Value {
    items.into_iter().map(|item| item.view(view)).collect()
}
