//! PyTorch's `.pt`, `.pth` and `.bin` files without Python: tensors and plain data, and nothing is ever executed.
//!
//! Such a file is a pickle, which is a program: it may name any function of any module and have it called. This
//! reader runs the instructions that build data and knows what a handful of names *mean* (an ordered dictionary, a
//! tensor over a storage: [`classes`](Class)). A name it does not know ends the reading with
//! [`PickleError::Refused`], which says the name. There is nothing to call: no instruction leads to code.
//!
//! [`PtFile::parse`] takes the file's bytes, of the zip format (PyTorch from 1.6) or of the one before;
//! [`PtFile::root`] is what was saved, to be looked at as [`Value`]s. Tensors are views of the file's bytes.
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
