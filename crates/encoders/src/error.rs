//! Why a checkpoint is not read or written.

use std::io;
use std::path::{Path, PathBuf};

use affekt_pickle::PickleError;
use safetensors::SafeTensorError;

use affekt_spec::encoder::ConfigError;

/// A checkpoint that cannot be read, is not wav2vec 2.0, or is not whole. Each names the file.
#[derive(Debug, thiserror::Error)]
pub enum EncoderError {
    /// A file cannot be opened or written.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Neither a file nor a folder of any format.
    #[error("{}: {why}", path.display())]
    NoCheckpoint {
        /// The file or folder.
        path: PathBuf,
        /// What is missing, and what was expected.
        why: String,
    },
    /// JSON that is none, or says something else than expected.
    #[error("{}: {why}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Settings that ask for what is not supported.
    #[error("{}: {cause}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What.
        cause: ConfigError,
    },
    /// Settings of fairseq that are not there or not understood.
    #[error("{}: {why}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// Which, and what was expected.
        why: String,
    },
    /// A PyTorch file that is damaged or wants to be more than data.
    #[error("{}: {cause}", path.display())]
    Pickle {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: PickleError,
    },
    /// A safetensors file that is damaged.
    #[error("{}: not a whole safetensors file: {cause}", path.display())]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: SafeTensorError,
    },
    /// A name that leads out of the folder.
    #[error(
        "{}: `{name}` leads out of the folder: a checkpoint's files lie beside each other", path.display()
    )]
    Outside {
        /// What names it: an index, or the folder itself.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// Something that the file cannot tell, and nobody said.
    #[error(
        "{}: `{field}` cannot be told from this file ({why}): say it under `config`", path.display()
    )]
    Unsaid {
        /// The file.
        path: PathBuf,
        /// The field of transformers' `config.json`.
        field: &'static str,
        /// Why not.
        why: String,
    },
    /// The file says one thing, the experiment another.
    #[error("{}: the file says that `{field}` is {file}, `config` that it is {said}", path.display())]
    Contradiction {
        /// The file.
        path: PathBuf,
        /// The field.
        field: String,
        /// What the file says.
        file: String,
        /// What was said.
        said: String,
    },
    /// Tensors that the configuration calls for are missing or of another shape.
    #[error("{}: not the encoder that its settings describe: {}", path.display(), listed(wrong))]
    Tensors {
        /// The file.
        path: PathBuf,
        /// What is wrong, tensor by tensor.
        wrong: Vec<String>,
    },
    /// Two tensors of one canonical name and different elements.
    #[error("{}: `{first}` and `{second}` are both `{name}`, but differ", path.display())]
    Conflict {
        /// The file.
        path: PathBuf,
        /// One of them.
        first: String,
        /// The other.
        second: String,
        /// The canonical name.
        name: String,
    },
    /// A weight that is no number.
    #[error("`{name}` holds values that are not finite: the checkpoint it comes from is damaged")]
    NotFinite {
        /// The tensor, by its canonical name.
        name: String,
    },
}

impl EncoderError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Io { path, cause }
    }
}

/// The first few: of a wrong configuration nearly every tensor disagrees.
fn listed(wrong: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = wrong.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("; ");
    match wrong.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{shown}; and {more} more"),
        _ => shown,
    }
}
