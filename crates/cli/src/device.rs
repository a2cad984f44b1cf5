//! The device that networks compute on.

use std::fmt;
use std::path::Path;

use crate::exit::Stop;
use crate::libtorch;

/// A device for networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// The CPU.
    Cpu,
    /// The GPU with this number.
    Cuda(u32),
}

impl Device {
    /// Its kind, as keys have it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda(_) => "cuda",
        }
    }

    /// How many GPUs nodes can have.
    pub fn gpus(self) -> u32 {
        match self {
            Self::Cpu => 0,
            Self::Cuda(_) => 1,
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

/// Reads `--device`. `auto` is the first GPU where the driver and libtorch's CUDA half are there: looked up among files, so
/// that planning needs no libtorch.
///
/// # Errors
/// When there is no such device.
pub fn parse(name: &str) -> Result<Device, Stop> {
    match name.strip_prefix("cuda:").map(str::parse) {
        Some(Ok(number)) => return Ok(Device::Cuda(number)),
        Some(Err(_)) => {}
        None if name == "cpu" => return Ok(Device::Cpu),
        None if name == "auto" => {
            let has_cuda = Path::new("/dev/nvidia0").exists() && libtorch::has("libtorch_cuda.so");
            return Ok(if has_cuda { Device::Cuda(0) } else { Device::Cpu });
        }
        None => {}
    }
    Err(Stop::wrong(format!("error: unknown device `{name}`\nhint: `auto`, `cpu`, or `cuda:0` and so on")))
}
