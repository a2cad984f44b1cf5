//! Label files: tables of a release with annotations that file names do not have.
//!
//! A card names the files, what identifies recordings in them, and the columns to read. Columns are found by
//! name, in any order, comparing only letters and digits: `SouthAfrica_Sadness` is `South Africa_Sadness`. A file's rows may
//! also be the ratings of single raters, or lie below the rows of a text.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use affekt_domain::{Problem, Rating, Role, Sex};
use csv::StringRecord;
use regex::Regex;

use crate::annotation_table::{AnnotationTable, FileError, TableRow};
use crate::delimited::Encoding;
use crate::odd_cells::OddCells;
use crate::row_name::RowName;
use crate::segments::SegmentTable;
use crate::sex_column::SexColumn;
use crate::speaker_table::SpeakerTable;
use crate::table_files::read_files;
use crate::table_header::Header;
use crate::{CorpusError, glob};

/// The group of the rater in an expression for ratings.
pub(crate) const RATER: &str = "rater";
/// The group of labels, separated by semicolons.
const LABELS: &str = "labels";
/// The group of a comment.
const COMMENT: &str = "comment";

/// The description of a corpus' label files.
#[derive(Debug, Clone)]
pub struct Tables {
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
    /// The file of speakers, if there is one.
    pub(crate) speakers: Option<SpeakerTable>,
    /// The file of segments, if recordings are long and utterances are parts of them.
    pub(crate) segments: Option<SegmentTable>,
}

/// One or several label files with the same columns.
#[derive(Debug, Clone)]
pub struct LabelFile {
    /// The path in the corpus' folder; files matching a `*` form one table.
    pub(crate) path: String,
    /// How its letters are written.
    pub(crate) encoding: Encoding,
    /// Which of the grammar's names for recordings its rows go by.
    pub(crate) key: usize,
    /// Where a row names its recording.
    pub(crate) id: RowName,
    /// Whether it may be missing, or lack a row for a recording, or have rows for missing recordings.
    pub(crate) optional: bool,
    /// The expression for rows of a text that is not a table; named groups are the columns.
    pub(crate) lines: Option<Regex>,
    /// The column of labels.
    pub(crate) label: Option<String>,
    /// The column of the spoken text, word for word.
    pub(crate) transcript: Option<String>,
    /// The column of the speaker's sex.
    pub(crate) sex: Option<SexColumn>,
    /// The columns of what is said, how strongly, in which style and in which session.
    pub(crate) facts: Facts,
    /// The columns of numeric annotations, which are also the names of the values.
    pub(crate) values: Vec<String>,
    /// The columns of everything else that is worth keeping, as text.
    pub(crate) metadata: Vec<String>,
    /// The columns of single raters, if every row is a rating.
    pub(crate) rater: Option<RaterColumns>,
    /// Expressions for lines below a row that are ratings of single raters. Groups other than [`RATER`], [`LABELS`]
    /// and [`COMMENT`] are numbers of that name.
    pub(crate) ratings: Vec<Regex>,
}

/// What a table can say that paths can say too: by column in a [`LabelFile`], by value in [`Annotations`].
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Facts {
    pub text: Option<String>,
    pub intensity: Option<String>,
    pub style: Option<String>,
    pub session: Option<String>,
}

/// The columns of a table in which every row is what one rater says of one recording.
#[derive(Debug, Clone)]
pub(crate) struct RaterColumns {
    pub rater: String,
    /// The columns of labels, of which a cell may have several, separated by semicolons.
    pub labels: Vec<String>,
    pub comment: Option<String>,
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
    pub sex: Option<Sex>,
    pub facts: Facts,
    pub values: BTreeMap<String, f32>,
    pub metadata: BTreeMap<String, String>,
    /// The ratings, with utterance and rater as named in the files.
    pub ratings: Vec<Rating>,
}

impl Annotations {
    /// Adds what files tell of the same recording under another name, where nothing is known yet.
    pub(crate) fn add(&mut self, other: Self) {
        self.is_listed |= other.is_listed;
        self.part = self.part.or(other.part);
        self.sex = self.sex.or(other.sex);
        let texts = [
            (&mut self.speaker, other.speaker),
            (&mut self.label, other.label),
            (&mut self.transcript, other.transcript),
            (&mut self.facts.text, other.facts.text),
            (&mut self.facts.intensity, other.facts.intensity),
            (&mut self.facts.style, other.facts.style),
            (&mut self.facts.session, other.facts.session),
        ];
        for (known, other) in texts {
            *known = known.take().or(other);
        }
        for (name, value) in other.values {
            self.values.entry(name).or_insert(value);
        }
        for (name, value) in other.metadata {
            self.metadata.entry(name).or_insert(value);
        }
        self.ratings.extend(other.ratings);
    }
}

/// A recording's name in the files: which of the grammar's names, and the name.
pub(crate) type RowKey = (usize, String);

/// The annotations of all files, by the recordings' names in them.
pub(crate) struct LabelTables {
    pub recordings: HashMap<RowKey, Annotations>,
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

