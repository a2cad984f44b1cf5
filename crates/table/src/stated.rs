//! Numeric annotations of rows: one list per row, in the order of the names in the metadata `stated`, with nulls for
//! absent ones. Names in every row, as in a map column, would be most of the file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::builder::{Float32Builder, ListBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array, ArrayRef, Float32Array, ListArray};
use arrow_schema::{DataType, Field};

use crate::columns::{Columns, json_list, optional};
use crate::{TableError, TableFile};

/// The name of the column and the metadata key of the names.
const STATED: &str = "stated";

/// The annotations of one row, by name.
type Values = BTreeMap<String, f32>;

/// Returns the names of all annotations of all rows, in order.
pub(crate) fn names<'a>(rows: impl Iterator<Item = &'a Values>) -> Vec<String> {
    let names: BTreeSet<&String> = rows.flat_map(Values::keys).collect();
    names.into_iter().cloned().collect()
}

/// Returns the metadata key and value of these names.
pub(crate) fn metadata(names: &[String]) -> (&'static str, String) {
    (STATED, json_list(names))
}

/// Reads the names from the metadata.
pub(crate) fn read_names(file: &TableFile) -> Result<Vec<String>, TableError> {
    file.required_json(STATED)
}

/// Returns the field of the column.
pub(crate) fn field() -> Field {
    optional(STATED, DataType::List(Arc::new(number())))
}

/// Builds the column; null for rows without annotations.
pub(crate) fn column<'a>(rows: impl Iterator<Item = &'a Values>, names: &[String]) -> ArrayRef {
    let mut lists = ListBuilder::new(Float32Builder::new()).with_field(number());
    for values in rows {
        if !values.is_empty() {
            names.iter().for_each(|name| lists.values().append_option(values.get(name).copied()));
        }
        lists.append(!values.is_empty());
    }
    Arc::new(lists.finish())
}

/// A reader of the column.
pub(crate) struct Reader<'a> {
    lists: &'a ListArray,
    names: &'a [String],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(columns: &Columns<'a>, names: &'a [String]) -> Result<Self, TableError> {
        Ok(Self { lists: columns.any(STATED)?, names })
    }

    /// Returns the annotations of row `row`.
    pub(crate) fn values(&self, row: usize) -> Result<Values, TableError> {
        if self.lists.is_null(row) {
            return Ok(Values::new());
        }
        let wrong = |why: &str| TableError::Malformed(format!("column `{STATED}` {why}"));
        let values = self.lists.value(row);
        let values: &Float32Array = values
            .as_primitive_opt::<Float32Type>()
            .ok_or_else(|| wrong("contains values that are not f32"))?;
        if values.len() != self.names.len() {
            return Err(wrong(&format!("has {} values for {} names", values.len(), self.names.len())));
        }
        let named = values.iter().zip(self.names).filter_map(|(value, name)| Some((name.clone(), value?)));
        let named: Values = named.collect();
        match named.values().find(|value| !value.is_finite()) {
            Some(value) => Err(wrong(&format!("contains {value}, which is not finite"))),
            None => Ok(named),
        }
    }
}

/// Returns the field of a nullable number.
fn number() -> Field {
    optional("item", DataType::Float32)
}
