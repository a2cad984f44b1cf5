//! Low-rank maps (LoRA) that were trained beside an encoder's weights: added to them, or written alone in the form of `peft`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::json;

use crate::artefact::write_safetensors;
use crate::{EncoderError, Weights};

/// The endings of the two factors' names, behind the name of what they stand beside.
const A: &str = ".lora_A.weight";
const B: &str = ".lora_B.weight";

/// Low-rank maps beside linear maps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lora {
    /// The rank.
    pub rank: usize,
    /// What products are multiplied by is this by the rank.
    pub alpha: f64,
    /// The share of their input dropped in training.
    pub dropout: f64,
}

impl Lora {
    /// Takes the low-rank maps out of an encoder's `tensors`, adding to each `X.weight` the product `alpha / rank · B A` of what stands
    /// beside it. Returns the maps by their names.
    #[must_use]
    pub fn merge(&self, tensors: &mut BTreeMap<String, Weights>) -> BTreeMap<String, Weights> {
        let is_factor = |name: &String| name.ends_with(A) || name.ends_with(B);
        let names: Vec<String> = tensors.keys().filter(|name| is_factor(name)).cloned().collect();
        let taken = names.into_iter().filter_map(|name| Some((name.clone(), tensors.remove(&name)?)));
        let factors: BTreeMap<String, Weights> = taken.collect();
        for (name, a) in &factors {
            let Some(module) = name.strip_suffix(A) else { continue };
            let weight = format!("{module}.weight");
            let (Some(b), Some(base)) = (factors.get(&format!("{module}{B}")), tensors.get_mut(&weight))
            else {
                continue;
            };
            *base = self.merged(base, a, b);
        }
        factors
    }

    /// `W + alpha / rank · B A`, in f64 and rounded once.
    fn merged(&self, base: &Weights, a: &Weights, b: &Weights) -> Weights {
        let (inputs, scale) = (base.shape()[1], self.alpha / self.rank as f64);
        let (a, b, mut values) = (a.values(), b.values(), base.values());
        for (row, of_b) in values.chunks_exact_mut(inputs).zip(b.chunks_exact(self.rank)) {
            for (column, value) in row.iter_mut().enumerate() {
                let product = of_b.iter().zip(a[column..].iter().step_by(inputs));
                let product: f64 = product.map(|(b, a)| f64::from(*b) * f64::from(*a)).sum();
                *value = (f64::from(*value) + scale * product) as f32;
            }
        }
        Weights::from_values(base.shape(), &values)
    }

    /// Writes the maps alone into `folder`, which is made: `adapter_model.safetensors` and `adapter_config.json`, which
    /// `peft.PeftModel.from_pretrained` reads for a model that holds the encoder as `wav2vec2`.
    ///
    /// # Errors
    /// When the folder or a file cannot be written, or a weight is not finite.
    pub fn write(&self, folder: &Path, factors: &BTreeMap<String, Weights>) -> Result<(), EncoderError> {
        fs::create_dir_all(folder).map_err(EncoderError::io(folder))?;
        let named = |(name, weights): (&String, &Weights)| {
            (format!("base_model.model.wav2vec2.{name}"), weights.clone())
        };
        let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
        let tensors = factors.iter().map(named).collect();
        write_safetensors(&folder.join("adapter_model.safetensors"), &metadata, &tensors)?;
        let mut targets: Vec<&str> =
            factors.keys().filter_map(|name| name.strip_suffix(A)?.rsplit('.').next()).collect();
        targets.sort_unstable();
        targets.dedup();
        let config = json!({
            "peft_type": "LORA",
            "r": self.rank,
            "lora_alpha": self.alpha,
            "lora_dropout": self.dropout,
            "target_modules": targets,
            "bias": "none",
            "inference_mode": true,
        });
        let path = folder.join("adapter_config.json");
        let text =
            serde_json::to_string_pretty(&config).map_err(|error| EncoderError::io(&path)(error.into()))?;
        fs::write(&path, text + "\n").map_err(EncoderError::io(&path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_by_hand() {
        let weights = |shape: &[usize], values: &[f32]| Weights::from_values(shape, values);
        let mut tensors = BTreeMap::from([
            ("x.q_proj.weight".to_owned(), weights(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])),
            ("x.q_proj.lora_A.weight".to_owned(), weights(&[1, 3], &[1.0, 0.0, -1.0])),
            ("x.q_proj.lora_B.weight".to_owned(), weights(&[2, 1], &[2.0, 3.0])),
            ("x.k_proj.weight".to_owned(), weights(&[1, 1], &[7.0])),
        ]);
        let lora = Lora { rank: 1, alpha: 0.5, dropout: 0.0 };
        let factors = lora.merge(&mut tensors);
        assert!(factors.keys().eq(["x.q_proj.lora_A.weight", "x.q_proj.lora_B.weight"]));
        assert!(tensors.keys().eq(["x.k_proj.weight", "x.q_proj.weight"]));
        assert_eq!(tensors["x.q_proj.weight"].values(), [2.0, 2.0, 2.0, 5.5, 5.0, 4.5]);
        assert_eq!(tensors["x.k_proj.weight"].values(), [7.0]);
    }
}
