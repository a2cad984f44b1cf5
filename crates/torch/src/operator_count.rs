//! Counts what a GPU would be asked to do, where there is none.
//!
//! A **launch** is a call of an operator of libtorch that makes or changes values and has a kernel of its own, or is composed of none
//! that has. It is one kernel on a GPU, or a few that follow without a gap. Operators that libtorch divides on the CPU and has in one on
//! GPUs (convolution, LSTM, attention, dropout, those over lists of tensors) are one launch, and so is their backward pass.
//! Views and allocations are none.
//!
//! A **wait** is what a GPU's host cannot go on from before the device has come as far: a value is read, a result's shape depends on
//! values, a tensor is brought from one to the other. On the CPU such a transfer does nothing, and is counted where it is asked for.
//! A **copy** is a transfer to the device that nothing waits for.
//!
//! While a thread counts, it computes by the operators that it would call on a GPU: our own shortcuts for the CPU ask
//! [`counts_operators`].

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::marker::PhantomData;

unsafe extern "C" {
    fn affekt_begin_counting();
    fn affekt_take_counts(
        hear: unsafe extern "C" fn(*mut c_void, c_int, *const c_char, u64),
        listener: *mut c_void,
    );
    fn affekt_count_copy();
    fn affekt_end_counting();
}

/// Counts, while it lives, what this thread has libtorch compute: forward, backward and in the optimiser, but not what other
/// threads do. One at a time.
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct OperatorCounter {
    /// The counts are a thread's own.
    thread: PhantomData<*const ()>,
}

/// How often each operator was called, by its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperatorCounts {
    /// What computes on the device.
    pub launches: BTreeMap<String, u64>,
    /// What waits for it.
    pub waits: BTreeMap<String, u64>,
    /// Copies to it that nothing waits for.
    pub copies: u64,
}

impl OperatorCounter {
    /// Begins to count.
    ///
    /// # Panics
    /// When this thread counts already.
    #[expect(clippy::new_without_default, reason = "it does something")]
    pub fn new() -> Self {
        assert!(!COUNTS.replace(true), "one counter a thread");
        // SAFETY: observes this thread from now on.
        unsafe { affekt_begin_counting() };
        Self { thread: PhantomData }
    }

    /// Returns what was counted since the last call, or since the beginning.
    pub fn take(&self) -> OperatorCounts {
        let mut counts = OperatorCounts::default();
        // SAFETY: `hear` is called before this returns, with what it is passed here.
        unsafe { affekt_take_counts(hear, (&raw mut counts).cast()) };
        counts
    }
}

impl Drop for OperatorCounter {
    fn drop(&mut self) {
        // SAFETY: ends what `new` began, on the same thread.
        unsafe { affekt_end_counting() };
        COUNTS.set(false);
    }
}

impl OperatorCounts {
    /// Returns the number of launches.
    #[must_use]
    pub fn launch_count(&self) -> u64 {
        self.launches.values().sum()
    }

    /// Returns the number of waits.
    #[must_use]
    pub fn wait_count(&self) -> u64 {
        self.waits.values().sum()
    }
}

/// Returns whether this thread counts, and is to compute as it would on a GPU.
#[must_use]
pub fn counts_operators() -> bool {
    COUNTS.get()
}

/// Counts a copy to the device that nothing waits for, where this thread counts.
pub(crate) fn count_copy() {
    if counts_operators() {
        // SAFETY: adds to this thread's counts.
        unsafe { affekt_count_copy() }
    }
}

thread_local! {
    static COUNTS: Cell<bool> = const { Cell::new(false) };
}

