//! How fast the networks B1 to B3 train: samples a second, on random data.
//!
//! `cnn_throughput [cnn|two-cnns|parallel-cnn] [time|channel] [batch] [threads] [steps]`. Its twin in PyTorch, with the
//! same arguments and the same output, is `tests/goldens/models/pytorch_cnn_throughput.py`; run them in turns and compare
//! medians.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Instant;

use affekt_models::{InputShape, Inputs, Network};
use affekt_spec::network::{CnnConfig, NetworkConfig, NormAxis, ParallelCnnConfig, TransformerConfig};
use affekt_torch::{Adam, AdamConfig, device};
use tch::{Device, Kind, Tensor};

fn main() -> Result<(), Box<dyn Error>> {
    affekt_torch::keep_freed_memory(); // as the worker does
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument =
        |index: usize, default: &str| arguments.get(index).map_or(default, String::as_str).to_owned();
    let norm_axis = match argument(1, "time").as_str() {
        "time" => NormAxis::Time,
        "channel" => NormAxis::Channel,
        other => return Err(format!("unknown axis `{other}`: expected `time` or `channel`").into()),
    };
    let cnn = CnnConfig { norm_axis, ..CnnConfig::default() };
    let config = match argument(0, "cnn").as_str() {
        "cnn" => NetworkConfig::Cnn(cnn),
        "two-cnns" => NetworkConfig::TwoCnns(cnn),
        "parallel-cnn" => {
            NetworkConfig::ParallelCnn(ParallelCnnConfig { cnn, transformer: TransformerConfig::default() })
        }
        other => {
            return Err(
                format!("unknown network `{other}`: expected `cnn`, `two-cnns` or `parallel-cnn`").into()
            );
        }
    };
    let batch: i64 = argument(2, "32").parse()?;
    let threads: usize = argument(3, "2").parse()?;
    let steps: usize = argument(4, "12").parse()?;

    device::set_threads(threads);
    let network = Network::new(&config, &InputShape::Frames([128, 94]), 7, 0, Device::Cpu)?;
    let mut optimiser = Adam::new(network.trainable(), AdamConfig::default());
    let inputs = Inputs::frames(Tensor::randn([batch, 128, 94], (Kind::Float, Device::Cpu)));
    let ys = Tensor::randint(7, [batch], (Kind::Int64, Device::Cpu));
    let mut seconds = Vec::new();
    for _ in 0..steps + 2 {
        let start = Instant::now();
        let loss = network.forward_t(&inputs, true)?.cross_entropy_for_logits(&ys);
        loss.f_backward()?;
        optimiser.step()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    // The first two steps choose kernels and allocate.
    let mut seconds = seconds.split_off(2);
    seconds.sort_by(f64::total_cmp);
    println!("{:.1}", batch as f64 / seconds[seconds.len() / 2]);
    Ok(())
}
