//! What a large matrix product reaches: the yardstick of what a step makes of a device.

use std::time::Instant;

use affekt_torch::Numerics;
use affekt_train::Precision;
use tch::{Cuda, Device, Kind, Tensor};

use crate::doctor::outcome::Error;

/// Times a product of square matrices in a precision. Returns floating-point operations per second, of the fastest of some.
///
/// # Errors
/// When libtorch refuses.
pub fn product_flop_per_second(precision: Precision, device: Device) -> Result<f64, Error> {
    const TIMES: usize = 5;
    let _numerics = Numerics { tf32: precision == Precision::Tf32, ..Numerics::now() }.hold();
    let side: i64 = if device.is_cuda() { 8192 } else { 1536 };
    let kind = match precision {
        Precision::Fp32 | Precision::Tf32 => Kind::Float,
        Precision::Bf16 => Kind::BFloat16,
        Precision::Fp16 => Kind::Half,
    };
    let matrix = Tensor::f_ones([side, side], (kind, device))?;
    let mut least = f64::INFINITY;
    for _ in 0..=TIMES {
        let before = Instant::now();
        let _ = matrix.f_matmul(&matrix)?;
        wait_for(device);
        least = least.min(before.elapsed().as_secs_f64());
    }
    Ok(2.0 * (side as f64).powi(3) / least)
}

/// Waits until a GPU has done all that it was given.
pub fn wait_for(device: Device) {
    if let Device::Cuda(number) = device {
        Cuda::synchronize(number as i64);
    }
}
