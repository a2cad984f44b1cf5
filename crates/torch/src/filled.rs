//! Tensors made in place.

use tch::{Device, Kind, Tensor};

use crate::{TorchError, shim};

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

/// A tensor of f32 of this shape, on the CPU, that libtorch's threads write side by side: `fill` is given the place of the first of
/// some values, row-major, and the values.
///
/// # Errors
/// When there is no memory.
pub fn filled_in_parallel(
    shape: &[i64],
    fill: impl Fn(usize, &mut [f32]) + Sync,
) -> Result<Tensor, TorchError> {
    let tensor = Tensor::f_empty(shape, (Kind::Float, Device::Cpu))?;
    shim::fill_in_parallel(&tensor, &fill)?;
    Ok(tensor)
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
    fn threads_write_every_place_once() {
        for shape in [&[3, 70_001][..], &[1], &[0, 3], &[]] {
            let fill = |first: usize, values: &mut [f32]| {
                values.iter_mut().zip(first..).for_each(|(value, place)| *value = place as f32);
            };
            let tensor = filled_in_parallel(shape, fill).unwrap();
            assert_eq!(tensor.size(), shape);
            let expected = Tensor::arange(tensor.numel() as i64, (Kind::Float, Device::Cpu));
            assert_eq!(tensor.view(-1), expected);
        }
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
