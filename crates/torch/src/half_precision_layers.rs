//! Proofs of libtorch's other layers in half precision: what wav2vec 2.0 is made of beside convolutions.
//!
//! Autocast computes linear maps, products of matrices and attention in half precision. Each is computed once both ways, at the
//! widths of the published encoders, before a training relies on it. Layer norms, softmax and losses stay in f32, recurrent layers
//! are kept there by the networks, and convolutions are proven one by one where they are met (`half_precision.rs`).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tch::{Device, Kind, Tensor};

use crate::half_precision::{TOLERANCE, relative_errors};
use crate::{Random, without_autocast};

/// A kind of layer, and how far it is from f32 in half precision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerProof {
    /// What it is.
    pub layer: &'static str,
    /// The largest error of its output and its gradients, relative to their norm. Not a number where they are none.
    pub error: f64,
}

impl LayerProof {
    /// The most that rounding loses.
    pub const TOLERANCE: f64 = TOLERANCE;

    /// Returns whether no more is lost than by rounding.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.error <= Self::TOLERANCE
    }
}

/// A layer of inputs, all of which have gradients.
struct Layer {
    name: &'static str,
    inputs: &'static [&'static [i64]],
    forward: fn(&[Tensor]) -> Tensor,
}

const LAYERS: [Layer; 4] = [
    Layer {
        name: "a linear map of 768 to 3072",
        inputs: &[&[2, 49, 768], &[3072, 768], &[3072]],
        forward: |xs| xs[0].linear(&xs[1], Some(&xs[2])),
    },
    Layer {
        name: "a linear map of 512 to 7",
        inputs: &[&[5, 512], &[7, 512], &[7]],
        forward: |xs| xs[0].linear(&xs[1], Some(&xs[2])),
    },
    Layer {
        name: "a product of matrices",
        inputs: &[&[24, 49, 64], &[24, 64, 49]],
        forward: |xs| xs[0].bmm(&xs[1]),
    },
    Layer {
        name: "attention of 12 heads of 64",
        inputs: &[&[2, 12, 49, 64], &[2, 12, 49, 64], &[2, 12, 49, 64]],
        forward: |xs| {
            Tensor::scaled_dot_product_attention(
                &xs[0],
                &xs[1],
                &xs[2],
                None::<Tensor>,
                /* dropout */ 0.0,
                /* causal */ false,
                None,
                false,
            )
        },
    },
];

/// Computes each kind of layer in half precision and in f32, from the same rounded random numbers: once a process and device.
#[must_use]
pub fn prove_layers(device: Device, kind: Kind) -> Vec<LayerProof> {
    static PROVEN: Mutex<Option<HashMap<String, Vec<LayerProof>>>> = Mutex::new(None);
    let mut proven = PROVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let proven = proven.get_or_insert_default();
    proven.entry(format!("{device:?} {kind:?}")).or_insert_with(|| proofs(device, kind)).clone()
}

fn proofs(device: Device, kind: Kind) -> Vec<LayerProof> {
    let mut random = Random::new(0, "proof of a layer");
    let mut draw = |shape: &[i64]| {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| random.uniform(-1.0, 1.0)).collect();
        Tensor::from_slice(&values).view(shape).to_device(device).to_kind(kind)
    };
    let proof = |layer: &Layer| {
        let inputs: Vec<Tensor> = layer.inputs.iter().map(|shape| draw(shape)).collect();
        let errors = relative_errors(&inputs, kind, &mut draw, layer.forward);
        // A maximum would pass over what is no number.
        let worst = |worst: f64, error: f64| if error <= worst { worst } else { error };
        LayerProof { layer: layer.name, error: errors.into_iter().fold(0.0, worst) }
    };
    let mut proof = proof;
    without_autocast(|| tch::with_grad(|| LAYERS.iter().map(&mut proof).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_right_on_this_processor() {
        for kind in [Kind::BFloat16, Kind::Half] {
            let proofs = prove_layers(Device::Cpu, kind);
            assert_eq!(proofs.len(), LAYERS.len());
            for proof in proofs {
                assert!(0.0 < proof.error && proof.holds(), "{kind:?}: {proof:?}");
            }
        }
    }

    #[test]
    fn what_is_wrong_or_no_number_does_not_hold() {
        let proof = |error| LayerProof { layer: "any", error };
        assert!(proof(0.049).holds() && !proof(0.051).holds() && !proof(f64::NAN).holds());
    }
}