    /// Returns whether the sex of every speaker should be known.
    pub(crate) fn tells_sex(&self) -> bool {
        let of_speakers = self.speakers.as_ref().is_some_and(|speakers| speakers.sex.is_some());
        of_speakers || self.files.iter().any(|file| file.sex.is_some())
    }

    /// Returns the expressions for the paths of the label files in the corpus' folder.
    pub(crate) fn paths(&self) -> Vec<Regex> {
        let speakers = self.speakers.iter().map(|speakers| &speakers.path);
        let segments = self.segments.iter().map(|segments| &segments.path);
        let paths = self.files.iter().map(|file| &file.path).chain(speakers).chain(segments);
        paths.filter_map(|path| glob::expression(path).ok()).collect()
    }

    /// Reads the files in `folder`. A missing file is reported as a problem.
    ///
    /// # Errors
    /// Fails if a file cannot be read, lacks a column or has two rows for a recording, or if files contradict each
    /// other.
    pub(crate) fn read(&self, corpus: &str, folder: &Path) -> Result<LabelTables, CorpusError> {
        let mut listed = LabelTables { recordings: HashMap::new(), problems: Vec::new() };
        for file in &self.files {
            let mut places = HashMap::new();
            let problems = read_files(corpus, folder, &file.path, file.optional, |path, bytes| {
                self.read_table(file, path, file.table(path, bytes)?, &mut listed.recordings, &mut places)
            })?;
            listed.problems.extend(problems);
        }
        Ok(listed)
    }

    /// Adds the annotations of the table in the file at `path` to `recordings`. `places` has the rows of recordings
    /// in earlier files of the same table.
    fn read_table(
        &self,
        file: &LabelFile,
        path: &str,
        table: AnnotationTable,
        recordings: &mut HashMap<RowKey, Annotations>,
        places: &mut HashMap<String, (String, u64)>,
    ) -> Result<OddCells<'static>, FileError> {
        let columns = Columns::find(self, file, &table.header)?;
        let withheld = self.withheld_in(&columns, &table);
        let mut odd = OddCells::new(table.unit);
        let unit = table.unit;
        for TableRow { number, cells, below } in table.rows {
            let at_line = Some(number).filter(|_| unit == "line");
            let cell = |column: usize| self.contents(cells.get(column)?);
            let name = file.id.of_row(&columns.id, |column| cell(column).map(str::to_owned));
            let Some(id) = name else {
                let first = columns.id.first().and_then(|at| cells.get(*at)).unwrap_or_default();
                odd.add(number, &file.id.describe(), first, "no recording's name");
                continue;
            };
            if let Some(rater) = &file.rater {
                let annotations = recordings.entry((file.key, id.clone())).or_default();
                annotations
                    .ratings
                    .extend(self.row_rating(file, rater, &columns, &id, number, &cells, &mut odd));
                continue;
            }
            if let Some((other, first)) = places.get(&id) {
                if file.optional {
                    odd.add(number, &file.id.describe(), &id, "a recording that has a row already");
                    continue;
                }
                let place = if other == path { String::new() } else { format!(" of {other}") };
                return Err((
                    at_line,
                    format!("`{id}` already has a row at {unit} {first}{place}: remove one of them"),
                ));
            }
            places.insert(id.clone(), (path.to_owned(), number));
            let annotations = recordings.entry((file.key, id.clone())).or_default();
            annotations.is_listed |= !file.optional;
            let contradiction = |what: &str| {
                let what = format!("`{id}` has another {what} in another label file: correct one of them");
                (at_line, what)
            };
            if let Some((at, (name, roles))) = columns.part.zip(self.part.as_ref())
                && let Some(word) = cell(at)
            {
                match roles.get(word) {
                    Some(role) if annotations.part.replace(*role).is_some_and(|known| known != *role) => {
                        return Err(contradiction("part"));
                    }
                    Some(_) => {}
                    None => odd.add(number, name, word, "no part that the card knows"),
                }
            }
            if let Some(speaker) = columns.speaker.and_then(cell)
                && annotations.speaker.replace(speaker.to_owned()).is_some_and(|known| known != speaker)
            {
                return Err(contradiction("speaker"));
            }
            if let Some((at, column)) = columns.sex.zip(file.sex.as_ref())
                && let Some(word) = cell(at)
            {
                annotations.sex = column.sex(word);
                if annotations.sex.is_none() {
                    odd.add(number, &column.column, word, "no sex that the card knows");
                }
            }
            if annotations.part.is_some_and(|part| withheld.contains(&part)) {
                continue;
            }
            let Facts { text, intensity, style, session } = &mut annotations.facts;
            for (known, at) in [text, intensity, style, session].into_iter().zip(columns.facts) {
                *known = at.and_then(cell).map(str::to_owned).or(known.take());
            }
            for (name, at) in file.metadata.iter().zip(&columns.metadata) {
                let value = cell(*at).map(|value| (name.clone(), value.to_owned()));
                annotations.metadata.extend(value);
            }
            if let Some(label) = columns.label.and_then(cell) {
                annotations.label = Some(label.to_owned());
            }
            if let Some(transcript) = columns.transcript.and_then(cell) {
                annotations.transcript = Some(transcript.to_owned());
            }
            for (name, at) in file.values.iter().zip(&columns.values) {
                let value = cell(*at).and_then(|cell| odd.number(number, name, cell));
                annotations.values.extend(value.map(|value| (name.clone(), value)));
            }
            let ratings =
                below.iter().filter_map(|(line, text)| self.rating(file, &id, *line, text, &mut odd));
            annotations.ratings.extend(ratings);
        }
        Ok(odd)
    }

    /// Reads a row of a table of ratings; `None` if it says nothing.
    #[expect(clippy::too_many_arguments, reason = "a row, and where it stands")]
    fn row_rating(
        &self,
        file: &LabelFile,
        rater: &RaterColumns,
        columns: &Columns,
        id: &str,
        number: u64,
        cells: &StringRecord,
        odd: &mut OddCells,
    ) -> Option<Rating> {
        let cell = |column: usize| self.contents(cells.get(column)?);
        let at = columns.rater.as_ref()?;
        let Some(name) = cell(at.rater) else {
            odd.add(number, &rater.rater, cells.get(at.rater).unwrap_or_default(), "no rater's name");
            return None;
        };
        let labels = at.labels.iter().filter_map(|at| cell(*at)).flat_map(|cell| cell.split(';'));
        let labels = labels.filter_map(|label| self.contents(label)).map(str::to_owned).collect();
        let value =
            |(name, at): (&String, &usize)| Some((name.clone(), odd.number(number, name, cell(*at)?)?));
        let values = file.values.iter().zip(&columns.values).filter_map(value).collect();
        let comment = at.comment.and_then(cell).map(str::to_owned);
        let rating = Rating { utterance: id.to_owned(), rater: name.to_owned(), labels, values, comment };
        says_something(&rating).then_some(rating)
    }

    /// Returns the parts that a file only has placeholders for: those that the card says are withheld, where all rows of the part
    /// have the same label and values. One row alone tells nothing.
    fn withheld_in(&self, columns: &Columns, table: &AnnotationTable) -> BTreeSet<Role> {
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
        says_something(&rating).then_some(rating)
    }

    /// Returns the contents of a cell, if it has any.
    pub(crate) fn contents<'c>(&self, cell: &'c str) -> Option<&'c str> {
        let cell = cell.trim();
        (!cell.is_empty() && !self.absent.contains(cell)).then_some(cell)
    }
}

