//! The rows of a label file, whatever its form: a delimited table, lines of a text, or JSON.
//!
//! JSON is a list of objects, an object of objects (of objects …), or one object a line. An object that has a plain
//! value is a row. The names of the objects around it are the columns `key`, `key2` and so on, from the outside; objects
//! inside it are columns with dots: `{"a.wav": {"ann": {"says": {"mood": "sad"}, "sure": 3}}}` is one row with the columns
//! `key`, `key2`, `says.mood` and `sure`. Lists are joined with semicolons.

use csv::{ReaderBuilder, StringRecord};
use regex::Regex;
use serde_json::{Map, Value};

use affekt_config::{TextError, decode_lossy};

use crate::delimited::{Encoding, delimiter, table_text};
use crate::spelling::normalised;

/// The cells of a file.
pub(crate) struct AnnotationTable {
    /// The column names.
    pub header: StringRecord,
    /// The rows.
    pub rows: Vec<TableRow>,
    /// What rows are counted by: `line`, or `row` of JSON.
    pub unit: &'static str,
}

/// A row with its number.
pub(crate) struct TableRow {
    /// The number of its line, or of the row itself in JSON; from 1.
    pub number: u64,
    /// The cells, in the order of the columns.
    pub cells: StringRecord,
    /// The lines of a text between this row and the next, each with its number.
    pub below: Vec<(u64, String)>,
}

/// An error that concerns a whole file, with its line.
pub(crate) type FileError = (Option<u64>, String);

impl AnnotationTable {
    /// Reads the file at `path`: JSON by its extension (`.json`, or `.jsonl` with a value in every line), else delimited.
    pub(crate) fn of_file(path: &str, bytes: Vec<u8>, encoding: Encoding) -> Result<Self, FileError> {
        match path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).as_deref() {
            Some("json") => Self::json(bytes, false),
            Some("jsonl") => Self::json(bytes, true),
            _ => Self::delimited(bytes, encoding),
        }
    }

    /// Reads a table with a header line, delimited by what the header is.
    fn delimited(bytes: Vec<u8>, encoding: Encoding) -> Result<Self, FileError> {
        let text = table_text(bytes, encoding).map_err(|error| match error {
            TextError::NotUtf8 { .. } => {
                (None, format!("{error}, or say `encoding: latin-1` on the corpus' card"))
            }
            TextError::Nul => (None, error.to_string()),
        })?;
        let mut reader =
            ReaderBuilder::new().flexible(true).delimiter(delimiter(&text)).from_reader(text.as_bytes());
        let header = reader.headers().map_err(|error| (Some(1), error.to_string()))?.clone();
        let row = |row: csv::Result<StringRecord>| {
            let cells = row.map_err(|error| (None, error.to_string()))?;
            let number = cells.position().map_or(0, csv::Position::line);
            Ok(TableRow { number, cells, below: Vec::new() })
        };
        Ok(Self { header, rows: reader.records().map(row).collect::<Result<_, _>>()?, unit: "line" })
    }

    /// Reads a text, in which each line that matches is a row, and the named groups are the columns. Between rows there may
    /// be free text in any encoding.
    pub(crate) fn lines(bytes: &[u8], lines: &Regex, encoding: Encoding) -> Self {
        let text = table_text(bytes.to_vec(), encoding).unwrap_or_else(|_| decode_lossy(bytes));
        let text = normalised(&text);
        let groups: Vec<&str> = lines.capture_names().flatten().collect();
        let mut rows: Vec<TableRow> = Vec::new();
        for (number, text) in (1..).zip(text.lines()) {
            if let Some(found) = lines.captures(text) {
                let cell = |group: &&str| found.name(group).map_or("", |cell| cell.as_str());
                rows.push(TableRow { number, cells: groups.iter().map(cell).collect(), below: Vec::new() });
            } else if let Some(row) = rows.last_mut() {
                row.below.push((number, text.to_owned()));
            }
        }
        Self { header: groups.iter().collect(), rows, unit: "line" }
    }

    /// Reads JSON; `by_line` if every line is a value of its own.
    fn json(bytes: Vec<u8>, by_line: bool) -> Result<Self, FileError> {
        let text = table_text(bytes, Encoding::Unicode).map_err(|error| (None, error.to_string()))?;
        let mut objects = Vec::new();
        let texts: Vec<&str> = if by_line { text.lines().collect() } else { vec![&text] };
        for (number, text) in (1..).zip(texts).filter(|(_, text)| !text.trim().is_empty()) {
            let value: Value = serde_json::from_str(text).map_err(|error| {
                let line = if by_line { number } else { error.line() as u64 };
                (Some(line), format!("it is no JSON ({error})"))
            })?;
            collect_rows(&value, &mut Vec::new(), &mut objects);
        }
        let mut header: Vec<String> = Vec::new();
        for (name, _) in objects.iter().flatten() {
            if !header.contains(name) {
                header.push(name.clone());
            }
        }
        let row = |(number, object): (u64, Vec<(String, String)>)| {
            let mut cells = vec![""; header.len()];
            for (name, cell) in &object {
                if let Some(at) = header.iter().position(|known| known == name) {
                    cells[at] = cell;
                }
            }
            TableRow { number, cells: StringRecord::from(cells), below: Vec::new() }
        };
        let rows = (1..).zip(objects).map(row).collect();
        Ok(Self { header: StringRecord::from(header), rows, unit: "row" })
    }
}

