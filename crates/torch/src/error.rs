//! Torch's errors, without their C++ backtraces.

use tch::TchError;

/// Something libtorch refused to do, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("libtorch: {0}")]
pub struct TorchError(pub(crate) String);

impl From<TchError> for TorchError {
    fn from(error: TchError) -> Self {
        Self(match error {
            TchError::Torch(message) => first_line(&message).to_owned(),
            other => first_line(&other.to_string()).to_owned(),
        })
    }
}

/// The line of a libtorch message that a person can read; the C++ backtrace follows it.
#[must_use]
pub fn first_line(message: &str) -> &str {
    message.lines().find(|line| !line.trim().is_empty()).unwrap_or(message).trim()
}

#[cfg(test)]
mod tests {
    use tch::{Kind, Tensor};

    use super::*;

    #[test]
    fn backtraces_stay_away() {
        let a = Tensor::zeros([2, 3], (Kind::Float, tch::Device::Cpu));
        let error = TorchError::from(a.f_matmul(&a).unwrap_err()).to_string();
        assert!(error.starts_with("libtorch: mat1 and mat2 shapes cannot be multiplied"), "{error}");
        assert_eq!(error.lines().count(), 1);
    }
}
