//! Label files: tables of a release with annotations that file names do not have.
//!
//! A card names the files, the column that identifies recordings, and the other columns to read. Columns are found by
//! name, in any order, comparing only letters and digits: `SouthAfrica_Sadness` is `South Africa_Sadness`. A text
//! that is not a table is parsed with a regular expression: each matching line is a row, and the named groups are the
//! columns. The lines below a row may be ratings of its recording by single raters.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use affekt_config::{decode_lossy, list_names, nearest};
use affekt_domain::{Problem, Rating, Role};
use csv::{ReaderBuilder, StringRecord};
use regex::Regex;

use crate::delimited::{delimiter, table_text};
use crate::spelling::normalised;
use crate::{CorpusError, ProblemKind, glob};

/// The group of the rater in an expression for ratings.
pub(crate) const RATER: &str = "rater";
/// The group of labels, separated by semicolons.
const LABELS: &str = "labels";
/// The group of a comment.
const COMMENT: &str = "comment";

/// The description of a corpus' label files.
#[derive(Debug, Clone)]
pub struct Tables {
    /// The column that identifies recordings.
    pub(crate) id: String,
    /// The part of a cell in that column which is the name: the expression's first group, or the whole match.
    pub(crate) pattern: Option<Regex>,
    /// The column of official parts, and the role of each of its words.
    pub(crate) part: Option<(String, BTreeMap<String, Role>)>,
    /// The column of speakers, in files that have it.
    pub(crate) speaker: Option<String>,
    /// The parts whose annotations are withheld from most: they count where they are there, which is where a file's rows of the
    /// part do not all say the same, as placeholders do.
    pub(crate) withheld: BTreeSet<Role>,
    /// Cells without information, in addition to empty ones.
    pub(crate) absent: BTreeSet<String>,
    /// The files.
    pub(crate) files: Vec<LabelFile>,
}

/// One or several label files with the same columns.
#[derive(Debug, Clone)]
pub struct LabelFile {
    /// The path in the corpus' folder; files matching a `*` form one table.
    pub(crate) path: String,
    /// Whether it may be missing, or lack a row for a recording, or have rows for missing recordings.
    pub(crate) optional: bool,
    /// The expression for rows of a text that is not a table; named groups are the columns.
    pub(crate) lines: Option<Regex>,
    /// The column of labels.
    pub(crate) label: Option<String>,
    /// The column of the spoken text, word for word.
    pub(crate) transcript: Option<String>,
    /// The columns of numeric annotations, which are also the names of the values.
    pub(crate) values: Vec<String>,
    /// Expressions for lines below a row that are ratings of single raters. Groups other than [`RATER`], [`LABELS`]
    /// and [`COMMENT`] are numbers of that name.
    pub(crate) ratings: Vec<Regex>,
}

/// The annotations of one recording in the files.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Annotations {
    /// Whether a file that should have a row for every recording has one for it.
    pub is_listed: bool,
    pub part: Option<Role>,
    pub speaker: Option<String>,
    pub label: Option<String>,
    pub transcript: Option<String>,
    pub values: BTreeMap<String, f32>,
    /// The ratings, with utterance and rater as named in the files.
    pub ratings: Vec<Rating>,
}

/// The annotations of all files, by the recordings' names in them.
pub(crate) struct LabelTables {
    pub recordings: HashMap<String, Annotations>,
    pub problems: Vec<Problem>,
}

impl Tables {
    pub(crate) fn has_label(&self) -> bool {
        self.files.iter().any(|file| file.label.is_some())
    }

    /// Returns whether some file should have a row for every recording.
    pub(crate) fn list_recordings(&self) -> bool {
        self.files.iter().any(|file| !file.optional)
    }

    /// Returns the expressions for the paths of the label files in the corpus' folder.
    pub(crate) fn paths(&self) -> Vec<Regex> {
        self.files.iter().filter_map(|file| glob::expression(&file.path).ok()).collect()
    }

