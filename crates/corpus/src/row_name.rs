//! Where a row of a label file names its recording: in a column, or composed of several.

use regex::Regex;

/// The part of a row that names its recording: `dia{Dialogue_ID}_utt{Utterance_ID}`.
#[derive(Debug, Clone)]
pub(crate) struct RowName {
    /// Text, and the column whose cell follows it, if one does.
    pub parts: Vec<(String, Option<String>)>,
    /// What of the whole counts: the expression's first group, or the whole match.
    pub pattern: Option<Regex>,
}

impl RowName {
    /// Returns the columns that it is made of.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|(_, column)| column.as_deref())
    }

    /// Describes it in a message: the column, or the template.
    pub(crate) fn describe(&self) -> String {
        let part = |(text, column): &(String, Option<String>)| match column {
            Some(column) if self.parts.len() > 1 || !text.is_empty() => format!("{text}{{{column}}}"),
            Some(column) => column.clone(),
            None => text.clone(),
        };
        self.parts.iter().map(part).collect()
    }

    /// Returns the name in a row, if all of its cells have contents.
    pub(crate) fn of_row(&self, columns: &[usize], cell: impl Fn(usize) -> Option<String>) -> Option<String> {
        let mut cells = columns.iter();
        let mut name = String::new();
        for (text, column) in &self.parts {
            name.push_str(text);
            if column.is_some() {
                name.push_str(&cell(*cells.next()?)?);
            }
        }
        let Some(pattern) = &self.pattern else { return Some(name) };
        let groups = pattern.captures(&name)?;
        groups.get(1).or(groups.get(0)).map(|name| name.as_str().to_owned())
    }
}