fn says_something(rating: &Rating) -> bool {
    !rating.labels.is_empty() || !rating.values.is_empty() || rating.comment.is_some()
}

impl LabelFile {
    fn table(&self, path: &str, bytes: Vec<u8>) -> Result<AnnotationTable, FileError> {
        match &self.lines {
            Some(lines) => Ok(AnnotationTable::lines(&bytes, lines, self.encoding)),
            None => AnnotationTable::of_file(path, bytes, self.encoding),
        }
    }
}

/// The indices of a file's columns.
struct Columns {
    /// In the order of [`RowName::columns`].
    id: Vec<usize>,
    part: Option<usize>,
    speaker: Option<usize>,
    label: Option<usize>,
    transcript: Option<usize>,
    sex: Option<usize>,
    /// Text, intensity, style and session.
    facts: [Option<usize>; 4],
    /// In the order of [`LabelFile::values`].
    values: Vec<usize>,
    /// In the order of [`LabelFile::metadata`].
    metadata: Vec<usize>,
    rater: Option<RaterIndices>,
}

struct RaterIndices {
    rater: usize,
    labels: Vec<usize>,
    comment: Option<usize>,
}

impl Columns {
    fn find(tables: &Tables, file: &LabelFile, header: &StringRecord) -> Result<Self, FileError> {
        let header = Header::new(header);
        let required = |name: &str| header.required(name);
        let optional = |name: &Option<String>| name.as_deref().map(required).transpose();
        let all = |names: &[String]| names.iter().map(|name| required(name)).collect::<Result<Vec<_>, _>>();
        let Facts { text, intensity, style, session } = &file.facts;
        // Ratings need not say the part of what is rated.
        let part = match &tables.part {
            Some((name, _)) if file.rater.is_none() => Some(required(name)?),
            _ => None,
        };
        let rater = match &file.rater {
            Some(RaterColumns { rater, labels, comment }) => Some(RaterIndices {
                rater: required(rater)?,
                labels: all(labels)?,
                comment: optional(comment)?,
            }),
            None => None,
        };
        Ok(Self {
            id: file.id.columns().map(required).collect::<Result<_, _>>()?,
            part,
            speaker: tables.speaker.as_deref().map_or(Ok(None), |name| header.find(name))?,
            label: optional(&file.label)?,
            transcript: optional(&file.transcript)?,
            sex: file.sex.as_ref().map(|sex| required(&sex.column)).transpose()?,
            facts: [optional(text)?, optional(intensity)?, optional(style)?, optional(session)?],
            values: all(&file.values)?,
            metadata: all(&file.metadata)?,
            rater,
        })
    }
}