    /// Reads the files in `folder`. A missing file is reported as a problem.
    ///
    /// # Errors
    /// Fails if a file cannot be read, lacks a column or has two rows for a recording, or if files contradict each
    /// other.
    pub(crate) fn read(&self, corpus: &str, folder: &Path) -> Result<LabelTables, CorpusError> {
        let mut listed = LabelTables { recordings: HashMap::new(), problems: Vec::new() };
        for file in &self.files {
            let unreadable =
                |(path, source)| CorpusError::Unreadable { corpus: corpus.to_owned(), path, source };
            let paths = glob::paths(folder, &file.path).map_err(unreadable)?;
            if paths.is_empty() && !file.optional {
                let message = "there is no such label file: what it tells is unknown";
                listed.problems.push(ProblemKind::MissingTable.of(corpus, &file.path, message));
            }
            let mut places = HashMap::new();
            for path in paths {
                let whole = folder.join(&path);
                let bytes = fs::read(&whole).map_err(|source| unreadable((whole.clone(), source)))?;
                let odd = file
                    .table(bytes)
                    .and_then(|table| {
                        self.read_table(file, &path, table, &mut listed.recordings, &mut places)
                    })
                    .map_err(|(line, what)| {
                        let (corpus, path) = (corpus.to_owned(), path.clone());
                        CorpusError::Table { corpus, path, line, what }
                    })?;
                listed.problems.extend(odd.problems(corpus, &path));
            }
        }
        Ok(listed)
    }

