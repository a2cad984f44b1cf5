//! How libtorch may compute beyond what a program asks of it: set by who computes, never left at libtorch's defaults, which let
//! cuDNN round f32 to TF32 while cuBLAS does not.

use crate::shim;

/// What holds for operations of this whole process.
///
/// On GPUs, deterministic products also want the variable `CUBLAS_WORKSPACE_CONFIG` to be `:4096:8` before the first of them, or
/// they are refused. That GPUs then repeat themselves is libtorch's word; no test here has seen one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numerics {
    /// Whether a GPU may round the inputs of products, convolutions and recurrent layers in f32 to TF32, which keeps 10 bits
    /// of 23. Where it may not they are IEEE f32. It says nothing of the CPU, which has no TF32.
    pub tf32: bool,
    /// Whether the variant of an operation is taken that gives the same bits every time, and operations are refused that have
    /// none: `torch.use_deterministic_algorithms`, `torch.backends.cudnn.deterministic`.
    pub deterministic: bool,
    /// Whether cuDNN tries out its algorithms for each new shape and takes the fastest, which may be another each time:
    /// `torch.backends.cudnn.benchmark`. It has no effect where `deterministic` is set.
    pub cudnn_benchmark: bool,
}

impl Numerics {
    /// Returns what holds now.
    #[must_use]
    pub fn now() -> Self {
        let [tf32, deterministic, cudnn_benchmark] = shim::numerics();
        Self { tf32, deterministic, cudnn_benchmark }
    }

    /// Has this hold from now on. Products of half precision are added up in f32 in any case.
    pub fn set(self) {
        shim::set_numerics([self.tf32, self.deterministic, self.cudnn_benchmark && !self.deterministic]);
    }

    /// Has this hold until what is returned is dropped, and then what held before.
    pub fn hold(self) -> HeldNumerics {
        let held = HeldNumerics { before: Self::now() };
        self.set();
        held
    }
}

/// While it lives, [`Numerics`] hold that were asked for.
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct HeldNumerics {
    before: Numerics,
}

impl Drop for HeldNumerics {
    fn drop(&mut self) {
        self.before.set();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use tch::{Device, Kind, Tensor};

    use super::*;

    /// They are the process's: tests take turns.
    static TURN: Mutex<()> = Mutex::new(());

    #[test]
    fn what_may_differ_each_time_is_refused() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        // Which of the two values is put at 0, nobody can say.
        let put = || {
            let mut xs = Tensor::zeros([3], (Kind::Float, Device::Cpu));
            xs.f_put_(&Tensor::from_slice(&[0_i64, 0]), &Tensor::from_slice(&[1.0_f32, 2.0]), false).map(drop)
        };
        assert!(put().is_ok());
        let held = Numerics { deterministic: true, ..Numerics::default() }.hold();
        let refused = put();
        drop(held);
        assert!(refused.unwrap_err().to_string().contains("deterministic"));
        assert!(put().is_ok());
    }

    #[test]
    fn they_are_set_and_come_back() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let ieee = Numerics::default();
        ieee.set();
        assert_eq!(Numerics::now(), ieee);
        let tf32 = Numerics { tf32: true, ..ieee };
        let benchmark = Numerics { cudnn_benchmark: true, ..ieee };
        for numerics in [tf32, benchmark, Numerics { deterministic: true, ..tf32 }] {
            let held = numerics.hold();
            assert_eq!(Numerics::now(), numerics);
            drop(held);
            assert_eq!(Numerics::now(), ieee);
        }
        let both = Numerics { deterministic: true, ..benchmark }.hold();
        assert!(!Numerics::now().cudnn_benchmark, "what is tried out may be another each time");
        drop(both);
    }
}
