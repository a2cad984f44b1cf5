//! WavLM's bias of relative positions (arXiv 2110.13900, section III-B): what attention's scores get for how far a key lies from
//! its query, the same in all layers, and gated in each by what stands at the query.

use affekt_torch::init::Vars;
use tch::nn::Module;
use tch::{Device, Kind, Tensor, nn};

use super::EncoderConfig;
use super::init::{linear, shared_linear};

/// A number for each class of distances and each head. It stands in the first layer.
#[derive(Debug)]
pub struct PositionBias {
    /// `[num_buckets, heads]`
    weight: Tensor,
    max_distance: f64,
}

impl PositionBias {
    pub fn new(vars: &Vars, config: &EncoderConfig) -> Self {
        let shape = [config.num_buckets as i64, config.num_attention_heads as i64];
        let weight = (vars / "rel_attn_embed").normal("weight", &shape, 1.0);
        Self { weight, max_distance: config.max_bucket_distance as f64 }
    }

    /// The bias among so many frames, `[1, heads, queries, keys]`.
    pub fn forward(&self, frames: i64) -> Tensor {
        let buckets = buckets(frames, self.weight.size()[0], self.max_distance, self.weight.device());
        let of_pairs = self.weight.index_select(0, &buckets.flatten(0, 1)).view([frames, frames, -1]);
        of_pairs.permute([2, 0, 1]).unsqueeze(0)
    }
}

/// The classes of all pairs, `[queries, keys]`: one for each small distance, then wider ones in logarithmic steps up to
/// `max_distance`; the second half is of keys behind the query.
fn buckets(frames: i64, buckets: i64, max_distance: f64, device: Device) -> Tensor {
    let positions = Tensor::arange(frames, (Kind::Int64, device));
    let relative = positions.unsqueeze(0) - positions.unsqueeze(1);
    let of_direction = buckets / 2;
    let exact = of_direction / 2;
    let distance = relative.abs();
    // Computed in f32, as the reference does: a rounding decides the class.
    let steps = (distance.to_kind(Kind::Float) / exact as f64).log() / (max_distance / exact as f64).ln();
    let steps = steps * (of_direction - exact) as f64 + exact as f64;
    let wide = steps.clamp_max((of_direction - 1) as f64).to_kind(Kind::Int64);
    let bucket = distance.where_self(&distance.lt(exact), &wide);
    bucket + relative.gt(0).to_kind(Kind::Int64) * of_direction
}

/// The gate of a layer.
#[derive(Debug)]
pub struct Gate {
    /// `[1, heads, 1, 1]`
    constant: Tensor,
    /// From a head's part of a frame to eight numbers.
    projection: nn::Linear,
}

impl Gate {
    pub fn new(vars: &Vars, config: &EncoderConfig) -> Self {
        let heads = config.num_attention_heads;
        Self {
            constant: vars.constant("gru_rel_pos_const", &[1, heads as i64, 1, 1], 1.0),
            projection: linear(&(vars / "gru_rel_pos_linear"), config, config.hidden_size / heads, 8),
        }
    }

    /// The same once more: the parameters are shared.
    pub fn shared(&self) -> Self {
        Self { constant: self.constant.shallow_clone(), projection: shared_linear(&self.projection) }
    }

    /// The gated bias, `[batch, heads, queries, keys]`, of frames `[batch, frames, width]`.
    pub fn forward(&self, xs: &Tensor, bias: &Tensor) -> Tensor {
        let (shape, heads) = (xs.size(), self.constant.size()[1]);
        let parts = xs.view([shape[0], shape[1], heads, -1]).transpose(1, 2);
        let gates = self.projection.forward(&parts).view([shape[0], heads, shape[1], 2, 4]);
        let gates = gates.sum_dim_intlist(-1, /* keepdim */ false, Kind::Float).sigmoid().chunk(2, -1);
        let gate = &gates[0] * (&gates[1] * &self.constant - 1.0) + 2.0; // [batch, heads, frames, 1]
        gate * bias
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight classes, four a direction: 0 and 1 exactly, then 2 and beyond in steps up to a distance of 8.
    #[test]
    fn distances_by_hand() {
        let found = Vec::<Vec<i64>>::try_from(buckets(9, 8, 8.0, Device::Cpu)).unwrap();
        assert_eq!(found[0], [0, 5, 6, 6, 7, 7, 7, 7, 7]);
        assert_eq!(found[8], [3, 3, 3, 3, 3, 2, 2, 1, 0]);
    }
}
