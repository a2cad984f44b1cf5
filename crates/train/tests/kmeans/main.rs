//! k-means on points small enough for a test: blobs are found, faiss finds the same, nothing but the points and the seed
//! decides.

mod errors;
mod formula;
mod reference;
mod resuming;
mod seeding;

use std::convert::Infallible;
use std::ops::ControlFlow;

use affekt_train::kmeans::{Clustering, InMemory, KmeansConfig, KmeansError, Seeding, assign, kmeans};
use tch::Device;

/// Clusters on the CPU, from the beginning or from `from`.
fn cluster(points: &InMemory, config: &KmeansConfig, from: Option<Clustering>) -> Clustering {
    kmeans(points, config, Device::Cpu, from, &mut |_| ControlFlow::Continue(())).unwrap()
}

/// Clusters on the CPU from these centroids.
fn cluster_from(points: &InMemory, width: usize, centroids: Vec<f32>, iterations: usize) -> Clustering {
    let clusters = centroids.len() / width;
    let config = KmeansConfig { clusters, iterations, ..KmeansConfig::default() };
    let start = Clustering { width, centroids, counts: vec![0; clusters], objective: vec![], refilled: 0 };
    cluster(points, &config, Some(start))
}

fn ids(points: &InMemory, centroids: &[f32]) -> Vec<u16> {
    let mut ids = Vec::new();
    let gather = &mut |some: &[u16]| {
        ids.extend_from_slice(some);
        ControlFlow::Continue(())
    };
    assign(points, centroids, Device::Cpu, gather).unwrap();
    ids
}

/// By the definition, in f64: the nearest centroid and the squared distance to it.
fn nearest(point: &[f32], centroids: &[f32]) -> (usize, f64) {
    let distance = |centroid: &[f32]| -> f64 {
        centroid.iter().zip(point).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
    };
    let distances = centroids.chunks_exact(point.len()).map(distance).enumerate();
    distances.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap()
}

/// 900 points in the plane in three blobs of 200, 300 and 400, far from each other.
fn three_blobs() -> Vec<f32> {
    let noise = formula::points(900, 2, 1);
    let centre = |row: usize| match row % 9 {
        0 | 1 => [-100.0, 0.0],
        2..=4 => [100.0, 50.0],
        _ => [0.0, -200.0],
    };
    noise
        .as_chunks()
        .0
        .iter()
        .enumerate()
        .flat_map(|(row, [x, y])| [x + centre(row)[0], y + centre(row)[1]])
        .collect()
}

#[test]
fn separated_blobs_are_found() {
    let rows = three_blobs();
    let points = InMemory::new(&rows, 2);
    let config = KmeansConfig { clusters: 3, seeding: Seeding::PlusPlus, ..KmeansConfig::default() };
    let found = cluster(&points, &config, None);
    let mut counts = found.counts.clone();
    counts.sort_unstable();
    assert_eq!((counts, found.refilled, found.objective.len()), (vec![200, 300, 400], 0, 20));
    let ids = ids(&points, &found.centroids);
    for blob in [vec![0, 1], vec![2, 3, 4], vec![5, 6, 7, 8]] {
        let of_blob: Vec<u16> =
            (0..900).filter(|row| blob.contains(&(row % 9))).map(|row| ids[row]).collect();
        assert!(of_blob.iter().all(|id| *id == of_blob[0]), "{of_blob:?}");
        let size = found.counts[usize::from(of_blob[0])];
        assert_eq!(size as usize, of_blob.len());
    }
}

#[test]
fn points_go_where_the_definition_says() {
    let rows = formula::points(700, 19, 5);
    let points = InMemory::new(&rows, 19);
    let centroids = formula::start(&rows, 19, 37);
    let mut found = cluster_from(&points, 19, centroids.clone(), 1);
    let expected: Vec<(usize, f64)> = rows.chunks(19).map(|row| nearest(row, &centroids)).collect();
    assert!(
        ids(&points, &centroids).iter().zip(&expected).all(|(id, (nearest, _))| usize::from(*id) == *nearest)
    );
    let objective: f64 = expected.iter().map(|(_, square)| square).sum();
    assert!((found.objective[0] / objective - 1.0).abs() < 1e-12, "{} for {objective}", found.objective[0]);
    for id in 0..37 {
        let members: Vec<&[f32]> = rows
            .chunks(19)
            .zip(&expected)
            .filter(|(_, (nearest, _))| *nearest == id)
            .map(|(row, _)| row)
            .collect();
        assert_eq!(found.counts[id], members.len() as u64);
        for (column, value) in found.centroids[id * 19..(id + 1) * 19].iter().enumerate() {
            let mean = members.iter().map(|row| f64::from(row[column])).sum::<f64>() / members.len() as f64;
            assert!((f64::from(*value) - mean).abs() < 1e-7);
        }
    }
    // Another iteration takes it further down.
    found = cluster_from(&points, 19, centroids, 2);
    assert!(found.objective[1] < found.objective[0]);
}

