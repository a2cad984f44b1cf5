//! The header of a label file: columns by name.

use affekt_config::{list_names, nearest};
use csv::StringRecord;

use crate::annotation_table::FileError;

/// The names of a file's columns.
pub(crate) struct Header<'h> {
    names: Vec<&'h str>,
}

impl<'h> Header<'h> {
    pub(crate) fn new(header: &'h StringRecord) -> Self {
        Self { names: header.iter().map(str::trim).collect() }
    }

    /// Returns the index of a column, if the file has it.
    ///
    /// # Errors
    /// If two columns may be it.
    pub(crate) fn find(&self, name: &str) -> Result<Option<usize>, FileError> {
        let wanted = plain(name);
        let mut found = self.names.iter().enumerate().filter(|(_, known)| plain(known) == wanted);
        match (found.next(), found.next()) {
            (Some((at, _)), None) => Ok(Some(at)),
            (Some((_, first)), Some((_, second))) => Err((
                Some(1),
                format!("both `{first}` and `{second}` may be the column `{name}`: rename one"),
            )),
            (None, _) => Ok(None),
        }
    }

    /// Returns the index of a column.
    ///
    /// # Errors
    /// If there is no such column, or two.
    pub(crate) fn required(&self, name: &str) -> Result<usize, FileError> {
        let near = nearest(name, self.names.iter().copied());
        let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
        let missing =
            || (Some(1), format!("it has no column `{name}`: {near}there are {}", list_names(&self.names)));
        self.find(name)?.ok_or_else(missing)
    }
}

/// Normalises a column name for comparison: letters and digits, in lower case.
fn plain(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
