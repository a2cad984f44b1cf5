//! Tensors made in place.

use tch::{Device, Kind, Tensor};

use crate::TorchError;

/// A tensor of f32 of this shape, on the CPU, whose values `fill` writes, row-major. libtorch only lends the memory: a
/// thread that makes tensors this way starts none of libtorch's own threads.
///
/// # Errors
/// Those of `fill`, or when there is no memory.
pub fn filled<E: From<TorchError>>(
    shape: &[i64],
    fill: impl FnOnce(&mut [f32]) -> Result<(), E>,
) -> Result<Tensor, E> {
    let tensor = Tensor::f_empty(shape, (Kind::Float, Device::Cpu)).map_err(TorchError::from)?;
    if tensor.numel() > 0 {
        // SAFETY: a fresh, contiguous tensor of so many f32, which nobody else knows; it outlives the slice. The memory
        // came from C++, and whatever bits it holds are f32.
        let values =
            unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast::<f32>(), tensor.numel()) };
        fill(values)?;
    }
    Ok(tensor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_was_written() {
        let fill = |values: &mut [f32]| {
            values.iter_mut().enumerate().for_each(|(i, value)| *value = i as f32);
            Ok::<_, TorchError>(())
        };
        let tensor = filled(&[2, 3], fill).unwrap();
        assert_eq!(tensor.size(), [2, 3]);
        assert_eq!(Vec::<Vec<f32>>::try_from(tensor).unwrap(), [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]);
        assert_eq!(filled(&[0, 3], fill).unwrap().size(), [0, 3]);
    }

    #[test]
    fn a_failure_is_passed_on() {
        let failed = || TorchError("no more".into());
        assert_eq!(filled(&[1], |_| Err(failed())).unwrap_err().to_string(), failed().to_string());
    }
}
