//! Columns by name: building them from rows, and reading them with validation.

use std::sync::Arc;

use arrow_array::builder::{Float32Builder, ListBuilder};
use arrow_array::types::{ArrowPrimitiveType, Float32Type};
use arrow_array::{Array, ArrayRef, BooleanArray, ListArray, PrimitiveArray, RecordBatch, StringArray};
use arrow_schema::{DataType, Field};

use affekt_domain::{Role, Sex};

use crate::{TableError, TableFile};

/// Returns the field of a column without nulls.
pub(crate) fn required(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, false)
}

/// Returns the field of a column that may have nulls.
pub(crate) fn optional(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

/// Builds a text column.
pub(crate) fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// Builds a text column with nulls.
pub(crate) fn optional_texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

/// Builds a column of numbers.
pub(crate) fn numbers<T: ArrowPrimitiveType>(values: impl Iterator<Item = T::Native>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::from_iter_values(values))
}

/// Returns the type of a column of lists of numbers.
pub(crate) fn floats() -> DataType {
    DataType::List(Arc::new(float()))
}

/// Builds a column of lists of numbers.
pub(crate) fn lists<'a>(rows: impl Iterator<Item = Option<&'a [f32]>>) -> ArrayRef {
    let mut lists = ListBuilder::new(Float32Builder::new()).with_field(float());
    for row in rows {
        match row {
            Some(values) => {
                lists.values().append_slice(values);
                lists.append(true);
            }
            None => lists.append(false),
        }
    }
    Arc::new(lists.finish())
}

fn float() -> Field {
    required("item", DataType::Float32)
}

/// Formats a list of strings for the metadata.
pub(crate) fn json_list(values: &[String]) -> String {
    serde_json::Value::from(values).to_string()
}

/// Converts the number of a fold to its column's type.
pub(crate) fn fold_number(fold: u32) -> Result<i32, TableError> {
    i32::try_from(fold).map_err(|_| TableError::InvalidRows(format!("fold number {fold} is too large")))
}

/// Reads all rows of a small table of this kind.
pub(crate) fn read_rows<T>(
    file: &TableFile,
    kind: &str,
    of_batch: impl Fn(&Columns) -> Result<Vec<T>, TableError>,
) -> Result<Vec<T>, TableError> {
    file.expect_kind(kind)?;
    let mut rows = Vec::new();
    for index in 0..file.batch_count() {
        rows.append(&mut of_batch(&Columns(&file.batch(index)?))?);
    }
    Ok(rows)
}

/// The columns of a record batch.
pub(crate) struct Columns<'a>(pub(crate) &'a RecordBatch);

impl<'a> Columns<'a> {
    /// Returns the row indices.
    pub(crate) fn rows(&self) -> std::ops::Range<usize> {
        0..self.0.num_rows()
    }

    /// Returns the names of the columns, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.0.schema_ref().fields().iter().map(|field| field.name().as_str())
    }

    /// Returns a column of some array type; nulls are allowed.
    pub(crate) fn any<T: Array + 'static>(&self, name: &str) -> Result<&'a T, TableError> {
        let column = self
            .0
            .column_by_name(name)
            .ok_or_else(|| TableError::Malformed(format!("column `{name}` is missing")))?;
        column.as_any().downcast_ref().ok_or_else(|| {
            TableError::Malformed(format!("column `{name}` has the wrong type {}", column.data_type()))
        })
    }

    /// Returns a column of some array type that tables of earlier programs do not have; nulls are allowed.
    pub(crate) fn later<T: Array + 'static>(&self, name: &str) -> Result<Option<&'a T>, TableError> {
        self.0.column_by_name(name).map(|_| self.any(name)).transpose()
    }

    /// Returns a column of some array type without nulls.
    pub(crate) fn full<T: Array + 'static>(&self, name: &str) -> Result<&'a T, TableError> {
        let column = self.any::<T>(name)?;
        match column.null_count() {
            0 => Ok(column),
            gaps => Err(TableError::Malformed(format!("column `{name}` has no value in {gaps} rows"))),
        }
    }

    /// Returns a text column.
    pub(crate) fn text(&self, name: &str) -> Result<&'a StringArray, TableError> {
        self.full(name)
    }

    /// Returns a text column with nulls.
    pub(crate) fn optional_text(&self, name: &str) -> Result<Gaps<'a>, TableError> {
        self.any(name).map(Gaps)
    }

    /// Returns a column of lists of numbers with nulls.
    pub(crate) fn optional_list(&self, name: &'a str) -> Result<Lists<'a>, TableError> {
        self.any(name).map(|column| Lists { name, column })
    }

    /// Returns a column of numbers.
    pub(crate) fn number<T: ArrowPrimitiveType>(
        &self,
        name: &str,
    ) -> Result<&'a PrimitiveArray<T>, TableError> {
        self.full(name)
    }

    /// Returns a column of booleans.
    pub(crate) fn flag(&self, name: &str) -> Result<&'a BooleanArray, TableError> {
        self.full(name)
    }
}

/// A text column with nulls.
pub(crate) struct Gaps<'a>(&'a StringArray);

impl<'a> Gaps<'a> {
    pub(crate) fn value(&self, row: usize) -> Option<&'a str> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }

    pub(crate) fn owned(&self, row: usize) -> Option<String> {
        self.value(row).map(str::to_owned)
    }
}

/// A column of lists of numbers with nulls.
pub(crate) struct Lists<'a> {
    name: &'a str,
    column: &'a ListArray,
}

impl Lists<'_> {
    pub(crate) fn value(&self, row: usize) -> Result<Option<Vec<f32>>, TableError> {
        if self.column.is_null(row) {
            return Ok(None);
        }
        let values = self.column.value(row);
        match values.as_any().downcast_ref::<PrimitiveArray<Float32Type>>() {
            Some(floats) if floats.null_count() == 0 => Ok(Some(floats.values().to_vec())),
            _ => {
                Err(TableError::Malformed(format!("column `{}` contains values that are not f32", self.name)))
            }
        }
    }

    pub(crate) fn required(&self, row: usize) -> Result<Vec<f32>, TableError> {
        self.value(row)?
            .ok_or_else(|| TableError::Malformed(format!("column `{}` has no value in row {row}", self.name)))
    }
}

/// Parses the name of a role.
pub(crate) fn role(name: &str) -> Result<Role, TableError> {
    Role::from_name(name).ok_or_else(|| TableError::Malformed(format!("`{name}` is not a role")))
}

/// Parses the name of a sex, if there is one.
pub(crate) fn sex(name: Option<&str>) -> Result<Option<Sex>, TableError> {
    let known =
        |name| Sex::from_name(name).ok_or_else(|| TableError::Malformed(format!("`{name}` is not a sex")));
    name.map(known).transpose()
}

/// Converts a fold number from its column's type.
pub(crate) fn fold(number: i32) -> Result<u32, TableError> {
    u32::try_from(number).map_err(|_| TableError::Malformed(format!("{number} is not a fold number")))
}
