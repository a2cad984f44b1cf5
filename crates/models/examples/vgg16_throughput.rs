//! How fast B4 is trained: pictures a second of 224 × 224 through a VGG16, Adam on its classifier and its last `layers` convolutions.
//! `cached` reads what a [`Bottleneck`] gave of the pictures, as every epoch after the first does; `recomputed` computes the base of every
//! picture anew.
//!
//! `vgg16_throughput cached|recomputed [batch] [threads] [steps] [layers]`. Run it in turn with what it is compared to and compare medians:
//! `cargo xtask bench frozen-base` and `bench vgg16` do.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Instant;

use affekt_models::vgg16::Bottleneck;
use affekt_models::{InputShape, Inputs, Network};
use affekt_spec::network::{NetworkConfig, Unfreeze, Vgg16NetworkConfig};
use affekt_torch::{Adam, AdamConfig, device};
use tch::{Device, Kind, Tensor};

const PICTURE: [usize; 3] = [3, 224, 224];

fn main() -> Result<(), Box<dyn Error>> {
    affekt_torch::keep_freed_memory(); // as the worker does
    let mut arguments = std::env::args().skip(1);
    let is_cached = match arguments.next().as_deref() {
        Some("cached") => true,
        Some("recomputed") => false,
        _ => return Err("expected `cached` or `recomputed`".into()),
    };
    let rest: Vec<usize> = arguments.map(|argument| argument.parse()).collect::<Result<_, _>>()?;
    let argument = |index: usize, default| rest.get(index).copied().unwrap_or(default);
    let [batch, threads, steps, layers] = [argument(0, 32), argument(1, 2), argument(2, 3), argument(3, 0)];

    device::set_threads(threads);
    let unfreeze = (layers > 0).then_some(Unfreeze::Layers(layers));
    let config = Vgg16NetworkConfig { unfreeze, ..Vgg16NetworkConfig::default() };
    let pixels = Tensor::randint(256, [batch as i64, 3, 224, 224], (Kind::Uint8, Device::Cpu));
    let (input, inputs) = if is_cached {
        let base = Bottleneck::new(&config.encoder, config.unfreeze, PICTURE, 0, Device::Cpu)?;
        (InputShape::Frames(base.shape()), Inputs::frames(base.forward(&pixels)?))
    } else {
        (InputShape::Pictures(PICTURE), Inputs::pictures(pixels))
    };
    let network = Network::new(&NetworkConfig::Vgg16(config), &input, 7, 0, Device::Cpu)?;
    let adam = AdamConfig { learning_rate: 1e-5, ..AdamConfig::default() };
    let mut optimiser = Adam::new(network.trainable(), adam);
    let ys = Tensor::randint(7, [batch as i64], (Kind::Int64, Device::Cpu));
    let mut taken = Vec::new();
    for _ in 0..=steps {
        let start = Instant::now();
        // Batches are copied to where they are used, as in training.
        let inputs = Inputs { xs: inputs.xs.copy(), lengths: None };
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
