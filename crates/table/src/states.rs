//! `states`: a network's hidden states, one row per utterance, with any number of frames each.
//!
//! They are the input of clustering: millions of frames of some hundred values, several GiB in all. The writer chooses
//! their [`Precision`]; the reader leaves them in the mapped file and converts a range of frames to `f32` at a time.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::{ArrowPrimitiveType, Float16Type, Float32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, Float16Array, Float32Array, Int64Array, LargeListArray, PrimitiveArray, StringArray,
};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field};
use half::f16;
use half::slice::HalfFloatSliceExt;
use half::vec::HalfFloatVecExt;

use crate::columns::{Columns, numbers, required, texts};
use crate::lazy::{BATCH_ROWS, BATCH_ROWS_KEY, Lazy};
use crate::writer::{Writer, schema};
use crate::{TableError, TableFile};

/// The kind of these tables.
pub const KIND: &str = "states";

/// The numeric format of stored values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// IEEE 754 half precision, half the size. Values are rounded to the nearest (ties to even), with a relative
    /// error of up to 2⁻¹¹, or an absolute one of 2⁻²⁵ below 2⁻¹⁴. Values from 65 520 up, which would round to
    /// infinity, are errors.
    F16,
    /// Single precision, without rounding.
    F32,
}

/// A writer of a table of states. The file is incomplete until [`StateWriter::finish`] is called.
pub struct StateWriter {
    writer: Writer,
    width: usize,
    precision: Precision,
    utterances: Vec<String>,
    ends: Vec<i64>,
    values: Vec<f32>,
}

impl StateWriter {
    /// Creates the file `path` for frames of `width` values.
    ///
    /// # Errors
    /// Fails if the file cannot be written or `width` is 0.
    pub fn create(path: &Path, width: usize, precision: Precision) -> Result<Self, TableError> {
        if width == 0 {
            return Err(TableError::InvalidRows("the frame width is 0".into()));
        }
        let fields = vec![
            required("utterance", DataType::Utf8),
            required("n_frames", DataType::Int64),
            required("frames", DataType::LargeList(Arc::new(precision.item()))),
        ];
        let metadata = [("width", width.to_string()), (BATCH_ROWS_KEY, BATCH_ROWS.to_string())];
        let writer = Writer::create(path, &schema(KIND, fields, &metadata))?;
        Ok(Self { writer, width, precision, utterances: vec![], ends: vec![0], values: vec![] })
    }

    /// Appends the states of an utterance, `[n_frames, width]` row-major. There may be no frames.
    ///
    /// # Errors
    /// Fails if the number of values is not a multiple of `width`, a value is not finite or too large for the
    /// precision, or the row cannot be written.
    pub fn push(&mut self, utterance: &str, frames: &[f32]) -> Result<(), TableError> {
        let width = self.width;
        if !frames.len().is_multiple_of(width) {
            let found = frames.len();
            let why = format!("`{utterance}` has {found} values, not a multiple of the frame width {width}");
            return Err(TableError::InvalidRows(why));
        }
        if let Some(at) = frames.iter().position(|value| !self.precision.holds(*value)) {
            let (value, frame) = (frames[at], at / width);
            let why = match value.is_finite() {
                true => "which overflows half precision (at most 65504): write f32 instead",
                false => "which is not finite: check the network and the audio of the utterance",
            };
            return Err(TableError::InvalidRows(format!(
                "`{utterance}` has {value} in frame {frame}, {why}"
            )));
        }
        self.utterances.push(utterance.to_owned());
        self.values.extend_from_slice(frames);
        self.ends.push(self.values.len() as i64);
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
        let width = self.width as i64;
        let n_frames = numbers::<Int64Type>(ends.windows(2).map(|pair| (pair[1] - pair[0]) / width));
        let values = self.precision.array(std::mem::take(&mut self.values));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
        let columns = vec![
            texts(self.utterances.iter().map(String::as_str)),
            n_frames,
            Arc::new(LargeListArray::new(Arc::new(self.precision.item()), offsets, values, None)),
        ];
        self.utterances.clear();
        self.writer.push(columns)
    }
}

/// A memory-mapped table of states.
#[derive(Debug)]
pub struct States {
    width: usize,
    precision: Precision,
    rows: Lazy<Batch>,
}

#[derive(Debug)]
struct Batch {
    utterances: StringArray,
    n_frames: Int64Array,
    frames: LargeListArray,
    values: Values,
}

#[derive(Debug)]
enum Values {
    F16(Float16Array),
    F32(Float32Array),
}

impl States {
    /// Opens the table; reads only its metadata.
    ///
    /// # Errors
    /// Fails if the table is of another kind.
    pub fn open(file: TableFile) -> Result<Self, TableError> {
        file.expect_kind(KIND)?;
        let width = file.required_json("width")?;
        if width == 0 {
            return Err(TableError::Malformed("metadata `width` is 0".into()));
        }
        let precision = Precision::of(&file)?;
        Ok(Self { width, precision, rows: Lazy::open(file)? })
    }

