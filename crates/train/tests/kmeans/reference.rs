//! The same points from the same centroids, as faiss clusters them.

use affekt_train::kmeans::InMemory;
use serde::Deserialize;

use crate::{cluster_from, formula, ids, nearest};

#[derive(Deserialize)]
struct Golden {
    points: usize,
    width: usize,
    centres: usize,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    k: usize,
    objective: Vec<f64>,
    assigned: Vec<usize>,
    assigned_objective: f64,
    centroids: Option<Vec<f32>>,
}

#[test]
fn equals_faiss() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens/kmeans/faiss.json");
    let golden: Golden = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let width = golden.width;
    let rows = formula::points(golden.points, width, golden.centres);
    let points = InMemory::new(&rows, width);
    assert_eq!(golden.cases.len(), 2);
    for case in golden.cases {
        let start = formula::start(&rows, width, case.k);
        let found = cluster_from(&points, width, start, case.objective.len());
        for (iteration, (ours, theirs)) in found.objective.iter().zip(&case.objective).enumerate() {
            // faiss adds up the distances of all points in f32.
            let off = (ours / theirs - 1.0).abs();
            assert!(off < 1e-5, "k {}, iteration {iteration}: {ours} for {theirs}", case.k);
        }
        let mut assigned = vec![0; case.k];
        ids(&points, &found.centroids).iter().for_each(|id| assigned[usize::from(*id)] += 1);
        assert_eq!(assigned, case.assigned);
        let objective: f64 = rows.chunks(width).map(|row| nearest(row, &found.centroids).1).sum();
        assert!((objective / case.assigned_objective - 1.0).abs() < 1e-6);
        for (ours, theirs) in found.centroids.iter().zip(case.centroids.iter().flatten()) {
            assert!((ours - theirs).abs() < 1e-5, "{ours} for {theirs}");
        }
    }
}
