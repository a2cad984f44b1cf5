//! k-means on points of which it is plain which belong together: centroids and objective are the same on every processor.

use std::ops::ControlFlow;

use affekt_torch::Random;
use affekt_train::kmeans::{InMemory, KmeansConfig, Seeding, kmeans};
use tch::{Device, Tensor};

use super::outcome::Error;
use super::sketch::{Sketch, sketch};

const CLUSTERS: usize = 16;
const WIDTH: usize = 64;
const POINTS: usize = 4000;

/// Clusters, and sketches what comes of it, by name.
///
/// # Errors
/// Those of [`kmeans`].
pub fn compute(device: Device) -> Result<Vec<(&'static str, Sketch)>, Error> {
    let mut random = Random::new(0, "points");
    let centres: Vec<f32> = (0..CLUSTERS * WIDTH).map(|_| random.uniform(-1.0, 1.0)).collect();
    let points: Vec<f32> = (0..POINTS * WIDTH)
        .map(|i| centres[(i / WIDTH % CLUSTERS) * WIDTH + i % WIDTH] + random.uniform(-0.3, 0.3))
        .collect();
    let config = KmeansConfig {
        clusters: CLUSTERS,
        iterations: 8,
        seeding: Seeding::PlusPlus,
        ..KmeansConfig::default()
    };
    let points = InMemory::new(&points, WIDTH);
    let clustering = kmeans(&points, &config, device, None, &mut |_| ControlFlow::Continue(()))?;
    let objective = clustering.objective.last().copied().unwrap_or(f64::NAN);
    Ok(vec![
        ("objective", vec![objective]),
        ("centroids", sketch(&[Tensor::from_slice(&clustering.centroids)])),
    ])
}
