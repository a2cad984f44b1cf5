//! `states`: frames of a network's states, one row an utterance, each with as many frames as it has.
//!
//! They are what is clustered: millions of frames of some hundred values, gigabytes of them. So a writer chooses their
//! [`Precision`], a reader leaves them where they lie and lends them out as `f32` a run of frames at a time.

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

/// How a table holds its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// IEEE 754 half precision, half the room. A value is rounded to the nearest (to even where two are): by up to 2⁻¹¹ of
    /// itself, or by 2⁻²⁵ where it is below 2⁻¹⁴. Values from 65 520 up, which would round to infinity, are refused.
    F16,
    /// As they are.
    F32,
}

/// A table of states being written. Without [`StateWriter::finish`] the file is no table.
pub struct StateWriter {
    writer: Writer,
    width: usize,
    precision: Precision,
    utterances: Vec<String>,
    ends: Vec<i64>,
    values: Vec<f32>,
}

impl StateWriter {
    /// Begins the file `path`, for frames of `width` values.
    ///
    /// # Errors
    /// When it cannot be written, or `width` is 0.
    pub fn create(path: &Path, width: usize, precision: Precision) -> Result<Self, TableError> {
        if width == 0 {
            return Err(TableError::Unwritable("frames of states have no values: the width is 0".into()));
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

    /// Adds the states of an utterance, `[n_frames, width]` row by row. It may have no frames.
    ///
    /// # Errors
    /// When they are no whole frames, a value is not finite or is too large for the precision, or they cannot be written.
    pub fn push(&mut self, utterance: &str, frames: &[f32]) -> Result<(), TableError> {
        let width = self.width;
        if !frames.len().is_multiple_of(width) {
            let found = frames.len();
            let why = format!("`{utterance}` has {found} values, which are no whole frames of {width}");
            return Err(TableError::Unwritable(why));
        }
        if let Some(at) = frames.iter().position(|value| !self.precision.holds(*value)) {
            let (value, frame) = (frames[at], at / width);
            let why = match value.is_finite() {
                true => "which half precision takes for infinite: its largest is 65504; write them as f32",
                false => "which is not finite: look at the network and at the utterance's audio",
            };
            return Err(TableError::Unwritable(format!(
                "`{utterance}` holds {value} in frame {frame}, {why}"
            )));
        }
        self.utterances.push(utterance.to_owned());
        self.values.extend_from_slice(frames);
        self.ends.push(self.values.len() as i64);
        if self.utterances.len() == BATCH_ROWS { self.flush() } else { Ok(()) }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When it cannot be written.
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

/// A table of states, read where it lies.
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
    /// Opens it; reads next to nothing.
    ///
    /// # Errors
    /// When it is no table of states.
    pub fn open(file: TableFile) -> Result<Self, TableError> {
        file.expect_kind(KIND)?;
        let width = file.required_json("width")?;
        if width == 0 {
            return Err(TableError::Malformed("metadata `width` is 0".into()));
        }
        let precision = Precision::of(&file)?;
        Ok(Self { width, precision, rows: Lazy::open(file)? })
    }

    /// How many values a frame has.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// How the table holds its values.
    #[must_use]
    pub const fn precision(&self) -> Precision {
        self.precision
    }

    /// How many utterances there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The utterance of row `index`.
    ///
    /// # Errors
    /// When the row is damaged.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn utterance(&self, index: usize) -> Result<&str, TableError> {
        let (batch, row) = self.row(index)?;
        Ok(batch.utterances.value(row))
    }

    /// How many frames row `index` has. The bytes of its whole record batch are checked when first asked.
    ///
    /// # Errors
    /// When the row is damaged.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn n_frames(&self, index: usize) -> Result<usize, TableError> {
        let (batch, row) = self.row(index)?;
        Ok(batch.n_frames.value(row) as usize)
    }

    /// Puts some frames of row `index` into `into`, `[frames, width]` row by row.
    ///
    /// # Errors
    /// When the row is damaged, or a value is not finite.
    ///
    /// # Panics
    /// When there is no such row, it has no such frames, or `into` is not of their size.
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
        Err(TableError::Malformed(format!("`{utterance}` holds {} in frame {frame}", into[at])))
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
                let why = format!("{values} values where there are to be {said} frames of {width}");
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
                .ok_or_else(|| TableError::Malformed("column `frames` lacks some of its values".into()))?,
        })
    }
}

impl Precision {
    /// That of a table's column.
    fn of(file: &TableFile) -> Result<Self, TableError> {
        let column = file.schema().field_with_name("frames").ok().map(Field::data_type);
        let of = |precision: &Self| column == Some(&DataType::LargeList(Arc::new(precision.item())));
        let precision = [Self::F16, Self::F32].into_iter().find(of);
        precision
            .ok_or_else(|| TableError::Malformed("column `frames` does not hold lists of f16 or f32".into()))
    }

    fn item(self) -> Field {
        let item = match self {
            Self::F16 => DataType::Float16,
            Self::F32 => DataType::Float32,
        };
        required("item", item)
    }

    /// Whether a value is finite and stays so.
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

/// Halfway between the largest number of half precision and the one that would follow: from here up, numbers round to
/// infinity.
const F16_OVERFLOW: f32 = 65_520.0;

/// The items of a list, if none is missing.
fn full<T: ArrowPrimitiveType>(items: &ArrayRef) -> Option<PrimitiveArray<T>> {
    let items = items.as_any().downcast_ref::<PrimitiveArray<T>>()?;
    (items.null_count() == 0).then(|| items.clone())
}
