//! Numbers that goldens' scripts and tests both make by formula, so that no file need hold them, and gradients in brief.

use serde::Deserialize;
use tch::{Kind, Tensor};

/// A tensor's norm and its products with random vectors of signs.
#[derive(Clone, Deserialize)]
pub struct Sketch {
    pub norm: f64,
    projections: [f64; 16],
}

impl Sketch {
    /// That of the tensor that has this name.
    pub fn of(name: &str, tensor: &Tensor) -> Self {
        let entries = Vec::<f64>::try_from(tensor.flatten(0, -1).to_kind(Kind::Double)).unwrap();
        let mut projections = [0.0; 16];
        for (&entry, signs) in entries.iter().zip(bits(&format!("{name}?"))) {
            for (i, projection) in projections.iter_mut().enumerate() {
                *projection += if signs >> i & 1 == 1 { entry } else { -entry };
            }
        }
        Self { norm: entries.iter().map(|entry| entry * entry).sum::<f64>().sqrt(), projections }
    }

    /// How far the tensors are apart, or their norms if that is more. The mean square of a difference's projections
    /// estimates its squared norm.
    pub fn distance(&self, other: &Self) -> f64 {
        let squares = self.projections.iter().zip(&other.projections).map(|(a, b)| (a - b).powi(2));
        (squares.sum::<f64>() / 16.0).sqrt().max((self.norm - other.norm).abs())
    }
}

/// Uniform in −1..1, in double precision.
pub fn noise(name: &str, shape: &[i64]) -> Tensor {
    let values = bits(name).map(|bits| (bits >> 40) as f64 / f64::from(1 << 23) - 1.0);
    let values: Vec<f64> = values.take(shape.iter().product::<i64>() as usize).collect();
    Tensor::from_slice(&values).view(shape)
}

/// 64 random bits an entry: SplitMix64 from a start that the name gives. The same function stands in the scripts.
fn bits(name: &str) -> impl Iterator<Item = u64> {
    let start =
        name.bytes().fold(0_u64, |start, byte| start.wrapping_mul(31).wrapping_add(byte.into())) << 32;
    (1_u64..).map(move |entry| {
        let z = start.wrapping_add(entry.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}
