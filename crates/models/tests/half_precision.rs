//! The convolutions of the shipped networks, at their true sizes, are right in half precision on this processor.

use affekt_models::states::{StatesConfig, StatesNetwork};
use affekt_models::wav2vec2::{Architecture, EncoderConfig};
use affekt_models::{InputShape, Inputs, Network};
use affekt_spec::network::{
    CnnConfig, EmbeddingCnnConfig, End2YouConfig, FineTunedConfig, NetworkConfig, ParallelCnnConfig,
    Vgg16NetworkConfig,
};
use affekt_torch::{Autocast, fp32_convolutions};
use tch::{Device, Kind, Tensor};

#[test]
fn shipped_networks_convolve_in_half_precision() {
    let one_layer = |architecture: Architecture| {
        let encoder = EncoderConfig { num_hidden_layers: 1, intermediate_size: 64, ..architecture.config() };
        NetworkConfig::Wav2Vec2(Box::new(FineTunedConfig {
            encoder: encoder.into(),
            ..FineTunedConfig::default()
        }))
    };
    let mut networks = vec![
        (NetworkConfig::Cnn(CnnConfig::default()), InputShape::Frames([128, 94])),
        (NetworkConfig::TwoCnns(CnnConfig::default()), InputShape::Frames([128, 94])),
        (NetworkConfig::ParallelCnn(ParallelCnnConfig::default()), InputShape::Frames([128, 94])),
        (NetworkConfig::EmbeddingCnn(EmbeddingCnnConfig::default()), InputShape::Frames([149, 32])),
        (NetworkConfig::End2You(End2YouConfig::default()), InputShape::Waveforms),
        (NetworkConfig::Vgg16(Vgg16NetworkConfig::default()), InputShape::Pictures([3, 224, 224])),
    ];
    // The others have no convolutions that these two have not.
    let encoders = [Architecture::Base, Architecture::LargeLv60k];
    networks.extend(encoders.map(|encoder| (one_layer(encoder), InputShape::Waveforms)));
    let _guard = Autocast::new(Device::Cpu, Kind::BFloat16).unwrap();
    let _no_grad = tch::no_grad_guard();
    let noise = |shape: &[i64]| Tensor::rand(shape, (Kind::Float, Device::Cpu)) - 0.5;
    for (config, input) in networks {
        let network = Network::new(&config, &input, 4, 1, Device::Cpu).unwrap();
        let inputs = match input {
            InputShape::Frames([bands, frames]) => Inputs::frames(noise(&[2, bands as i64, frames as i64])),
            InputShape::Pictures(shape) => {
                let [channels, height, width] = shape.map(|size| size as i64);
                Inputs::pictures(noise(&[1, channels, height, width]) * 255.0 + 127.5)
            }
            InputShape::Waveforms => Inputs::waveforms(noise(&[2, 8_000]), vec![8_000, 8_000]),
        };
        let _outputs = network.forward_t(&inputs, false).unwrap();
        assert_eq!(fp32_convolutions(), [""; 0], "{}", config.kind());
    }
    let states = StatesNetwork::new(&StatesConfig::default(), 4, 1, Device::Cpu).unwrap();
    let _outputs = states.forward_t(&noise(&[2, 8_000]), &[8_000; 2], false).unwrap();
    assert_eq!(fp32_convolutions(), [""; 0], "the network of states");
}
