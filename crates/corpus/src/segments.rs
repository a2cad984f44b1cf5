//! Utterances that are parts of long recordings, by a table with a start and an end.

use std::collections::HashMap;
use std::path::Path;

use affekt_audio::Excerpt;
use affekt_domain::Problem;

use crate::annotation_table::{AnnotationTable, FileError, TableRow};
use crate::delimited::Encoding;
use crate::odd_cells::OddCells;
use crate::row_name::RowName;
use crate::table_files::read_files;
use crate::table_header::Header;
use crate::{CorpusError, Tables};

/// The description of a table of segments.
#[derive(Debug, Clone)]
pub(crate) struct SegmentTable {
    /// The path in the corpus' folder.
    pub path: String,
    /// How its letters are written.
    pub encoding: Encoding,
    /// Where a row names the recording, as `recording` of the card's tables does.
    pub recording: RowName,
    /// Where a row names the segment, whose name in all label files it is.
    pub id: RowName,
    /// The column of the start.
    pub start: String,
    /// The column of the end.
    pub end: String,
    /// The unit of both, in seconds: 0.001 for milliseconds.
    pub seconds: f64,
    /// The column of the channel, counted from 1, where several people speak on one each.
    pub channel: Option<String>,
}

/// A part of a recording that is an utterance.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Its name in the label files, and the last component of the utterance's id.
    pub name: String,
    /// What is cut out of the recording.
    pub excerpt: Excerpt,
}

/// The segments of each recording, by its name in the label files.
pub(crate) type SegmentsByRecording = HashMap<String, Vec<Segment>>;

impl SegmentTable {
    /// Reads the table in `folder`: the segments of each recording, in the table's order, and what is odd about it.
    ///
    /// # Errors
    /// Fails if the file cannot be read, lacks a column or names two segments alike.
    pub(crate) fn read(
        &self,
        tables: &Tables,
        corpus: &str,
        folder: &Path,
    ) -> Result<(SegmentsByRecording, Vec<Problem>), CorpusError> {
        let mut segments = HashMap::new();
        let problems = read_files(corpus, folder, &self.path, false, |path, bytes| {
            let table = AnnotationTable::of_file(path, bytes, self.encoding)?;
            self.read_table(tables, table, &mut segments)
        })?;
        Ok((segments, problems))
    }

    fn read_table(
        &self,
        tables: &Tables,
        table: AnnotationTable,
        segments: &mut SegmentsByRecording,
    ) -> Result<OddCells<'static>, FileError> {
        let header = Header::new(&table.header);
        let all = |name: &RowName| {
            name.columns().map(|column| header.required(column)).collect::<Result<Vec<_>, _>>()
        };
        let (recordings, ids) = (all(&self.recording)?, all(&self.id)?);
        let (start_at, end_at) = (header.required(&self.start)?, header.required(&self.end)?);
        let channel_at = self.channel.as_deref().map(|name| header.required(name)).transpose()?;
        let mut odd = OddCells::new(table.unit);
        for TableRow { number, cells, .. } in table.rows {
            let cell = |column: usize| tables.contents(cells.get(column)?);
            let owned = |column: usize| cell(column).map(str::to_owned);
            let (Some(recording), Some(name)) =
                (self.recording.of_row(&recordings, owned), self.id.of_row(&ids, owned))
            else {
                let first = recordings.first().and_then(|at| cells.get(*at)).unwrap_or_default();
                odd.add(number, &self.start, first, "the time of no recording or segment");
                continue;
            };
            let time = |at: usize| cell(at)?.parse::<f64>().ok().map(|time| time * self.seconds);
            let channel = match channel_at.map(|at| cell(at).map(str::parse::<u16>)) {
                None | Some(None) => None,
                Some(Some(Ok(channel @ 1..))) => Some(channel),
                Some(Some(_)) => {
                    odd.add(
                        number,
                        self.channel.as_deref().unwrap_or_default(),
                        &name,
                        "on no channel from 1",
                    );
                    continue;
                }
            };
            let excerpt =
                time(start_at).zip(time(end_at)).and_then(|(start, end)| Excerpt::new(start, end, channel));
            let Some(excerpt) = excerpt else {
                odd.add(number, &self.end, &name, "a segment that does not end after it starts");
                continue;
            };
            let of_recording = segments.entry(recording).or_default();
            if of_recording.iter().any(|known| known.name == name) {
                let what = format!("it has two segments `{name}` of one recording: rename one of them");
                return Err((Some(number).filter(|_| table.unit == "line"), what));
            }
            of_recording.push(Segment { name, excerpt });
        }
        Ok(odd)
    }
}