    /// Adds the annotations of the table in the file at `path` to `recordings`. `places` has the rows of recordings
    /// in earlier files of the same table.
    fn read_table(
        &self,
        file: &LabelFile,
        path: &str,
        table: Table,
        recordings: &mut HashMap<String, Annotations>,
        places: &mut HashMap<String, (String, u64)>,
    ) -> Result<OddCells<'static>, FileError> {
        let columns = Columns::find(self, file, &table.header)?;
        let withheld = self.withheld_in(&columns, &table);
        let mut odd = OddCells::default();
        for TableRow { line, cells, below } in table.rows {
            let cell = |column: usize| self.contents(cells.get(column)?);
            let Some(id) = cell(columns.id).and_then(|cell| self.name(cell)) else {
                odd.add(line, &self.id, cells.get(columns.id).unwrap_or_default(), "no recording's name");
                continue;
            };
            if let Some((other, first)) = places.get(id) {
                if file.optional {
                    odd.add(line, &self.id, id, "a recording that has a row already");
                    continue;
                }
                let place = if other == path { String::new() } else { format!(" of {other}") };
                return Err((
                    Some(line),
                    format!("`{id}` already has a row at line {first}{place}: remove one of them"),
                ));
            }
            places.insert(id.to_owned(), (path.to_owned(), line));
            let annotations = recordings.entry(id.to_owned()).or_default();
            annotations.is_listed |= !file.optional;
            let contradiction = |what: &str| {
                let what = format!("`{id}` has another {what} in another label file: correct one of them");
                (Some(line), what)
            };
            if let Some((at, (name, roles))) = columns.part.zip(self.part.as_ref())
                && let Some(word) = cell(at)
            {
                match roles.get(word) {
                    Some(role) if annotations.part.replace(*role).is_some_and(|known| known != *role) => {
                        return Err(contradiction("part"));
                    }
                    Some(_) => {}
                    None => odd.add(line, name, word, "no part that the card knows"),
                }
            }
            if let Some(speaker) = columns.speaker.and_then(cell)
                && annotations.speaker.replace(speaker.to_owned()).is_some_and(|known| known != speaker)
            {
                return Err(contradiction("speaker"));
            }
            if annotations.part.is_some_and(|part| withheld.contains(&part)) {
                continue;
            }
            if let Some(label) = columns.label.and_then(cell) {
                annotations.label = Some(label.to_owned());
            }
            if let Some(transcript) = columns.transcript.and_then(cell) {
                annotations.transcript = Some(transcript.to_owned());
            }
            for (name, at) in file.values.iter().zip(&columns.values) {
                let value = cell(*at).and_then(|cell| odd.number(line, name, cell));
                annotations.values.extend(value.map(|value| (name.clone(), value)));
            }
            let ratings =
                below.iter().filter_map(|(line, text)| self.rating(file, id, *line, text, &mut odd));
            annotations.ratings.extend(ratings);
        }
        Ok(odd)
    }

    /// Returns the parts that a file only has placeholders for: those that the card says are withheld, where all rows of the part
    /// have the same label and values. One row alone tells nothing.
    fn withheld_in(&self, columns: &Columns, table: &Table) -> BTreeSet<Role> {
        let Some((at, (_, roles))) = columns.part.zip(self.part.as_ref()) else {
            return self.withheld.clone();
        };
        let annotated: Vec<usize> = columns.label.iter().chain(&columns.values).copied().collect();
        let is_constant = |part: &Role| {
            let of_part = |row: &&TableRow| {
                let word = row.cells.get(at).and_then(|cell| self.contents(cell));
                word.and_then(|word| roles.get(word)) == Some(part)
            };
            let mut rows = table.rows.iter().filter(of_part);
            let said = |row: &TableRow| {
                let cells =
                    annotated.iter().map(|&at| row.cells.get(at).and_then(|cell| self.contents(cell)));
                cells.map(|cell| cell.map(str::to_owned)).collect::<Vec<_>>()
            };
            let first = rows.next().map(said);
            rows.all(|row| Some(said(row)) == first)
        };
        self.withheld.iter().copied().filter(is_constant).collect()
    }

    /// Parses a line as a rating of the recording called `id`; `None` if it is not one or is empty.
    fn rating(
        &self,
        file: &LabelFile,
        id: &str,
        line: u64,
        text: &str,
        odd: &mut OddCells,
    ) -> Option<Rating> {
        let (lines, found) = file.ratings.iter().find_map(|lines| Some((lines, lines.captures(text)?)))?;
        let cell = |group: &str| self.contents(found.name(group)?.as_str());
        let labels = cell(LABELS).unwrap_or_default().split(';').filter_map(|label| self.contents(label));
        let numbers =
            lines.capture_names().flatten().filter(|group| ![RATER, LABELS, COMMENT].contains(group));
        let value = |group: &str| Some((group.to_owned(), odd.number(line, group, cell(group)?)?));
        let rating = Rating {
            utterance: id.to_owned(),
            rater: cell(RATER)?.to_owned(),
            labels: labels.map(str::to_owned).collect(),
            values: numbers.filter_map(value).collect(),
            comment: cell(COMMENT).map(str::to_owned),
        };
        let says_nothing = rating.labels.is_empty() && rating.values.is_empty() && rating.comment.is_none();
        (!says_nothing).then_some(rating)
    }

    /// Returns the contents of a cell, if it has any.
    fn contents<'c>(&self, cell: &'c str) -> Option<&'c str> {
        let cell = cell.trim();
        (!cell.is_empty() && !self.absent.contains(cell)).then_some(cell)
    }

    /// Returns the name of a recording in a cell.
    fn name<'c>(&self, cell: &'c str) -> Option<&'c str> {
        let Some(pattern) = &self.pattern else { return Some(cell) };
        let groups = pattern.captures(cell)?;
        groups.get(1).or(groups.get(0)).map(|name| name.as_str())
    }
}

impl LabelFile {
    fn table(&self, bytes: Vec<u8>) -> Result<Table, FileError> {
        let Some(lines) = &self.lines else {
            let text = table_text(bytes).map_err(|error| (None, error.to_string()))?;
            let mut reader =
                ReaderBuilder::new().flexible(true).delimiter(delimiter(&text)).from_reader(text.as_bytes());
            let header = reader.headers().map_err(|error| (Some(1), error.to_string()))?.clone();
            let row = |row: csv::Result<StringRecord>| {
                let cells = row.map_err(|error| (None, error.to_string()))?;
                Ok(TableRow {
                    line: cells.position().map_or(0, csv::Position::line),
                    cells,
                    below: Vec::new(),
                })
            };
            return Ok(Table { header, rows: reader.records().map(row).collect::<Result<_, _>>()? });
        };
        // Between rows there may be free text in any encoding.
        let text = decode_lossy(&bytes);
        let text = normalised(&text);
        let groups: Vec<&str> = lines.capture_names().flatten().collect();
        let mut rows: Vec<TableRow> = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            if let Some(found) = lines.captures(text) {
                let cell = |group: &&str| found.name(group).map_or("", |cell| cell.as_str());
                rows.push(TableRow { line, cells: groups.iter().map(cell).collect(), below: Vec::new() });
            } else if let Some(row) = rows.last_mut() {
                row.below.push((line, text.to_owned()));
            }
        }
        Ok(Table { header: groups.iter().collect(), rows })
    }
}

