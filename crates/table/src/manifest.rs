//! `manifest`: the utterances of a corpus.
//!
//! What a corpus states in numbers is one list a row, in the order of the names in the metadata `stated`, with gaps
//! where a row lacks one: names in every row, as a map would have them, would be most of the file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use affekt_domain::Utterance;
use arrow_array::builder::{Float32Builder, ListBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, Float32Array, ListArray};
use arrow_schema::{DataType, Field};

use crate::columns::{
    Columns, json_list, numbers, optional, optional_texts, read_rows, required, role, sex, texts,
};
use crate::writer::{schema, write_rows};
use crate::{TableError, TableFile};

/// The kind of these tables.
pub const KIND: &str = "manifest";

/// Writes a manifest to the file `path`.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, utterances: &[Utterance]) -> Result<(), TableError> {
    let stated = stated_names(utterances);
    write_rows(path, &schema(KIND, fields(), &[metadata(&stated)]), utterances, |rows| {
        Ok(columns(&rows.iter().collect::<Vec<_>>(), &stated))
    })
}

/// Reads a manifest.
///
/// # Errors
/// When it is none, or damaged.
pub fn read(file: &TableFile) -> Result<Vec<Utterance>, TableError> {
    file.expect_kind(KIND)?;
    let stated = read_stated_names(file)?;
    read_rows(file, KIND, |columns| utterances(columns, &stated))
}

/// The names of all that these utterances state in numbers, in order.
pub(crate) fn stated_names<'a>(utterances: impl IntoIterator<Item = &'a Utterance>) -> Vec<String> {
    let names: BTreeSet<&String> =
        utterances.into_iter().flat_map(|utterance| utterance.values.keys()).collect();
    names.into_iter().cloned().collect()
}

/// These names as a table of these columns has them.
pub(crate) fn metadata(stated: &[String]) -> (&'static str, String) {
    ("stated", json_list(stated))
}

/// They, read.
pub(crate) fn read_stated_names(file: &TableFile) -> Result<Vec<String>, TableError> {
    file.required_json("stated")
}

/// The columns of a manifest, which open a table of examples too.
pub(crate) fn fields() -> Vec<Field> {
    vec![
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
        optional("stated", DataType::List(Arc::new(number()))),
        required("samples", DataType::UInt64),
        required("rate", DataType::UInt32),
        required("channels", DataType::UInt16),
        required("audio", DataType::Utf8),
    ]
}

pub(crate) fn columns(rows: &[&Utterance], stated: &[String]) -> Vec<ArrayRef> {
    let digests: Vec<String> = rows.iter().map(|row| row.audio.to_string()).collect();
    vec![
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
        stated_values(rows, stated),
        numbers::<UInt64Type>(rows.iter().map(|row| row.samples)),
        numbers::<UInt32Type>(rows.iter().map(|row| row.rate)),
        numbers::<UInt16Type>(rows.iter().map(|row| row.channels)),
        texts(digests.iter().map(String::as_str)),
    ]
}

/// A number that a corpus may leave out of a row.
fn number() -> Field {
    optional("item", DataType::Float32)
}

fn stated_values(rows: &[&Utterance], stated: &[String]) -> ArrayRef {
    let mut lists = ListBuilder::new(Float32Builder::new()).with_field(number());
    for row in rows {
        if !row.values.is_empty() {
            stated.iter().for_each(|name| lists.values().append_option(row.values.get(name).copied()));
        }
        lists.append(!row.values.is_empty());
    }
    Arc::new(lists.finish())
}

/// What row `row` states.
fn read_values(
    lists: &ListArray,
    row: usize,
    stated: &[String],
) -> Result<BTreeMap<String, f32>, TableError> {
    if lists.is_null(row) {
        return Ok(BTreeMap::new());
    }
    let wrong = |why: &str| TableError::Malformed(format!("column `stated` {why}"));
    let values = lists.value(row);
    let values: &Float32Array =
        values.as_primitive_opt::<Float32Type>().ok_or_else(|| wrong("does not hold f32"))?;
    if values.len() != stated.len() {
        return Err(wrong(&format!("has {} values for {} names", values.len(), stated.len())));
    }
    let named = values.iter().zip(stated).filter_map(|(value, name)| Some((name.clone(), value?)));
    let named: BTreeMap<String, f32> = named.collect();
    match named.values().find(|value| !value.is_finite()) {
        Some(value) => Err(wrong(&format!("holds {value}"))),
        None => Ok(named),
    }
}

pub(crate) fn utterances(columns: &Columns, stated: &[String]) -> Result<Vec<Utterance>, TableError> {
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
    let values = columns.any::<ListArray>("stated")?;
    let samples = columns.number::<UInt64Type>("samples")?;
    let rate = columns.number::<UInt32Type>("rate")?;
    let channels = columns.number::<UInt16Type>("channels")?;
    let audio = columns.text("audio")?;
    let utterance = |row| {
        Ok(Utterance {
            id: id.value(row).to_owned(),
            corpus: corpus.value(row).to_owned(),
            speaker: speaker.value(row).to_owned(),
            sex: sex(sexes.value(row))?,
            text: text.owned(row),
            intensity: intensity.owned(row),
            session: session.owned(row),
            part: part.value(row).map(role).transpose()?,
            label: label.owned(row),
            emotion: emotion.owned(row),
            values: read_values(values, row, stated)?,
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
