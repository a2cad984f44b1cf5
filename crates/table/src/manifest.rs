//! `manifest`: the utterances of a corpus.

use std::path::Path;

use affekt_domain::Utterance;
use arrow_array::ArrayRef;
use arrow_array::types::{UInt16Type, UInt32Type, UInt64Type};
use arrow_schema::{DataType, Field};

use crate::columns::{Columns, numbers, optional, optional_texts, read_rows, required, role, sex, texts};
use crate::writer::{schema, write_rows};
use crate::{TableError, TableFile, further, stated};

/// The kind of these tables.
pub const KIND: &str = "manifest";

/// Writes a manifest to the file `path`.
///
/// # Errors
/// Fails if the file cannot be written.
pub fn write(path: &Path, utterances: &[Utterance]) -> Result<(), TableError> {
    let names = stated::names(utterances.iter().map(|row| &row.values));
    let further = further::names(utterances.iter().map(|row| &row.metadata));
    let schema = schema(KIND, fields(&further), &[stated::metadata(&names)]);
    write_rows(path, &schema, utterances, |rows| {
        Ok(columns(&rows.iter().collect::<Vec<_>>(), &names, &further))
    })
}

/// Reads a manifest.
///
/// # Errors
/// Fails if the table is of another kind or damaged.
pub fn read(file: &TableFile) -> Result<Vec<Utterance>, TableError> {
    file.expect_kind(KIND)?;
    let names = stated::read_names(file)?;
    read_rows(file, KIND, |columns| utterances(columns, &names))
}

/// Returns the columns of a manifest, which are also the first columns of a table of examples; the last of them are `further`
/// metadata.
pub(crate) fn fields(further: &[String]) -> Vec<Field> {
    let mut fields = vec![
        required("utterance", DataType::Utf8),
        required("corpus", DataType::Utf8),
        required("speaker", DataType::Utf8),
        optional("sex", DataType::Utf8),
        optional("text", DataType::Utf8),
        optional("intensity", DataType::Utf8),
        optional("session", DataType::Utf8),
        optional("part", DataType::Utf8),
        optional("label", DataType::Utf8),
        optional("emotion", DataType::Utf8),
        stated::field(),
        required("samples", DataType::UInt64),
        required("rate", DataType::UInt32),
        required("channels", DataType::UInt16),
        required("audio", DataType::Utf8),
        optional("transcript", DataType::Utf8),
        optional("style", DataType::Utf8),
    ];
    fields.extend(further::fields(further));
    fields
}

/// Builds the columns of `rows` with the numeric annotations and further metadata of these names.
pub(crate) fn columns(rows: &[&Utterance], stated_names: &[String], further: &[String]) -> Vec<ArrayRef> {
    let digests: Vec<String> = rows.iter().map(|row| row.audio.to_string()).collect();
    let mut columns = vec![
        texts(rows.iter().map(|row| row.id.as_str())),
        texts(rows.iter().map(|row| row.corpus.as_str())),
        texts(rows.iter().map(|row| row.speaker.as_str())),
        optional_texts(rows.iter().map(|row| row.sex.map(|sex| sex.name()))),
        optional_texts(rows.iter().map(|row| row.text.as_deref())),
        optional_texts(rows.iter().map(|row| row.intensity.as_deref())),
        optional_texts(rows.iter().map(|row| row.session.as_deref())),
        optional_texts(rows.iter().map(|row| row.part.map(|part| part.name()))),
        optional_texts(rows.iter().map(|row| row.label.as_deref())),
        optional_texts(rows.iter().map(|row| row.emotion.as_deref())),
        stated::column(rows.iter().map(|row| &row.values), stated_names),
        numbers::<UInt64Type>(rows.iter().map(|row| row.samples)),
        numbers::<UInt32Type>(rows.iter().map(|row| row.rate)),
        numbers::<UInt16Type>(rows.iter().map(|row| row.channels)),
        texts(digests.iter().map(String::as_str)),
        optional_texts(rows.iter().map(|row| row.transcript.as_deref())),
        optional_texts(rows.iter().map(|row| row.style.as_deref())),
    ];
    let metadata: Vec<_> = rows.iter().map(|row| &row.metadata).collect();
    columns.extend(further::columns(&metadata, further));
    columns
}

pub(crate) fn utterances(columns: &Columns, stated_names: &[String]) -> Result<Vec<Utterance>, TableError> {
    let id = columns.text("utterance")?;
    let corpus = columns.text("corpus")?;
    let speaker = columns.text("speaker")?;
    let sexes = columns.optional_text("sex")?;
    let text = columns.optional_text("text")?;
    let intensity = columns.optional_text("intensity")?;
    let session = columns.optional_text("session")?;
    let part = columns.optional_text("part")?;
    let label = columns.optional_text("label")?;
    let emotion = columns.optional_text("emotion")?;
    let values = stated::Reader::new(columns, stated_names)?;
    let samples = columns.number::<UInt64Type>("samples")?;
    let rate = columns.number::<UInt32Type>("rate")?;
    let channels = columns.number::<UInt16Type>("channels")?;
    let audio = columns.text("audio")?;
    let transcript = columns.optional_text("transcript")?;
    let style = columns.optional_text("style")?;
    let metadata = further::Reader::new(columns)?;
    let utterance = |row| {
        Ok(Utterance {
            id: id.value(row).to_owned(),
            corpus: corpus.value(row).to_owned(),
            speaker: speaker.value(row).to_owned(),
            sex: sex(sexes.value(row))?,
            text: text.owned(row),
            transcript: transcript.owned(row),
            intensity: intensity.owned(row),
            style: style.owned(row),
            session: session.owned(row),
            part: part.value(row).map(role).transpose()?,
            label: label.owned(row),
            emotion: emotion.owned(row),
            values: values.values(row)?,
            metadata: metadata.metadata(row),
            samples: samples.value(row),
            rate: rate.value(row),
            channels: channels.value(row),
            audio: audio
                .value(row)
                .parse()
                .map_err(|error| TableError::Malformed(format!("column `audio`: {error}")))?,
        })
    };
    columns.rows().map(utterance).collect()
}
