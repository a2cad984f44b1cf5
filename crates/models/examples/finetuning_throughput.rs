//! How fast wav2vec 2.0 BASE is fine-tuned: clips a second, on random sounds. Convolutions frozen, the checkpoint's dropout
//! and masks on, the mean over the frames, a linear map to 7 classes, Adam. No layer is passed over: that would be chance
//! in what is measured.
//!
//! `finetuning_throughput [batch] [seconds] [threads] [steps]`. Its twin in PyTorch, with the same arguments and the same
//! output, is `tests/goldens/wav2vec2/transformers_finetuning_throughput.py`; run them in turns and compare medians.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Instant;

use affekt_models::{InputShape, Inputs, Network};
use affekt_spec::encoder::EncoderConfig;
use affekt_spec::network::{FineTunedConfig, Freeze, NetworkConfig};
use affekt_torch::{Adam, AdamConfig, device};
use tch::{Device, Kind, Tensor};

fn main() -> Result<(), Box<dyn Error>> {
    affekt_torch::keep_freed_memory(); // as the worker does
    let arguments: Vec<usize> =
        std::env::args().skip(1).map(|argument| argument.parse()).collect::<Result<_, _>>()?;
    let argument = |index: usize, default| arguments.get(index).copied().unwrap_or(default);
    let [batch, seconds, threads, steps] = [argument(0, 4), argument(1, 3), argument(2, 2), argument(3, 4)];

    device::set_threads(threads);
    let encoder = EncoderConfig { layerdrop: 0.0, ..EncoderConfig::default() };
    let config = FineTunedConfig {
        encoder: encoder.into(),
        freeze: Freeze::FeatureEncoder,
        ..FineTunedConfig::default()
    };
    let network =
        Network::new(&NetworkConfig::Wav2Vec2(Box::new(config)), &InputShape::Waveforms, 7, 0, Device::Cpu)?;
    let adam = AdamConfig { learning_rate: 1e-5, ..AdamConfig::default() };
    let mut optimiser = Adam::new(network.trainable(), adam);
    let samples = 16_000 * seconds;
    let xs = Tensor::randn([batch as i64, samples as i64], (Kind::Float, Device::Cpu));
    let inputs = Inputs { xs, lengths: Some(vec![samples; batch]) };
    let ys = Tensor::randint(7, [batch as i64], (Kind::Int64, Device::Cpu));
    let mut taken = Vec::new();
    for _ in 0..=steps {
        let start = Instant::now();
        let loss = network.forward_t(&inputs, true)?.cross_entropy_for_logits(&ys);
        loss.f_backward()?;
        optimiser.step()?;
        taken.push(start.elapsed().as_secs_f64());
    }
    // The first step allocates.
    let mut taken = taken.split_off(1);
    taken.sort_by(f64::total_cmp);
    println!("{:.3}", batch as f64 / taken[taken.len() / 2]);
    Ok(())
}