#[test]
fn of_equal_centroids_the_first_is_nearest() {
    let rows = formula::points(40, 3, 1);
    let one = &rows[..3];
    let far = [50.0_f32; 3];
    // Twenty centroids, more than are compared at a time.
    let centroids: Vec<f32> =
        (0..20).flat_map(|id| if [4, 7, 18].contains(&id) { one } else { &far }).copied().collect();
    assert_eq!(ids(&InMemory::new(&rows, 3), &centroids), [4; 40]);
}

/// With MKL's kernels for processors without AVX-512, whose products of equal centroids differ. MKL reads its limit when
/// it starts.
#[test]
fn of_equal_centroids_the_first_is_nearest_without_avx_512() {
    let test = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "of_equal_centroids_the_first_is_nearest"])
        .env("MKL_ENABLE_INSTRUCTIONS", "AVX2")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&test.stdout);
    assert!(test.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn empty_clusters_are_filled_again() {
    // Eight centroids where nothing lies, and one that gets everything.
    let rows = formula::points(3_000, 6, 20);
    let mut centroids = vec![1e4_f32; 9 * 6];
    centroids[18..24].fill(0.0);
    let points = InMemory::new(&rows, 6);
    let first = cluster_from(&points, 6, centroids.clone(), 1);
    assert_eq!(first.counts, [0, 0, 0, 3_000, 0, 0, 0, 0, 0]);
    assert_eq!(first.refilled, 8);
    // None is empty again, and in the end it is not the worse for it.
    let second = cluster_from(&points, 6, centroids.clone(), 2);
    assert_eq!(second.refilled, 8);
    assert!(second.counts.iter().all(|count| *count > 0), "{:?}", second.counts);
    let last = *cluster_from(&points, 6, centroids, 20).objective.last().unwrap();
    let usual = cluster(&points, &KmeansConfig { clusters: 9, ..KmeansConfig::default() }, None);
    let ratio = last / usual.objective[19];
    assert!(ratio < 1.05, "{ratio} × as far as from random points");
}

#[test]
fn equal_points_are_no_trouble() {
    // Two places, 50 points each, for five clusters.
    let rows: Vec<f32> =
        (0..100).flat_map(|row| if row % 2 == 0 { [1.5, -2.0] } else { [0.25, 3.0] }).collect();
    let points = InMemory::new(&rows, 2);
    for seeding in [Seeding::Random, Seeding::PlusPlus] {
        let found = cluster(&points, &KmeansConfig { clusters: 5, seeding, ..KmeansConfig::default() }, None);
        assert_eq!(found.counts.iter().sum::<u64>(), 100);
        assert!(found.centroids.iter().all(|value| value.is_finite()));
        if seeding == Seeding::PlusPlus {
            assert!(*found.objective.last().unwrap() < 1e-9, "{:?}", found.objective);
        }
    }
}

#[test]
fn equal_inputs_give_equal_bits() {
    let rows = formula::points(5_000, 24, 30);
    let points = InMemory::new(&rows, 24);
    for seeding in [Seeding::Random, Seeding::PlusPlus] {
        let config = KmeansConfig { clusters: 50, seeding, seed: 7, ..KmeansConfig::default() };
        let found = cluster(&points, &config, None);
        assert_eq!(cluster(&points, &config, None), found);
        assert_ne!(cluster(&points, &KmeansConfig { seed: 8, ..config }, None).centroids, found.centroids);
    }
}

#[test]
fn a_caller_can_break_off() {
    let rows = formula::points(300, 4, 3);
    let points = InMemory::new(&rows, 4);
    let mut heard = 0;
    let progress = &mut |now: &Clustering| {
        heard = now.objective.len();
        if heard == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let config = KmeansConfig { clusters: 5, ..KmeansConfig::default() };
    let stopped: Result<_, KmeansError<Infallible>> = kmeans(&points, &config, Device::Cpu, None, progress);
    assert!(matches!(stopped, Err(KmeansError::Cancelled)));
    assert_eq!(heard, 3);
    let stopped = assign(&points, &rows[..8], Device::Cpu, &mut |_| ControlFlow::Break(()));
    assert!(matches!(stopped, Err(KmeansError::Cancelled)));
}
