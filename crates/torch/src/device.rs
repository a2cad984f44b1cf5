//! Where tensors live and how many threads work on them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tch::{Cuda, Device};

use crate::shim;

/// The device a user asks for: `auto`, `cpu` or `cuda:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The first GPU where there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU with this number.
    Cuda(usize),
}

impl DeviceChoice {
    /// The device it means on this machine.
    ///
    /// # Errors
    /// When it names a GPU that is not there.
    pub fn resolve(self) -> Result<Device, DeviceError> {
        let gpus = usize::try_from(Cuda::device_count()).unwrap_or(0);
        match self {
            Self::Auto if gpus > 0 => Ok(Device::Cuda(0)),
            Self::Auto | Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(number) if number < gpus => Ok(Device::Cuda(number)),
            Self::Cuda(number) => Err(DeviceError::NoSuchGpu { number, gpus }),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|number| number.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| DeviceError::Unknown(text.to_owned())),
        }
    }
}

impl Serialize for DeviceChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DeviceChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A device that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The text names no device.
    #[error("unknown device `{0}`: expected `auto`, `cpu` or `cuda:N`, as in `cuda:0`")]
    Unknown(String),
    /// The GPU is not there.
    #[error("no device `cuda:{number}`: libtorch sees {gpus} GPUs here; try `--device auto`")]
    NoSuchGpu {
        /// The number asked for.
        number: usize,
        /// How many there are.
        gpus: usize,
    },
}

/// Loads libtorch's CUDA half where it is installed, and says whether it was. Call it first thing in `main`:
/// nothing refers to that library by name, so linking drops it, and a query for GPUs before it is loaded
/// would settle for the CPU.
pub fn load_cuda() -> bool {
    shim::load_library(c"libtorch_cuda.so")
}

/// Sets how many threads work within one operation. The rounding of sums depends on it.
pub fn set_threads(intra_op: usize) {
    tch::set_num_threads(i32::try_from(intra_op.max(1)).unwrap_or(i32::MAX));
}

/// How many threads work within one operation.
#[must_use]
pub fn threads() -> usize {
    usize::try_from(tch::get_num_threads()).unwrap_or(1)
}

/// The version of libtorch that this program was built with: `2.11.0`.
#[must_use]
pub fn libtorch_version() -> &'static str {
    shim::libtorch_version()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for text in ["auto", "cpu", "cuda:0", "cuda:11"] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
        for text in ["", "gpu", "cuda", "cuda:", "cuda:-1", "CPU"] {
            assert_eq!(text.parse::<DeviceChoice>(), Err(DeviceError::Unknown(text.to_owned())));
        }
    }

    #[test]
    fn the_cpu_is_always_there() {
        assert_eq!(DeviceChoice::Cpu.resolve(), Ok(Device::Cpu));
        assert!(DeviceChoice::Auto.resolve().is_ok());
        let error = DeviceChoice::Cuda(4096).resolve().unwrap_err().to_string();
        assert!(error.starts_with("no device `cuda:4096`"), "{error}");
    }

    #[test]
    fn version_is_plain() {
        assert_eq!(libtorch_version().split('.').count(), 3, "{}", libtorch_version());
    }
}