/// Adds a count to the [`OperatorCounts`] behind `listener`.
unsafe extern "C" fn hear(listener: *mut c_void, kind: c_int, name: *const c_char, times: u64) {
    // SAFETY: what `take` passes, which is borrowed by nobody else meanwhile.
    let counts = unsafe { &mut *listener.cast::<OperatorCounts>() };
    // SAFETY: a string that ends in a zero and lives during this call.
    let name = unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned();
    match kind {
        0 => drop(counts.launches.insert(name, times)),
        1 => drop(counts.waits.insert(name, times)),
        _ => counts.copies += times,
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use super::*;
    use crate::{Adam, AdamConfig, uploaded};

    fn names(of: &BTreeMap<String, u64>) -> Vec<(&str, u64)> {
        of.iter().map(|(name, times)| (name.as_str(), *times)).collect()
    }

    fn matrix() -> Tensor {
        Tensor::ones([4, 4], (Kind::Float, Device::Cpu)).set_requires_grad(true)
    }

    #[test]
    fn what_computes_is_counted_where_it_computes() {
        let (xs, ws) = (matrix(), matrix());
        let counter = OperatorCounter::new();
        let ys = xs.linear(&ws, None::<&Tensor>); // calls a product, which is what computes
        let ys = ys.transpose(0, 1).reshape([2, 8]).view([16]); // a copy, for it is transposed, and a view
        let ys = (ys.softmax(0, Kind::Float) * 2.0).sum(Kind::Float);
        let _ = Tensor::empty([3], (Kind::Float, Device::Cpu));
        let counts = counter.take();
        assert_eq!(
            names(&counts.launches),
            [("_softmax", 1), ("copy_", 1), ("mm", 1), ("mul", 1), ("sum", 1)]
        );
        drop(ys);
    }

    #[test]
    fn what_a_gpu_has_in_one_is_one_in_both_directions() {
        let image = Tensor::ones([1, 1, 8], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let kernel = Tensor::ones([2, 1, 3], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let counter = OperatorCounter::new();
        let ys = crate::Convolution::default().forward(&image, &kernel, None).dropout(0.5, true);
        let ys = Tensor::scaled_dot_product_attention(
            &ys.unsqueeze(0),
            &ys.unsqueeze(0),
            &ys.unsqueeze(0),
            None::<&Tensor>,
            0.1,
            false,
            None,
            false,
        );
        let forward = counter.take();
        let ones = [("convolution", 1), ("dropout", 1), ("scaled_dot_product_attention", 1)];
        assert_eq!(names(&forward.launches), ones);
        ys.sum(Kind::Float).backward();
        let backward = counter.take();
        for (name, _) in ones {
            assert_eq!(backward.launches.get(&format!("{name} (backward)")), Some(&1), "{backward:?}");
        }
        assert_eq!((forward.wait_count(), backward.wait_count()), (0, 0));
    }

    #[test]
    fn what_the_host_waits_for_is_counted() {
        let xs = matrix().detach();
        let counter = OperatorCounter::new();
        let _ = xs.double_value(&[0, 0]);
        let _ = xs.gt(0.5).nonzero();
        let _ = xs.index(&[Some(xs.gt(0.5))]);
        let _ = xs.to_device(Device::Cpu);
        let waits = counter.take().waits;
        assert_eq!(names(&waits), [("_local_scalar_dense", 1), ("nonzero", 2), ("to_device", 1)]);
        let _ = xs.to_kind(Kind::Double);
        let _ = uploaded(&[1_i64, 2], Device::Cpu);
        let counts = counter.take();
        assert_eq!((counts.wait_count(), counts.copies), (0, 1));
    }

    #[test]
    fn a_step_of_the_optimiser_does_not_grow_with_the_parameters() {
        let step = |count: usize| {
            let parameters: Vec<Tensor> = (0..count).map(|_| matrix()).collect();
            parameters.iter().for_each(|parameter| parameter.sum(Kind::Float).backward());
            let named = parameters.into_iter().enumerate().map(|(i, parameter)| (i.to_string(), parameter));
            let mut adam = Adam::new(named.collect(), AdamConfig::default());
            let counter = OperatorCounter::new();
            adam.step().unwrap();
            counter.take()
        };
        assert_eq!(step(2), step(9));
        assert_eq!(step(2).wait_count(), 0);
    }

    #[test]
    fn it_counts_nothing_when_it_is_gone_and_nothing_of_other_threads() {
        let counter = OperatorCounter::new();
        std::thread::spawn(|| drop(matrix().exp())).join().unwrap();
        assert_eq!(counter.take(), OperatorCounts::default());
        drop(counter);
        assert!(!counts_operators());
        let _ = matrix().exp();
        assert_eq!(OperatorCounter::new().take(), OperatorCounts::default());
    }
}
