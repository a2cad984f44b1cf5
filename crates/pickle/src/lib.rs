//! Reads PyTorch's `.pt`, `.pth` and `.bin` files without Python: tensors and plain data; nothing is ever executed.
//!
//! Such a file is a pickle, which is a program: it may name any function of any module and have it called. This
//! reader runs the instructions that build data and knows the *meaning* of a few names (an ordered dictionary, a
//! tensor over a storage: [`classes`](Class)). An unknown name is the error [`PickleError::Refused`], which includes
//! the name. No instruction calls anything.
//!
//! [`PtFile::parse`] takes the bytes of a file, in the zip format (PyTorch from 1.6) or the older one;
//! [`PtFile::root`] is the saved object as a [`Value`]. Tensors are views of the file's bytes.
//!
//! Formats: `torch/serialization.py` and Python's `pickletools`, protocols 0 to 5.

mod archive;
mod class;
mod cursor;
mod error;
mod machine;
mod object;

pub use archive::PtFile;
pub use class::Class;
pub use error::PickleError;
pub use object::{Dtype, Tensor, Value};
