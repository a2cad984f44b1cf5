//! Errors of reading and writing checkpoints.

use std::io;
use std::path::{Path, PathBuf};

use affekt_pickle::PickleError;
use safetensors::SafeTensorError;

use affekt_spec::encoder::ConfigError;

/// An error of reading or writing a checkpoint; each names the file.
#[derive(Debug, thiserror::Error)]
pub enum EncoderError {
    /// A file operation failed.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        cause: io::Error,
    },
    /// Neither a file nor a folder of a supported format.
    #[error("{}: {why}", path.display())]
    NoCheckpoint {
        /// The file or folder.
        path: PathBuf,
        /// What is missing, and what was expected.
        why: String,
    },
    /// Invalid JSON, or unexpected contents.
    #[error("{}: {why}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The cause.
        why: String,
    },
    /// Unsupported settings.
    #[error("{}: {cause}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The cause.
        cause: ConfigError,
    },
    /// Settings of fairseq that are missing or invalid.
    #[error("{}: {why}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// The setting, and what was expected.
        why: String,
    },
    /// A PyTorch file that is damaged or contains more than data.
    #[error("{}: {cause}", path.display())]
    Pickle {
        /// The file.
        path: PathBuf,
        /// The cause.
        cause: PickleError,
    },
    /// A damaged safetensors file.
    #[error("{}: damaged safetensors file: {cause}", path.display())]
    Safetensors {
        /// The file.
        path: PathBuf,
        /// The cause.
        cause: SafeTensorError,
    },
    /// A name that leads out of the folder.
    #[error(
        "{}: `{name}` is outside the folder: all files of a checkpoint must be in one folder", path.display()
    )]
    Outside {
        /// The file that has the name: an index, or the folder itself.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// A setting that neither the file nor the overrides determine.
    #[error(
        "{}: `{field}` cannot be inferred from this file ({why}): set it under `config`", path.display()
    )]
    Undetermined {
        /// The file.
        path: PathBuf,
        /// The field of transformers' `config.json`.
        field: &'static str,
        /// The reason.
        why: String,
    },
    /// A setting whose value in the file differs from that of the experiment.
    #[error("{}: `{field}` is {file} in the file, but {given} under `config`", path.display())]
    Contradiction {
        /// The file.
        path: PathBuf,
        /// The field.
        field: String,
        /// The value in the file.
        file: String,
        /// The value in the experiment.
        given: String,
    },
    /// Tensors that the configuration requires are missing or of another shape.
    #[error("{}: the tensors do not match the settings: {}", path.display(), listed(wrong))]
    Tensors {
        /// The file.
        path: PathBuf,
        /// The mistakes, one per tensor.
        wrong: Vec<String>,
    },
    /// Two tensors with the same canonical name and different elements.
    #[error("{}: `{first}` and `{second}` are both `{name}`, but differ", path.display())]
    Conflict {
        /// The file.
        path: PathBuf,
        /// The name of one of them.
        first: String,
        /// The name of the other.
        second: String,
        /// The canonical name.
        name: String,
    },
    /// A weight that is not finite.
    #[error("`{name}` has values that are not finite: the checkpoint it comes from is damaged")]
    NotFinite {
        /// The canonical name of the tensor.
        name: String,
    },
}

impl EncoderError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Io { path, cause }
    }
}

/// Formats the first few mistakes: with a wrong configuration nearly every tensor has one.
fn listed(wrong: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = wrong.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("; ");
    match wrong.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{shown}; and {more} more"),
        _ => shown,
    }
}
