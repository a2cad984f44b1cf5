//! Equal bits every time, or an error.

use crate::shim;

/// Whether operations that may give other bits each time are refused.
#[must_use]
pub fn deterministic() -> bool {
    shim::deterministic()
}

/// From now on, in the whole process, libtorch takes the variant of an operation that gives the same bits every time, and
/// refuses operations that have none: `torch.use_deterministic_algorithms`. cuDNN chooses its convolutions by rule, not by
/// trial. On the CPU nearly everything is so anyway; what is left is refused.
///
/// On GPUs, products also want the variable `CUBLAS_WORKSPACE_CONFIG` to be `:4096:8` before the first of them, or they are
/// refused. That GPUs then repeat themselves is libtorch's word; no test here has seen one.
pub fn set_deterministic(on: bool) {
    shim::set_deterministic(on);
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use super::*;

    #[test]
    fn what_may_differ_each_time_is_refused() {
        // Which of the two values is put at 0, nobody can say.
        let put = || {
            let mut xs = Tensor::zeros([3], (Kind::Float, Device::Cpu));
            xs.f_put_(&Tensor::from_slice(&[0_i64, 0]), &Tensor::from_slice(&[1.0_f32, 2.0]), false).map(drop)
        };
        assert!(!deterministic() && put().is_ok());
        set_deterministic(true);
        let (said, refused) = (deterministic(), put());
        set_deterministic(false);
        assert!(said && refused.unwrap_err().to_string().contains("deterministic"));
        assert!(put().is_ok());
    }
}
