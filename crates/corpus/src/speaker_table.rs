//! The file of a corpus' speakers: their sex, and what else is worth keeping.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use affekt_domain::{Problem, Sex};

use crate::annotation_table::{AnnotationTable, FileError, TableRow};
use crate::delimited::Encoding;
use crate::odd_cells::OddCells;
use crate::row_name::RowName;
use crate::sex_column::SexColumn;
use crate::table_files::read_files;
use crate::table_header::Header;
use crate::{CorpusError, Tables};

/// The description of a file of speakers.
#[derive(Debug, Clone)]
pub(crate) struct SpeakerTable {
    /// The path in the corpus' folder.
    pub path: String,
    /// How its letters are written.
    pub encoding: Encoding,
    /// Where a row names its speaker.
    pub id: RowName,
    /// The column of sexes.
    pub sex: Option<SexColumn>,
    /// The columns that are kept as text: age, mother tongue.
    pub metadata: Vec<String>,
}

/// What the file says of one speaker.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SpeakerFacts {
    pub sex: Option<Sex>,
    pub metadata: BTreeMap<String, String>,
}

impl SpeakerTable {
    /// Reads the file in `folder`: what it says of each speaker, and what is odd about it.
    ///
    /// # Errors
    /// Fails if the file cannot be read, lacks a column or has two rows for a speaker.
    pub(crate) fn read(
        &self,
        tables: &Tables,
        corpus: &str,
        folder: &Path,
    ) -> Result<(HashMap<String, SpeakerFacts>, Vec<Problem>), CorpusError> {
        let mut speakers = HashMap::new();
        let problems = read_files(corpus, folder, &self.path, false, |path, bytes| {
            let table = AnnotationTable::of_file(path, bytes, self.encoding)?;
            self.read_table(tables, table, &mut speakers)
        })?;
        Ok((speakers, problems))
    }

    fn read_table(
        &self,
        tables: &Tables,
        table: AnnotationTable,
        speakers: &mut HashMap<String, SpeakerFacts>,
    ) -> Result<OddCells<'static>, FileError> {
        let header = Header::new(&table.header);
        let id: Vec<usize> = self.id.columns().map(|name| header.required(name)).collect::<Result<_, _>>()?;
        let sex = self.sex.as_ref().map(|sex| header.required(&sex.column)).transpose()?;
        let metadata: Vec<usize> =
            self.metadata.iter().map(|name| header.required(name)).collect::<Result<_, _>>()?;
        let mut odd = OddCells::new(table.unit);
        for TableRow { number, cells, .. } in table.rows {
            let cell = |column: usize| tables.contents(cells.get(column)?);
            let Some(speaker) = self.id.of_row(&id, |column| cell(column).map(str::to_owned)) else {
                continue;
            };
            let mut facts = SpeakerFacts::default();
            if let Some((column, word)) = self.sex.as_ref().zip(sex.and_then(cell)) {
                facts.sex = column.sex(word);
                if facts.sex.is_none() {
                    odd.add(number, &column.column, word, "no sex that the card knows");
                }
            }
            for (name, at) in self.metadata.iter().zip(&metadata) {
                facts.metadata.extend(cell(*at).map(|value| (name.clone(), value.to_owned())));
            }
            if speakers.insert(speaker.clone(), facts.clone()).is_some_and(|known| known != facts) {
                let what = format!("it says two things of the speaker `{speaker}`: correct one of them");
                return Err((Some(number).filter(|_| table.unit == "line"), what));
            }
        }
        Ok(odd)
    }
}
