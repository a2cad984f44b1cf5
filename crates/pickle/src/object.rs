//! The objects of a file.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::{Class, PickleError, PtFile};

/// The index of an object in its file. Objects may be shared and may contain themselves.
pub type Id = usize;

/// An object, with its parts by index.
#[derive(Debug, Clone)]
pub enum Object {
    None,
    Bool(bool),
    Int(i64),
    /// An integer of more than 64 bits, little-endian two's complement.
    Long(Vec<u8>),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Set(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Class(Class),
    Storage(Storage),
    Tensor(TensorObject),
    Record {
        class: String,
        state: Option<Id>,
    },
}

/// A storage: tensor elements in the file, identified by a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Storage {
    pub key: Arc<str>,
    pub dtype: Dtype,
    pub elements: usize,
}

/// A strided view of a storage, in elements.
#[derive(Debug, Clone)]
pub struct TensorObject {
    pub storage: Storage,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

/// The element type of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dtype {
    /// 64-bit float.
    Float64,
    /// 32-bit float.
    Float32,
    /// IEEE half precision.
    Float16,
    /// bfloat16.
    BFloat16,
    /// 64-bit integer.
    Int64,
    /// 32-bit integer.
    Int32,
    /// 16-bit integer.
    Int16,
    /// 8-bit integer.
    Int8,
    /// Unsigned 8-bit integer.
    Uint8,
    /// Boolean, one byte each.
    Bool,
}

impl Dtype {
    /// Returns the size of an element in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Float64 | Self::Int64 => 8,
            Self::Float32 | Self::Int32 => 4,
            Self::Float16 | Self::BFloat16 | Self::Int16 => 2,
            Self::Int8 | Self::Uint8 | Self::Bool => 1,
        }
    }

    /// Returns the type of a PyTorch storage class, such as `Float` of `FloatStorage`.
    pub(crate) fn of_storage(element: &str) -> Option<Self> {
        Some(match element {
            "Double" => Self::Float64,
            "Float" => Self::Float32,
            "Half" => Self::Float16,
            "BFloat16" => Self::BFloat16,
            "Long" => Self::Int64,
            "Int" => Self::Int32,
            "Short" => Self::Int16,
            "Char" => Self::Int8,
            "Byte" => Self::Uint8,
            "Bool" => Self::Bool,
            _ => return None,
        })
    }

    /// Returns the type of a PyTorch name, such as `float32`.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "float64" => Self::Float64,
            "float32" => Self::Float32,
            "float16" => Self::Float16,
            "bfloat16" => Self::BFloat16,
            "int64" => Self::Int64,
            "int32" => Self::Int32,
            "int16" => Self::Int16,
            "int8" => Self::Int8,
            "uint8" => Self::Uint8,
            "bool" => Self::Bool,
            _ => return None,
        })
    }
}

/// A reference to an object of a file.
#[derive(Clone, Copy)]
pub struct Value<'f> {
    pub(crate) file: &'f PtFile<'f>,
    pub(crate) id: Id,
}

