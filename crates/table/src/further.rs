//! Further metadata of rows: a text column `metadata.<name>` for each name, in order, in tables that have any.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::ArrayRef;
use arrow_schema::{DataType, Field};

use crate::TableError;
use crate::columns::{Columns, Gaps, optional, optional_texts};

/// What the names of the columns begin with.
const PREFIX: &str = "metadata.";

/// The metadata of one row, by name.
type Metadata = BTreeMap<String, String>;

/// Returns the names of all metadata of all rows, in order.
pub(crate) fn names<'a>(rows: impl Iterator<Item = &'a Metadata>) -> Vec<String> {
    let names: BTreeSet<&String> = rows.flat_map(Metadata::keys).collect();
    names.into_iter().cloned().collect()
}

/// Returns the fields of the columns.
pub(crate) fn fields(names: &[String]) -> impl Iterator<Item = Field> {
    names.iter().map(|name| optional(&format!("{PREFIX}{name}"), DataType::Utf8))
}

/// Builds the columns; null for rows without a value.
pub(crate) fn columns(rows: &[&Metadata], names: &[String]) -> Vec<ArrayRef> {
    let column = |name| optional_texts(rows.iter().map(|row| row.get(name).map(String::as_str)));
    names.iter().map(column).collect()
}

/// A reader of the columns.
pub(crate) struct Reader<'a>(Vec<(&'a str, Gaps<'a>)>);

impl<'a> Reader<'a> {
    pub(crate) fn new(columns: &Columns<'a>) -> Result<Self, TableError> {
        let names = columns.names().filter_map(|name| Some((name.strip_prefix(PREFIX)?, name)));
        let read = names.map(|(short, name)| Ok((short, columns.optional_text(name)?)));
        read.collect::<Result<_, _>>().map(Self)
    }

    /// Returns the metadata of row `row`.
    pub(crate) fn metadata(&self, row: usize) -> Metadata {
        self.0.iter().filter_map(|(name, column)| Some(((*name).to_owned(), column.owned(row)?))).collect()
    }
}
