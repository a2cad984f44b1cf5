//! `waveforms`: mono audio of any length, one row per utterance and copy.

use std::path::Path;
use std::sync::Arc;

use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, Float32Array, Int32Array, LargeListArray, StringArray};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field};

use crate::columns::{Columns, numbers, required, texts};
use crate::lazy::{BATCH_ROWS, BATCH_ROWS_KEY, Lazy};
use crate::writer::{Writer, schema};
use crate::{TableError, TableFile};

/// The kind of these tables.
pub const KIND: &str = "waveforms";

/// A writer of a table of waveforms. The file is incomplete until [`WaveformWriter::finish`] is called.
pub struct WaveformWriter {
    writer: Writer,
    utterances: Vec<String>,
    copies: Vec<i32>,
    ends: Vec<i64>,
    samples: Vec<f32>,
}

impl WaveformWriter {
    /// Creates the file `path` for audio of `rate` Hz.
    ///
    /// # Errors
    /// Fails if the file cannot be written.
    pub fn create(path: &Path, rate: u32) -> Result<Self, TableError> {
        let fields = vec![
            required("utterance", DataType::Utf8),
            required("copy", DataType::Int32),
            required("n_frames", DataType::Int64),
            required("frames", DataType::LargeList(Arc::new(item()))),
        ];
        let metadata =
            [("width", "1".to_owned()), ("rate", rate.to_string()), (BATCH_ROWS_KEY, BATCH_ROWS.to_string())];
        let writer = Writer::create(path, &schema(KIND, fields, &metadata))?;
        Ok(Self { writer, utterances: vec![], copies: vec![], ends: vec![0], samples: vec![] })
    }

    /// Appends a waveform. Copy 0 is the recording itself; copies from 1 on are augmented.
    ///
    /// # Errors
    /// Fails if it cannot be written.
    pub fn push(&mut self, utterance: &str, copy: i32, samples: &[f32]) -> Result<(), TableError> {
        self.utterances.push(utterance.to_owned());
        self.copies.push(copy);
        self.samples.extend_from_slice(samples);
        self.ends.push(self.samples.len() as i64);
        if self.utterances.len() == BATCH_ROWS { self.flush() } else { Ok(()) }
    }

    /// Completes the file.
    ///
    /// # Errors
    /// Fails if the file cannot be written.
    pub fn finish(mut self) -> Result<(), TableError> {
        if !self.utterances.is_empty() {
            self.flush()?;
        }
        self.writer.finish()
    }

    fn flush(&mut self) -> Result<(), TableError> {
        let ends = std::mem::replace(&mut self.ends, vec![0]);
        let lengths = numbers::<Int64Type>(ends.windows(2).map(|pair| pair[1] - pair[0]));
        let samples = Float32Array::from(std::mem::take(&mut self.samples));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
        let columns = vec![
            texts(self.utterances.iter().map(String::as_str)),
            numbers::<Int32Type>(self.copies.drain(..)),
            lengths,
            Arc::new(LargeListArray::new(Arc::new(item()), offsets, Arc::new(samples), None)),
        ];
        self.utterances.clear();
        self.writer.push(columns)
    }
}

/// A memory-mapped table of waveforms.
#[derive(Debug)]
pub struct Waveforms {
    rate: u32,
    rows: Lazy<Batch>,
}

#[derive(Debug)]
struct Batch {
    utterances: StringArray,
    copies: Int32Array,
    frames: LargeListArray,
    samples: Float32Array,
}

impl Waveforms {
    /// Opens the table; reads only its metadata.
    ///
    /// # Errors
    /// Fails if the table is of another kind.
    pub fn open(file: TableFile) -> Result<Self, TableError> {
        file.expect_kind(KIND)?;
        let rate = file.required_json("rate")?;
        Ok(Self { rate, rows: Lazy::open(file)? })
    }

    /// Returns the sampling rate in Hz.
    #[must_use]
    pub const fn rate(&self) -> u32 {
        self.rate
    }

    /// Returns the number of waveforms.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether there are no waveforms.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the id of the utterance of row `index`.
    ///
    /// # Errors
    /// Fails if the row is damaged.
    ///
    /// # Panics
    /// Panics if there is no such row.
    pub fn utterance(&self, index: usize) -> Result<&str, TableError> {
        let (batch, row) = self.rows.row(index, Batch::decode)?;
        Ok(batch.utterances.value(row))
    }

    /// Returns the copy number of row `index`: 0 for the recording itself.
    ///
    /// # Errors
    /// Fails if the row is damaged.
    ///
    /// # Panics
    /// Panics if there is no such row.
    pub fn copy(&self, index: usize) -> Result<i32, TableError> {
        let (batch, row) = self.rows.row(index, Batch::decode)?;
        Ok(batch.copies.value(row))
    }

    /// Returns the samples of row `index`.
    ///
    /// # Errors
    /// Fails if the row is damaged.
    ///
    /// # Panics
    /// Panics if there is no such row.
    pub fn samples(&self, index: usize) -> Result<&[f32], TableError> {
        let (batch, row) = self.rows.row(index, Batch::decode)?;
        let ends = batch.frames.value_offsets();
        Ok(&batch.samples.values()[ends[row] as usize..ends[row + 1] as usize])
    }
}

impl Batch {
    fn decode(columns: &Columns) -> Result<Self, TableError> {
        let frames = columns.full::<LargeListArray>("frames")?;
        let samples = frames.values().as_any().downcast_ref::<Float32Array>();
        let Some(samples) = samples.filter(|samples| samples.null_count() == 0) else {
            return Err(TableError::Malformed("column `frames` contains values that are not f32".into()));
        };
        Ok(Self {
            utterances: columns.text("utterance")?.clone(),
            copies: columns.number::<Int32Type>("copy")?.clone(),
            frames: frames.clone(),
            samples: samples.clone(),
        })
    }
}

fn item() -> Field {
    required("item", DataType::Float32)
}