/// Collects the rows in a value; `keys` are the names of the objects around it.
fn collect_rows<'v>(value: &'v Value, keys: &mut Vec<&'v str>, rows: &mut Vec<Vec<(String, String)>>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_rows(item, keys, rows)),
        Value::Object(object) if object.values().all(holds_objects) => {
            for (key, value) in object {
                keys.push(key);
                collect_rows(value, keys, rows);
                keys.pop();
            }
        }
        Value::Object(object) => {
            let names = (1..).zip(keys.iter()).map(|(depth, key)| {
                (if depth == 1 { "key".to_owned() } else { format!("key{depth}") }, (*key).to_owned())
            });
            let mut row: Vec<(String, String)> = names.collect();
            flatten(object, "", &mut row);
            rows.push(row);
        }
        _ => {}
    }
}

/// Returns whether a value is an object, or a list of them.
fn holds_objects(value: &Value) -> bool {
    match value {
        Value::Object(_) => true,
        Value::Array(items) => !items.is_empty() && items.iter().all(Value::is_object),
        _ => false,
    }
}

/// Adds the cells of an object, whose names begin with `prefix`.
fn flatten(object: &Map<String, Value>, prefix: &str, row: &mut Vec<(String, String)>) {
    for (name, value) in object {
        let name = format!("{prefix}{name}");
        match value {
            Value::Object(inner) => flatten(inner, &format!("{name}."), row),
            other => row.push((name, cell(other))),
        }
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(";"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, by_line: bool) -> Vec<String> {
        let table = AnnotationTable::json(text.as_bytes().to_vec(), by_line).unwrap();
        let row = |row: &TableRow| {
            let cells = table.header.iter().zip(&row.cells);
            let cells: Vec<String> = cells.map(|(name, cell)| format!("{name}={cell}")).collect();
            format!("{}: {}", row.number, cells.join(" "))
        };
        table.rows.iter().map(row).collect()
    }

    #[test]
    fn json_of_every_form_is_a_table() {
        let list = r#"[{"file": "a.wav", "mood": "sad"}, {"file": "b.wav", "sure": 0.5, "mood": null}]"#;
        assert_eq!(rows(list, false), ["1: file=a.wav mood=sad sure=", "2: file=b.wav mood= sure=0.5"]);
        let lines = "{\"file\": \"a\", \"mood\": \"sad\"}\n\n{\"file\": \"b\", \"mood\": \"calm\"}\n";
        assert_eq!(rows(lines, true), ["1: file=a mood=sad", "2: file=b mood=calm"]);
        let raters =
            r#"{"a": {"ann": {"says": {"mood": "sad"}, "also": ["x", "y"]}, "bob": {"also": []}}, "b": {}}"#;
        assert_eq!(
            rows(raters, false),
            ["1: key=a key2=ann also=x;y says.mood=sad", "2: key=a key2=bob also= says.mood="]
        );
        let error = AnnotationTable::json(b"{}\n{".to_vec(), true).err().unwrap();
        assert_eq!(error.0, Some(2));
        assert!(error.1.starts_with("it is no JSON (EOF"), "{}", error.1);
    }
}