/// The cells of a file.
struct Table {
    /// The column names.
    header: StringRecord,
    rows: Vec<TableRow>,
}

/// A row with its line number.
struct TableRow {
    line: u64,
    cells: StringRecord,
    /// The lines of a text between this row and the next, each with its number.
    below: Vec<(u64, String)>,
}

/// An error that concerns a whole file, with its line.
type FileError = (Option<u64>, String);

/// The indices of a file's columns.
struct Columns {
    id: usize,
    part: Option<usize>,
    speaker: Option<usize>,
    label: Option<usize>,
    transcript: Option<usize>,
    /// In the order of [`LabelFile::values`].
    values: Vec<usize>,
}

impl Columns {
    fn find(tables: &Tables, file: &LabelFile, header: &StringRecord) -> Result<Self, FileError> {
        let names: Vec<&str> = header.iter().map(str::trim).collect();
        let at = |name: &str| {
            let wanted = plain(name);
            let mut found = names.iter().enumerate().filter(|(_, known)| plain(known) == wanted);
            match (found.next(), found.next()) {
                (Some((at, _)), None) => Ok(Some(at)),
                (Some((_, first)), Some((_, second))) => Err((
                    Some(1),
                    format!("both `{first}` and `{second}` may be the column `{name}`: rename one"),
                )),
                (None, _) => Ok(None),
            }
        };
        let required = |name: &str| {
            let near = nearest(name, names.iter().copied());
            let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
            let missing =
                || (Some(1), format!("it has no column `{name}`: {near}there are {}", list_names(&names)));
            at(name)?.ok_or_else(missing)
        };
        Ok(Self {
            id: required(&tables.id)?,
            part: tables.part.as_ref().map(|(name, _)| required(name)).transpose()?,
            speaker: tables.speaker.as_deref().map_or(Ok(None), at)?,
            label: file.label.as_deref().map(required).transpose()?,
            transcript: file.transcript.as_deref().map(required).transpose()?,
            values: file.values.iter().map(|name| required(name)).collect::<Result<_, _>>()?,
        })
    }
}

/// Normalises a column name for comparison: letters and digits, in lower case.
fn plain(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Cells that cannot be interpreted, collected so that each column is reported once.
#[derive(Default)]
struct OddCells<'a> {
    /// Column and expected contents → the first such cell, and their number.
    found: BTreeMap<(String, &'a str), (String, usize)>,
}

impl<'a> OddCells<'a> {
    fn add(&mut self, line: u64, column: &str, cell: &str, what: &'a str) {
        let first = || (format!("line {line}: `{cell}` under `{column}`"), 0);
        self.found.entry((column.to_owned(), what)).or_insert_with(first).1 += 1;
    }

    /// Returns the number in a cell, if there is one.
    fn number(&mut self, line: u64, column: &str, cell: &str) -> Option<f32> {
        match cell.parse::<f32>() {
            Ok(value) if value.is_finite() => Some(value),
            // What tools write for missing values.
            Ok(value) if value.is_nan() => None,
            _ => {
                self.add(line, column, cell, "no number");
                None
            }
        }
    }

    fn problems(self, corpus: &str, path: &str) -> Vec<Problem> {
        let problem = |((_, what), (first, cells)): ((String, &str), (String, usize))| {
            let others = match cells {
                1 => String::new(),
                2 => ", and so is another cell of the column".to_owned(),
                more => format!(", and so are {} other cells of the column", more - 1),
            };
            let message = format!("{first} is {what}{others}; they tell nothing");
            ProblemKind::OddCell.of(corpus, path, message)
        };
        self.found.into_iter().map(problem).collect()
    }
}
