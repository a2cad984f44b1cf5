//! A configuration as a mapping: its fields by name, and one of them set.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::ConfigError;

/// All fields, by name.
pub(crate) fn of(config: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(config) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// The configuration with some fields set, whether or not the whole can be built.
///
/// # Errors
/// When there is no such field, or a value is none for it.
pub(crate) fn with<T: Serialize + DeserializeOwned + Clone>(
    config: &T,
    fields: &Map<String, Value>,
) -> Result<T, ConfigError> {
    fields.iter().try_fold(config.clone(), |config, (field, value)| set(&config, field, value))
}

/// The configuration with one field set, whether or not the whole can be built.
///
/// # Errors
/// When there is no such field, or the value is none for it.
pub(crate) fn set<T: Serialize + DeserializeOwned>(
    config: &T,
    field: &str,
    value: &Value,
) -> Result<T, ConfigError> {
    let wrong = |why| ConfigError::Field { field: field.to_owned(), why };
    let mut fields = of(config);
    match fields.get_mut(field) {
        Some(before) => *before = value.clone(),
        None => return Err(wrong("no field of this name is known".into())),
    }
    // The field that is wrong is the one that was set: it is named once.
    let named = format!("`{field}`: ");
    T::deserialize(Value::Object(fields)).map_err(|error| {
        let why = error.to_string();
        wrong(why.strip_prefix(&named).map_or(why.clone(), str::to_owned))
    })
}
