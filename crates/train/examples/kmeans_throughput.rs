//! How fast points of 512 values are clustered: iterations a second, then the objective of the last iteration.
//!
//! `kmeans_throughput [points] [k] [threads] [iterations] [device]`. Its twin in faiss, with the same points, the same first
//! centroids and the same output, is `tests/goldens/kmeans/faiss_throughput.py`; run them in turns and compare medians.
#![allow(clippy::print_stdout)]

#[path = "../tests/kmeans/formula.rs"]
mod formula;

use std::error::Error;
use std::ops::ControlFlow;
use std::time::Instant;

use affekt_torch::device::{self, DeviceChoice};
use affekt_train::kmeans::{Clustering, InMemory, KmeansConfig, kmeans};

const WIDTH: usize = 512;
const CENTRES: usize = 777;

fn main() -> Result<(), Box<dyn Error>> {
    device::load_cuda();
    affekt_torch::keep_freed_memory(); // as the worker does
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |index: usize, default| arguments.get(index).map_or(Ok(default), |text| text.parse());
    let [count, clusters, threads, iterations] =
        [argument(0, 200_000)?, argument(1, 64)?, argument(2, 2)?, argument(3, 20)?];
    let device = arguments.get(4).map_or(Ok(DeviceChoice::Cpu), |text| text.parse())?.resolve()?;

    device::set_threads(threads);
    let rows = formula::points(count, WIDTH, CENTRES);
    let centroids = formula::start(&rows, WIDTH, clusters);
    let config = KmeansConfig { clusters, iterations, ..KmeansConfig::default() };
    let start =
        Clustering { width: WIDTH, centroids, counts: vec![0; clusters], objective: vec![], refilled: 0 };
    let began = Instant::now();
    let points = InMemory::new(&rows, WIDTH);
    let found = kmeans(&points, &config, device, Some(start), &mut |_| ControlFlow::Continue(()))?;
    let taken = began.elapsed().as_secs_f64();
    println!("{:.3} {:.8e}", iterations as f64 / taken, found.objective[iterations - 1]);
    Ok(())
}
