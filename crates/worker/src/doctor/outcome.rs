//! What a network makes of a batch, and of itself: outputs, loss, gradients and one step of the optimiser.

use affekt_torch::{Adam, AdamConfig, Autocast, NamedTensors, Random};
use tch::{Device, Kind, Tensor};

use super::sketch::{Sketch, sketch, sketch_balanced};

/// Whatever fails.
pub type Error = Box<dyn std::error::Error>;

/// Where and how a network is computed.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub device: Device,
    /// By autocast to what; none in f32.
    pub half: Option<Kind>,
}

/// What was computed, in the order that it is.
#[derive(Debug)]
pub struct Outcome {
    /// What the loss is computed from, where it can be seen.
    pub outputs: Option<Sketch>,
    pub loss: Sketch,
    pub gradients: Sketch,
    pub step: Sketch,
}

impl Outcome {
    /// Computes a network's outputs and loss, gradients and a step.
    ///
    /// # Errors
    /// Those of `forward`, and libtorch's.
    pub fn of(
        place: Place,
        trainable: NamedTensors,
        forward: impl FnOnce() -> Result<(Option<Tensor>, Tensor), Error>,
    ) -> Result<Self, Error> {
        let guard = place.half.map(|half| Autocast::new(place.device, half)).transpose()?;
        let (outputs, loss) = forward()?;
        drop(guard);
        loss.f_backward()?;
        let parameters: Vec<Tensor> = trainable.values().map(Tensor::shallow_clone).collect();
        let gradients: Vec<Tensor> =
            parameters.iter().map(Tensor::grad).filter(Tensor::defined).map(|grad| grad.copy()).collect();
        let before: Vec<Tensor> = parameters.iter().map(|parameter| parameter.detach().copy()).collect();
        Adam::new(trainable, ADAM).step()?;
        let changes = parameters.iter().zip(before).map(|(after, before)| after.detach() - before);
        Ok(Self {
            outputs: outputs.map(|outputs| sketch(&[outputs.detach()])),
            loss: vec![loss.f_double_value(&[])?],
            gradients: sketch_balanced(&gradients),
            step: sketch(&changes.collect::<Vec<_>>()),
        })
    }

    /// Returns its parts by name, in the order that they are computed.
    pub fn parts(self) -> impl Iterator<Item = (&'static str, Sketch)> {
        let rest = [("loss", self.loss), ("gradients", self.gradients), ("step", self.step)];
        self.outputs.map(|outputs| ("outputs", outputs)).into_iter().chain(rest)
    }
}

/// With so large an epsilon a step does not jump where a gradient is 0 but for rounding.
const ADAM: AdamConfig = AdamConfig {
    learning_rate: 1e-2,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-3,
    epsilon_before_correction: false,
    weight_decay: 0.0,
    decoupled: false,
};

/// Numbers in −1..1, the same on every machine, for whatever is called `name`.
pub fn noise(name: &str, shape: &[i64], device: Device) -> Tensor {
    let mut random = Random::new(0, name);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| random.uniform(-1.0, 1.0)).collect();
    Tensor::from_slice(&values).view(shape).to_device(device)
}
