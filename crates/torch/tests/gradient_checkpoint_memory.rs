//! What checkpointing is for. Alone in its process, whose memory it measures.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use affekt_torch::gradient_checkpoint;
use tch::{Device, Kind, Tensor};

const SIDE: i64 = 1024; // 4 MiB a tensor
const SEGMENTS: usize = 8;
const OPERATIONS: usize = 6;

/// Bytes of this process that are in memory.
fn resident() -> i64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<i64>().unwrap() * 4096
}

fn segment(inputs: &[Tensor]) -> Tensor {
    (0..OPERATIONS).fold(inputs[0].shallow_clone(), |xs, _| xs.sin())
}

/// Tensors' worth of memory that the graph of a forward pass keeps.
fn kept(run: impl Fn(&[Tensor]) -> Tensor) -> f64 {
    let xs = Tensor::ones([SIDE, SIDE], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let before = resident();
    let ys = (0..SEGMENTS).fold(xs, |xs, _| run(&[xs]));
    let after = resident();
    drop(ys);
    (after - before) as f64 / (4 * SIDE * SIDE) as f64
}

#[test]
fn only_what_enters_a_segment_is_kept() {
    affekt_torch::device::set_threads(1);
    // The C library gives every tensor back to the kernel when it is freed.
    // SAFETY: sets a number of the allocator.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20) };
    let plain = kept(segment);
    let checkpointed = kept(|inputs| gradient_checkpoint(inputs, segment).unwrap());
    let (all, borders) = ((SEGMENTS * OPERATIONS) as f64, SEGMENTS as f64);
    assert!((plain - all).abs() < 2.0, "{plain} of {all} tensors");
    assert!((checkpointed - borders).abs() < 2.0, "{checkpointed} of {borders} tensors");
}
