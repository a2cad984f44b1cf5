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
    filled_with(shape, fill)
}

/// The same of bytes.
///
/// # Errors
/// Those of `fill`, or when there is no memory.
pub fn filled_bytes<E: From<TorchError>>(
    shape: &[i64],
    fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
) -> Result<Tensor, E> {
    filled_with(shape, fill)
}

fn filled_with<T: Plain, E: From<TorchError>>(
    shape: &[i64],
    fill: impl FnOnce(&mut [T]) -> Result<(), E>,
) -> Result<Tensor, E> {
    let tensor = Tensor::f_empty(shape, (T::KIND, Device::Cpu)).map_err(TorchError::from)?;
    if tensor.numel() > 0 {
        // SAFETY: a fresh, contiguous tensor of so many T, which nobody else knows; it outlives the slice. The memory
        // came from C++, and whatever bits it holds are a T.
        let values = unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast::<T>(), tensor.numel()) };
        fill(values)?;
    }
    Ok(tensor)
}

/// Numbers of which all bits are one.
trait Plain {
    const KIND: Kind;
}

impl Plain for f32 {
    const KIND: Kind = Kind::Float;
}

impl Plain for u8 {
    const KIND: Kind = Kind::Uint8;
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
    fn bytes_are_kept_as_bytes() {
        let fill = |values: &mut [u8]| {
            values.copy_from_slice(&[0, 128, 255]);
            Ok::<_, TorchError>(())
        };
        let tensor = filled_bytes(&[3], fill).unwrap();
        assert_eq!(tensor.kind(), Kind::Uint8);
        assert_eq!(Vec::<u8>::try_from(tensor).unwrap(), [0, 128, 255]);
    }

    #[test]
    fn a_failure_is_passed_on() {
        let failed = || TorchError::thrown("no more");
        assert_eq!(filled(&[1], |_| Err(failed())).unwrap_err().to_string(), failed().to_string());
    }
}
