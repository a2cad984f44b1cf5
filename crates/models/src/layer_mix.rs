//! Which hidden states of an encoder a network reads, as one: a state, or the sum of several under learnt weights.
//!
//! The weights are the softmax of one number a layer, which begin alike: SUPERB's (Yang et al., arXiv 2105.01051) and
//! `use_weighted_layer_sum` of transformers, under its name `layer_weights`.

use affekt_spec::network::{EncoderLayer, NetworkConfig};
use affekt_torch::init::Vars;
use affekt_torch::{NamedTensors, TorchError};
use tch::{Kind, Tensor};

use crate::BuildError;
use crate::speech_encoder::Encoded;

/// What is read of the hidden states.
#[derive(Debug)]
pub struct LayerMix {
    layer: EncoderLayer,
    /// `[states]`, where weights are learnt.
    weights: Option<Tensor>,
}

/// The name of the learnt numbers among a network's tensors.
const WEIGHTS: &str = "layer_weights";

impl LayerMix {
    /// Reads an encoder of so many `layers`.
    ///
    /// # Errors
    /// When it has not one of the layers.
    pub fn new(vars: &Vars, layer: &EncoderLayer, layers: usize) -> Result<Self, BuildError> {
        let states = layer.states(layers);
        let lowest = usize::from(!layer.is_weighted());
        if let Some(&layer) = states.iter().find(|layer| !(lowest..=layers).contains(*layer)) {
            return Err(BuildError::Layer { layer, layers });
        }
        let count = states.len() as i64;
        let weights = layer.is_weighted().then(|| vars.constant(WEIGHTS, &[count], 1.0 / count as f64));
        Ok(Self { layer: layer.clone(), weights })
    }

    /// Returns what is read: `[batch, frames, width]`
    pub fn forward(&self, encoded: &Encoded) -> Tensor {
        let layers = encoded.states.len() - 1;
        let states = self.layer.states(layers);
        let Some(weights) = &self.weights else {
            let one =
                if self.layer == EncoderLayer::Last { &encoded.last } else { &encoded.states[states[0]] };
            return one.shallow_clone();
        };
        let weights = weights.softmax(0, Kind::Float).unbind(0);
        let weighted = states.iter().zip(weights).map(|(&at, weight)| &encoded.states[at] * weight);
        weighted.reduce(|sum, state| sum + state).unwrap_or_else(|| encoded.last.shallow_clone())
    }
}

/// Returns the weights that a network has learnt, by layer (0 is what enters the first), where it has such.
///
/// # Errors
/// When libtorch refuses.
pub fn learnt_weights(
    network: &NetworkConfig,
    tensors: &NamedTensors,
) -> Result<Option<Vec<(usize, f64)>>, TorchError> {
    let NetworkConfig::Wav2Vec2(config) = network else { return Ok(None) };
    let Some(weights) = tensors.get(WEIGHTS) else { return Ok(None) };
    let layers = config.layer.states(config.layer.highest(config.encoder.layers()));
    let weights = Vec::<f64>::try_from(weights.f_softmax(0, Kind::Double)?)?;
    Ok(Some(layers.into_iter().zip(weights).collect()))
}
