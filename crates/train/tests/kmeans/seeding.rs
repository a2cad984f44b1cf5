//! Where centroids begin: random points, each once, or k-means++.

use std::collections::BTreeSet;

use affekt_train::kmeans::{InMemory, KmeansConfig, Seeding};

use crate::{cluster, formula, nearest};

fn config(seeding: Seeding, clusters: usize, seed: u64) -> KmeansConfig {
    KmeansConfig { clusters, iterations: 1, seeding, seed }
}

#[test]
fn as_many_clusters_as_points() {
    // Each point is drawn once: one iteration later it is alone in its cluster.
    let rows = formula::points(97, 3, 1);
    let points = InMemory::new(&rows, 3);
    for seeding in [Seeding::Random, Seeding::PlusPlus] {
        let found = cluster(&points, &config(seeding, 97, 1), None);
        assert_eq!(found.counts, [1; 97]);
        assert!(found.objective[0] < 1e-9);
        let bits = |rows: &[f32]| -> BTreeSet<Vec<u32>> {
            rows.chunks(3).map(|row| row.iter().map(|value| value.to_bits()).collect()).collect()
        };
        assert_eq!(bits(&found.centroids), bits(&rows));
    }
}

/// What is promised of k-means++ at once: an expected objective of at most 8 (ln k + 2) times the best one (Arthur and
/// Vassilvitskii, theorem 3.1). Here the best is nearly known, and random points miss blobs.
#[test]
fn plus_plus_is_better_than_random_on_blobs() {
    let noise = formula::points(4_000, 8, 1);
    let centres = formula::points(25, 8, 25);
    let blob = |row: usize| &centres[row % 25 * 8..][..8];
    let rows: Vec<f32> = noise
        .chunks(8)
        .enumerate()
        .flat_map(|(row, noise)| {
            noise.iter().zip(blob(row)).map(|(noise, centre)| noise / 10.0 + 5.0 * centre)
        })
        .collect();
    let points = InMemory::new(&rows, 8);
    let mean = |seeding| {
        (0..10).map(|seed| cluster(&points, &config(seeding, 25, seed), None).objective[0]).sum::<f64>()
            / 10.0
    };
    let (random, plus_plus) = (mean(Seeding::Random), mean(Seeding::PlusPlus));
    assert!(plus_plus < random / 2.0, "{plus_plus}, at random {random}");
    let means: Vec<f32> = (0..25)
        .flat_map(|blob| {
            let of_blob = || rows.chunks(8).skip(blob).step_by(25);
            (0..8)
                .map(move |column| of_blob().map(|row| row[column]).sum::<f32>() / 160.0)
                .collect::<Vec<_>>()
        })
        .collect();
    let best: f64 = rows.chunks(8).map(|row| nearest(row, &means).1).sum();
    assert!(plus_plus > best && plus_plus < 8.0 * (25_f64.ln() + 2.0) * best, "{plus_plus}, best {best}");
}

#[test]
fn a_sample_is_enough() {
    // More points than k-means++ looks at, most of them in one place.
    let mut rows = formula::points(40_000, 2, 1);
    rows.chunks_mut(2).enumerate().filter(|(row, _)| row % 10 == 3).for_each(|(_, row)| row[0] += 90.0);
    let found = cluster(&InMemory::new(&rows, 2), &config(Seeding::PlusPlus, 2, 0), None);
    let mut counts = found.counts;
    counts.sort_unstable();
    assert_eq!(counts, [4_000, 36_000]);
}
