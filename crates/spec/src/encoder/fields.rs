//! Access to the fields of a configuration by name.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::ConfigError;

/// Returns all fields by name.
pub(crate) fn of(config: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(config) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// Returns the configuration with some fields replaced one by one by `set`, without checking the result.
///
/// # Errors
/// Fails if a field is unknown or a value has another type.
pub(crate) fn with<T: Clone>(
    config: &T,
    fields: &Map<String, Value>,
    set: impl Fn(&T, &str, &Value) -> Result<T, ConfigError>,
) -> Result<T, ConfigError> {
    fields.iter().try_fold(config.clone(), |config, (field, value)| set(&config, field, value))
}

/// Returns the configuration with one field replaced, without checking the result. `omitted` are fields that are left out of
/// what is stored where they have their defaults.
///
/// # Errors
/// Fails if the field is unknown or the value has another type.
pub(crate) fn set<T: Serialize + DeserializeOwned>(
    config: &T,
    field: &str,
    value: &Value,
    omitted: &[&str],
) -> Result<T, ConfigError> {
    let wrong = |why| ConfigError::Field { field: field.to_owned(), why };
    let mut fields = of(config);
    match fields.get_mut(field) {
        Some(before) => *before = value.clone(),
        None if omitted.contains(&field) => _ = fields.insert(field.to_owned(), value.clone()),
        None => return Err(wrong("unknown field".into())),
    }
    // The field that is wrong is the one that was set: it is named once.
    let named = format!("`{field}`: ");
    T::deserialize(Value::Object(fields)).map_err(|error| {
        let why = error.to_string();
        wrong(why.strip_prefix(&named).map_or(why.clone(), str::to_owned))
    })
}