impl<'f> Value<'f> {
    pub(crate) fn object(self) -> &'f Object {
        &self.file.objects[self.id]
    }

    fn at(self, id: Id) -> Self {
        Self { file: self.file, id }
    }

    /// Describes the kind of the object, with its article: `a dictionary`.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self.object() {
            Object::None => "nothing",
            Object::Bool(_) => "a boolean",
            Object::Int(_) | Object::Long(_) => "an integer",
            Object::Float(_) => "a number",
            Object::Text(_) => "a string",
            Object::Bytes(_) => "bytes",
            Object::List(_) => "a list",
            Object::Tuple(_) => "a tuple",
            Object::Set(_) => "a set",
            Object::Dict(_) => "a dictionary",
            Object::Class(_) => "a class",
            Object::Storage(_) => "a storage",
            Object::Tensor(_) => "a tensor",
            Object::Record { .. } => "settings",
        }
    }

    /// Returns whether this is Python's `None`.
    #[must_use]
    pub fn is_none(self) -> bool {
        matches!(self.object(), Object::None)
    }

    /// Returns the text, if this is a string.
    #[must_use]
    pub fn text(self) -> Option<&'f str> {
        match self.object() {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the value, if this is a boolean.
    #[must_use]
    pub fn bool(self) -> Option<bool> {
        match self.object() {
            Object::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    /// Returns the value, if this is an integer.
    #[must_use]
    pub fn integer(self) -> Option<i64> {
        match self.object() {
            Object::Int(integer) => Some(*integer),
            _ => None,
        }
    }

    /// Returns the value, if this is a number.
    #[must_use]
    pub fn number(self) -> Option<f64> {
        match self.object() {
            Object::Int(integer) => Some(*integer as f64),
            Object::Float(float) => Some(*float),
            _ => None,
        }
    }

    /// Returns the elements of a list, tuple or set.
    #[must_use]
    pub fn items(self) -> Option<Vec<Self>> {
        match self.object() {
            Object::List(items) | Object::Tuple(items) | Object::Set(items) => {
                Some(items.iter().map(|id| self.at(*id)).collect())
            }
            _ => None,
        }
    }

    /// Returns the entries of a dictionary, or of a record's dictionary, in order.
    #[must_use]
    pub fn entries(self) -> Option<Vec<(Self, Self)>> {
        match self.object() {
            Object::Dict(entries) => {
                Some(entries.iter().map(|(key, value)| (self.at(*key), self.at(*value))).collect())
            }
            Object::Record { state: Some(state), .. } if *state != self.id => {
                match &self.file.objects[*state] {
                    Object::Dict(_) => self.at(*state).entries(),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Returns the entry of a dictionary or record with this name; of several the last, as in Python.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Self> {
        self.entries()?.into_iter().rev().find(|(key, _)| key.text() == Some(name)).map(|(_, value)| value)
    }

    /// Returns the class name of a record: `argparse.Namespace`.
    #[must_use]
    pub fn class(self) -> Option<&'f str> {
        match self.object() {
            Object::Record { class, .. } => Some(class),
            _ => None,
        }
    }

    /// Returns the tensor, if this is one.
    #[must_use]
    pub fn tensor(self) -> Option<Tensor<'f>> {
        match self.object() {
            Object::Tensor(tensor) => Some(Tensor { file: self.file, tensor }),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.object())
    }
}

/// A reference to a tensor of a file.
#[derive(Clone, Copy)]
pub struct Tensor<'f> {
    file: &'f PtFile<'f>,
    tensor: &'f TensorObject,
}

impl<'f> Tensor<'f> {
    /// Returns the element type.
    #[must_use]
    pub const fn dtype(self) -> Dtype {
        self.tensor.storage.dtype
    }

    /// Returns the shape.
    #[must_use]
    pub fn shape(self) -> &'f [usize] {
        &self.tensor.shape
    }

    /// Returns the byte range of the elements in the file, if they are stored row-major.
    ///
    /// # Errors
    /// Fails like [`Tensor::bytes`].
    pub fn range(self) -> Result<Option<Range<usize>>, PickleError> {
        let Cow::Borrowed(bytes) = self.bytes()? else { return Ok(None) };
        if bytes.is_empty() {
            return Ok(Some(0..0));
        }
        let TensorObject { storage, offset, .. } = self.tensor;
        let start = self.file.range(storage)?.start + offset * storage.dtype.bytes();
        Ok(Some(start..start + bytes.len()))
    }

    /// Returns the elements, row-major and little-endian: borrowed from the file if they are stored so, otherwise
    /// copied.
    ///
    /// # Errors
    /// Fails if the tensor exceeds its storage, or the storage is not in the file.
    pub fn bytes(self) -> Result<Cow<'f, [u8]>, PickleError> {
        let TensorObject { storage, offset, shape, strides } = self.tensor;
        let elements = self.file.elements(storage)?;
        let size = storage.dtype.bytes();
        let overflow =
            || PickleError::Tensor(format!("shape {shape:?} with strides {strides:?} is too large"));
        let count =
            shape.iter().try_fold(1_usize, |count, side| count.checked_mul(*side)).ok_or_else(overflow)?;
        if count == 0 {
            return Ok(Cow::Borrowed(&[]));
        }
        // The last element decides, as all strides are positive.
        let last = shape
            .iter()
            .zip(strides)
            .try_fold(*offset, |last, (side, stride)| last.checked_add((side - 1).checked_mul(*stride)?));
        let last = last.ok_or_else(overflow)?;
        if last >= elements.len() / size {
            let held = elements.len() / size;
            let why = format!("shape {shape:?} from {offset} with strides {strides:?} over {held} elements");
            return Err(PickleError::Tensor(why));
        }
        if is_row_major(shape, strides) {
            return Ok(Cow::Borrowed(&elements[offset * size..(offset + count) * size]));
        }
        // Strides of 0 turn few bytes into many, which no checkpoint's weights do.
        if count > elements.len() / size {
            let why =
                format!("shape {shape:?} repeats the {} elements of its storage", elements.len() / size);
            return Err(PickleError::Tensor(why));
        }
        let mut bytes = Vec::with_capacity(count * size);
        let mut index = vec![0; shape.len()];
        loop {
            let at: usize = offset + index.iter().zip(strides).map(|(i, stride)| i * stride).sum::<usize>();
            bytes.extend_from_slice(&elements[at * size..(at + 1) * size]);
            let Some(axis) = (0..shape.len()).rev().find(|axis| index[*axis] + 1 < shape[*axis]) else {
                return Ok(Cow::Owned(bytes));
            };
            index[axis] += 1;
            index[axis + 1..].fill(0);
        }
    }
}

/// Returns whether elements are contiguous. Strides of axes of length one are ignored.
fn is_row_major(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    for (side, stride) in shape.iter().zip(strides).rev() {
        if *side != 1 && *stride != expected {
            return false;
        }
        expected *= side;
    }
    true
}
