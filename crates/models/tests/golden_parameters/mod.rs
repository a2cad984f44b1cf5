//! What tests against a reference share: parameters with the weights of the goldens' scripts, and their gradients.

use std::collections::BTreeMap;

use affekt_models::wav2vec2::map_names;
use tch::{Kind, Tensor, nn};

use crate::formula::{Sketch, noise};

/// Relative to a gradient's norm.
const GRADIENT_TOLERANCE: f64 = 1e-3;

/// All parameters of a network, with the weights of the goldens, and under which name transformers has them.
pub struct Parameters {
    pub ours: BTreeMap<String, Tensor>,
    pub names: BTreeMap<String, String>,
}

impl Parameters {
    pub fn of(store: &nn::VarStore, theirs: &BTreeMap<String, Vec<i64>>) -> Self {
        let ours: BTreeMap<_, _> = store.variables().into_iter().collect();
        for (name, tensor) in &ours {
            tch::no_grad(|| tensor.shallow_clone().copy_(&weight(name, &tensor.size())));
        }
        let shapes = ours.iter().map(|(name, tensor)| (name.clone(), tensor.size())).collect();
        let map = map_names(theirs, &shapes);
        assert!(map.missing.is_empty() && map.unexpected.is_empty() && map.mis_shaped.is_empty(), "{map:?}");
        Self { ours, names: map.tensors }
    }

    /// Asserts that gradients equal these, by the names of the reference; where there is none, none. Returns the greatest difference,
    /// relative to the gradient's norm.
    pub fn gradients_are(&self, case: &str, theirs: &BTreeMap<String, Sketch>) -> f64 {
        let mut greatest = 0.0_f64;
        let scale = theirs.values().map(|sketch| sketch.norm).fold(0.0, f64::max);
        for (ours, name) in &self.names {
            let gradient = self.ours[ours].grad();
            let Some(theirs) = theirs.get(name) else {
                assert!(!gradient.defined(), "{case}: {ours}");
                continue;
            };
            // A bias of all keys adds the same to all scores of a frame: its gradient is 0 but for rounding.
            let scale = if ours.ends_with("k_proj.bias") { scale } else { theirs.norm };
            let error = Sketch::of(ours, &gradient).distance(theirs) / scale;
            assert!(error <= GRADIENT_TOLERANCE, "{case}: gradient of {ours}: {error:e}");
            greatest = greatest.max(error);
        }
        greatest
    }
}

/// What the scripts give a parameter of this name.
pub fn weight(name: &str, shape: &[i64]) -> Tensor {
    let noise = noise(name, shape);
    let values = if name.ends_with("weight_g") || (shape.len() == 1 && name.ends_with("weight")) {
        noise / 2.0 + 1.0
    } else if shape.len() > 1 {
        noise / (shape[1..].iter().product::<i64>() as f64).sqrt()
    } else {
        noise / 4.0
    };
    values.to_kind(Kind::Float)
}
