//! A split that others published, by its name.

use affekt_config::Section;
use serde::ser::SerializeMap;
use serde_json::Value;

use super::{NamedRoles, SplitFile};
use crate::schema::{FieldSchema, Schema};
use crate::{JsonError, JsonMap, SpecFields, View, take_required};

/// A split that others published, of which a table ships: `datasets/splits/<name>.yaml`.
///
/// In YAML it is the name; in keys it is the name and what the table says, as of a [`SplitFile`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Published {
    name: String,
    split: SplitFile,
}

impl Published {
    /// Makes the split of that name with these roles. Every fold has names to train on and names to test.
    #[must_use]
    pub fn new(name: String, folds: NamedRoles) -> Self {
        Self { name, split: SplitFile::new(folds) }
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the roles.
    #[must_use]
    pub const fn split(&self) -> &SplitFile {
        &self.split
    }
}

impl SpecFields for Published {
    fn fields() -> Vec<FieldSchema> {
        vec![FieldSchema::required("name", "The name of a table in `datasets/splits`.", Schema::Text)]
    }

    fn read_fields(section: &mut Section<'_>) -> Option<Self> {
        Some(Self { name: section.required_text("name")?, split: SplitFile::default() })
    }

    fn view_fields(&self, view: View, map: &mut JsonMap) {
        map.insert("name".to_owned(), Value::from(self.name.as_str()));
        self.split.view_fields(view, map);
    }

    fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("name", &self.name)?;
        self.split.serialize_fields(map)
    }

    fn take(map: &mut JsonMap) -> Result<Self, JsonError> {
        Ok(Self { name: take_required(map, "name")?, split: SplitFile::take(map)? })
    }
}
