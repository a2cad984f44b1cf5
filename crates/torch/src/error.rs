//! Torch's errors, without their C++ backtraces.

use tch::TchError;

use crate::out_of_memory::was_out_of_memory;

/// Something libtorch refused to do, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("libtorch: {message}")]
pub struct TorchError {
    pub(crate) message: String,
    is_out_of_memory: bool,
}

impl TorchError {
    /// Returns what libtorch threw with such a message, of which the first line is kept.
    #[must_use]
    pub fn thrown(message: &str) -> Self {
        let message = first_line(message).to_owned();
        Self { is_out_of_memory: was_out_of_memory(&message), message }
    }

    /// Returns whether memory was used up, on whatever device: told by the exception's type, not by its text.
    #[must_use]
    pub const fn is_out_of_memory(&self) -> bool {
        self.is_out_of_memory
    }
}

impl From<TchError> for TorchError {
    fn from(error: TchError) -> Self {
        match error {
            TchError::Torch(message) => Self::thrown(&message),
            other => Self::thrown(&other.to_string()),
        }
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

    #[test]
    fn used_up_memory_is_told_by_type() {
        let too_much =
            || TorchError::from(Tensor::f_zeros([1 << 50], (Kind::Float, tch::Device::Cpu)).unwrap_err());
        let error = too_much();
        assert!(error.is_out_of_memory(), "{error}");
        assert!(error.to_string().starts_with("libtorch: CPU out of memory. Tried to allocate "), "{error}");
        // Thrown by libtorch itself, with a status that stands in the text of its own type: the name of a rounding mode here.
        let error = TorchError::from(
            Tensor::from(1.0)
                .f_div_tensor_mode(&Tensor::from(2.0), "CUBLAS_STATUS_ALLOC_FAILED")
                .unwrap_err(),
        );
        assert!(error.is_out_of_memory(), "{error}");
        // The same words from elsewhere are none, nor is a tensor that nobody could have.
        assert!(!TorchError::thrown("CUDA out of memory. Tried to allocate 20.00 MiB.").is_out_of_memory());
        let negative = Tensor::f_zeros([-1], (Kind::Float, tch::Device::Cpu)).unwrap_err();
        assert!(!TorchError::from(negative).is_out_of_memory());
    }
}
