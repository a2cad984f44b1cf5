//! A limit of memory: in a program of its own, for it holds for all threads.

use affekt_torch::{MemoryLimit, TorchError, forget_tensor_peak, gradient_checkpoint, tensor_memory};
use tch::{Device, Kind, Tensor};

const MIB: usize = 1 << 20;

fn tensor(mib: usize) -> Result<Tensor, TorchError> {
    Ok(Tensor::f_ones([(mib * MIB / 4) as i64], (Kind::Float, Device::Cpu))?)
}

#[test]
fn tensors_are_counted_and_a_limit_holds_for_all_of_them_together() {
    let before = tensor_memory().now_bytes;
    let four = tensor(4).unwrap();
    let now = tensor_memory().now_bytes;
    assert!((before + 4 * MIB..before + 5 * MIB).contains(&now), "{before} {now}");
    {
        let _limit = MemoryLimit::new(now + 3 * MIB);
        drop(tensor(2).unwrap());
        assert!(tensor(4).unwrap_err().is_out_of_memory());
        // A product whose result does not fit: thrown inside an operation, passed on by tch.
        let column = tensor(1).unwrap().view([-1, 1]);
        let error = TorchError::from(column.f_matmul(&column.transpose(0, 1)).unwrap_err());
        assert!(error.is_out_of_memory(), "{error}");
        // In the backward pass of a checkpointed segment, behind two borders.
        let xs = Tensor::ones([64], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let sized = gradient_checkpoint(&[xs.shallow_clone()], |xs| &xs[0] * 2.0).unwrap().sum(Kind::Float);
        let _full = MemoryLimit::new(tensor_memory().now_bytes);
        let error = TorchError::from(sized.f_backward().unwrap_err());
        assert!(error.is_out_of_memory(), "{error}");
    }
    drop(tensor(16).unwrap());
    let peak = tensor_memory().peak_bytes;
    assert!(peak >= now + 16 * MIB, "{peak}");
    drop(four);
    forget_tensor_peak();
    assert!(tensor_memory().peak_bytes < peak);
}
