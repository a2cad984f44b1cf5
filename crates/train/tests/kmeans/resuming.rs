//! Going on after an iteration ends where going on without a break does.

use std::ops::ControlFlow;

use affekt_train::kmeans::{Clustering, InMemory, KmeansConfig, kmeans};
use tch::Device;

use crate::{cluster, formula};

/// The result of a run without a break, after it was begun again from every iteration's end.
fn unbroken(rows: &[f32]) -> Clustering {
    let points = InMemory::new(rows, 5);
    let config = KmeansConfig { clusters: 40, iterations: 8, seed: 5, ..KmeansConfig::default() };
    let mut kept = Vec::new();
    let unbroken = kmeans(&points, &config, Device::Cpu, None, &mut |now| {
        kept.push(now.clone());
        ControlFlow::Continue(())
    });
    let unbroken = unbroken.unwrap();
    assert_eq!(kept.len(), 8);
    for now in kept {
        assert_eq!(cluster(&points, &config, Some(now)), unbroken);
    }
    unbroken
}

#[test]
fn resumed_equals_unbroken() {
    let rows = formula::points(2_000, 5, 9);
    assert_eq!(unbroken(&rows).refilled, 0);
    // In thirty places there is nothing for ten of the clusters, which are filled again after every iteration: what that
    // draws is part of what must be the same.
    let rows: Vec<f32> = (0..2_000).flat_map(|row| &rows[row % 30 * 5..][..5]).copied().collect();
    assert!(unbroken(&rows).refilled >= 80);
}