    /// Returns the number of values per frame.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Returns the numeric format of stored values.
    #[must_use]
    pub const fn precision(&self) -> Precision {
        self.precision
    }

    /// Returns the number of utterances.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether there are no utterances.
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
        let (batch, row) = self.row(index)?;
        Ok(batch.utterances.value(row))
    }

    /// Returns the number of frames of row `index`. Verifies the bytes of its whole record batch on first access.
    ///
    /// # Errors
    /// Fails if the row is damaged.
    ///
    /// # Panics
    /// Panics if there is no such row.
    pub fn n_frames(&self, index: usize) -> Result<usize, TableError> {
        let (batch, row) = self.row(index)?;
        Ok(batch.n_frames.value(row) as usize)
    }

    /// Copies a range of frames of row `index` to `into`, `[frames, width]` row-major.
    ///
    /// # Errors
    /// Fails if the row is damaged or a value is not finite.
    ///
    /// # Panics
    /// Panics if the row or the frames do not exist, or `into` has another size.
    pub fn read(&self, index: usize, frames: Range<usize>, into: &mut [f32]) -> Result<(), TableError> {
        let (batch, row) = self.row(index)?;
        let n_frames = batch.n_frames.value(row) as usize;
        assert!(frames.end <= n_frames, "frames {frames:?} of an utterance with {n_frames}");
        let start = batch.frames.value_offsets()[row] as usize;
        let range = start + frames.start * self.width..start + frames.end * self.width;
        match &batch.values {
            Values::F16(values) => values.values()[range].convert_to_f32_slice(into),
            Values::F32(values) => into.copy_from_slice(&values.values()[range]),
        }
        if into.iter().fold(true, |finite, value| finite & value.is_finite()) {
            return Ok(());
        }
        let at = into.iter().take_while(|value| value.is_finite()).count();
        let (utterance, frame) = (batch.utterances.value(row), frames.start + at / self.width);
        Err(TableError::Malformed(format!("`{utterance}` has {} in frame {frame}", into[at])))
    }

    fn row(&self, index: usize) -> Result<(&Batch, usize), TableError> {
        self.rows.row(index, |columns| Batch::decode(columns, self.precision, self.width))
    }
}

impl Batch {
    fn decode(columns: &Columns, precision: Precision, width: usize) -> Result<Self, TableError> {
        let frames = columns.full::<LargeListArray>("frames")?;
        let n_frames = columns.number::<Int64Type>("n_frames")?;
        for (row, ends) in frames.value_offsets().windows(2).enumerate() {
            let (values, said) = ((ends[1] - ends[0]) as usize, n_frames.value(row));
            if usize::try_from(said).ok().and_then(|said| said.checked_mul(width)) != Some(values) {
                let why = format!("{values} values for {said} frames of {width}");
                return Err(TableError::Malformed(why));
            }
        }
        let values = match precision {
            Precision::F16 => full::<Float16Type>(frames.values()).map(Values::F16),
            Precision::F32 => full::<Float32Type>(frames.values()).map(Values::F32),
        };
        Ok(Self {
            utterances: columns.text("utterance")?.clone(),
            n_frames: n_frames.clone(),
            frames: frames.clone(),
            values: values
                .ok_or_else(|| TableError::Malformed("column `frames` has missing values".into()))?,
        })
    }
}

impl Precision {
    /// Returns the format of a table's column.
    fn of(file: &TableFile) -> Result<Self, TableError> {
        let column = file.schema().field_with_name("frames").ok().map(Field::data_type);
        let of = |precision: &Self| column == Some(&DataType::LargeList(Arc::new(precision.item())));
        let precision = [Self::F16, Self::F32].into_iter().find(of);
        precision.ok_or_else(|| {
            TableError::Malformed("column `frames` does not contain lists of f16 or f32".into())
        })
    }

    fn item(self) -> Field {
        let item = match self {
            Self::F16 => DataType::Float16,
            Self::F32 => DataType::Float32,
        };
        required("item", item)
    }

    /// Returns whether a value is finite in this format.
    fn holds(self, value: f32) -> bool {
        match self {
            Self::F16 => value.abs() < F16_OVERFLOW,
            Self::F32 => value.is_finite(),
        }
    }

    fn array(self, values: Vec<f32>) -> ArrayRef {
        match self {
            Self::F16 => Arc::new(Float16Array::from(Vec::<f16>::from_f32_slice(&values))),
            Self::F32 => Arc::new(Float32Array::from(values)),
        }
    }
}

/// The midpoint between the largest number of half precision and the next one in sequence: numbers from here up round
/// to infinity.
const F16_OVERFLOW: f32 = 65_520.0;

/// Returns the items of a list if none is null.
fn full<T: ArrowPrimitiveType>(items: &ArrayRef) -> Option<PrimitiveArray<T>> {
    let items = items.as_any().downcast_ref::<PrimitiveArray<T>>()?;
    (items.null_count() == 0).then(|| items.clone())
}
