//! From steps to one vector a clip: the first, the last, the largest or the mean of the clip's own; their statistics; or either under
//! weights that are learnt.

use affekt_spec::network::{Pooling, PoolingAttention};
use affekt_torch::init::Vars;
use affekt_torch::uploaded;
use tch::{Kind, Tensor};

use crate::BuildError;
use crate::attentive_statistics::AttentiveStatistics;
use crate::wav2vec2::Valid;

/// A pooling with what it learns.
#[derive(Debug)]
pub struct Pool {
    pooling: Pooling,
    attention: Attention,
}

#[derive(Debug)]
enum Attention {
    None,
    Statistics(AttentiveStatistics),
    /// What every slice of a step's features is held against: `[heads, features / heads]`
    Slices(Tensor),
}

impl Pool {
    /// A pooling of steps of so many `features`. Parameters: `attention.…`
    pub fn new(
        vars: &Vars,
        pooling: Pooling,
        config: PoolingAttention,
        features: i64,
    ) -> Result<Self, BuildError> {
        let vars = vars / "attention";
        let attention = match pooling {
            Pooling::AttentiveStatistics => {
                Attention::Statistics(AttentiveStatistics::new(&vars, config, features)?)
            }
            Pooling::SelfAttention => {
                let heads = config.heads as i64;
                if heads == 0 || features % heads != 0 {
                    return Err(BuildError::PoolingHeads {
                        heads: config.heads,
                        features: features as usize,
                    });
                }
                let bound = ((features / heads) as f32).sqrt().recip();
                Attention::Slices(vars.uniform("weight", &[heads, features / heads], -bound, bound))
            }
            _ => Attention::None,
        };
        Ok(Self { pooling, attention })
    }

    /// Returns one vector a clip, `[batch, steps, features] -> [batch, width]`, of which `counts` steps are each clip's own, at least
    /// one. Those behind the clip never count.
    pub fn forward_t(&self, steps: &Tensor, counts: &[i64], train: bool) -> Tensor {
        match &self.attention {
            Attention::None => pooled(self.pooling, steps, counts),
            Attention::Statistics(attention) => attention.forward_t(steps, counts, train),
            Attention::Slices(weight) => {
                let (heads, slices) = (weight.size()[0], masked(steps, counts, 0.0));
                let slices = slices.unflatten(2, [heads, -1]); // [batch, steps, heads, features / heads]
                let scores = (&slices * weight).sum_dim_intlist(-1, /* keepdim */ false, Kind::Float);
                let weights = masked(&scores, counts, f64::NEG_INFINITY).softmax(1, Kind::Float);
                (slices * weights.unsqueeze(-1)).sum_dim_intlist(1, false, Kind::Float).flatten(1, 2)
            }
        }
    }
}

/// Pools without learning: of `Statistics` the width doubles.
pub fn pooled(pooling: Pooling, steps: &Tensor, counts: &[i64]) -> Tensor {
    match pooling {
        Pooling::First => steps.select(1, 0),
        Pooling::Last => {
            let last: Vec<_> = counts.iter().map(|count| count - 1).collect();
            let last = uploaded(&last, steps.device()).view([-1, 1, 1]);
            let last = last.expand([-1, -1, steps.size()[2]], /* implicit */ false);
            steps.gather(1, &last, /* sparse_grad */ false).squeeze_dim(1)
        }
        Pooling::Max => masked(steps, counts, f64::NEG_INFINITY).max_dim(1, /* keepdim */ false).0,
        Pooling::MeanButLast => {
            mean(steps, &counts.iter().map(|&count| (count - 1).max(1)).collect::<Vec<_>>())
        }
        Pooling::Statistics => statistics(steps, counts, None),
        Pooling::Mean | Pooling::AttentiveStatistics | Pooling::SelfAttention => mean(steps, counts),
    }
}

fn mean(steps: &Tensor, counts: &[i64]) -> Tensor {
    let sum = masked(steps, counts, 0.0).sum_dim_intlist(1, /* keepdim */ false, Kind::Float);
    sum / uploaded(counts, steps.device()).unsqueeze(1)
}

/// Mean and deviation of every feature over a clip's own steps, `[batch, steps, features] -> [batch, 2 features]`, each step weighing
/// as `weights` say (`[batch, steps, features]`, adding up to 1 over a clip's own and 0 behind it), or all alike.
pub fn statistics(steps: &Tensor, counts: &[i64], weights: Option<&Tensor>) -> Tensor {
    const SMALLEST_VARIANCE: f64 = 1e-12; // SpeechBrain's
    let own = masked(steps, counts, 0.0).to_kind(Kind::Float);
    let mean_of = |values: &Tensor| match weights {
        None => mean(values, counts),
        Some(weights) => (values * weights).sum_dim_intlist(1, /* keepdim */ false, Kind::Float),
    };
    let mean = mean_of(&own);
    let variance = mean_of(&(own - mean.unsqueeze(1)).square());
    Tensor::cat(&[mean, variance.clamp_min(SMALLEST_VARIANCE).sqrt()], 1)
}

/// `steps`, `[batch, steps, …]`, with `value` behind each clip.
pub fn masked(steps: &Tensor, counts: &[i64], value: f64) -> Tensor {
    match Valid::new(counts.to_vec(), steps.size()[1]).padding(steps.device()) {
        None => steps.shallow_clone(),
        Some(padding) => steps.masked_fill(&padding.unsqueeze(-1), value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two clips of two features, of three steps and of one; what stands behind the second counts for nothing.
    #[test]
    fn by_hand() {
        let nan = f64::NAN;
        let steps = [[[1.0, 9.0], [2.0, 7.0], [6.0, 5.0]], [[-4.0, 3.0], [nan, nan], [8.0, 8.0]]];
        let steps =
            Tensor::from_slice2(&steps.map(|clip| clip.concat())).view([2, 3, 2]).to_kind(Kind::Float);
        let of = |pooling| -> Vec<Vec<f64>> {
            pooled(pooling, &steps, &[3, 1]).to_kind(Kind::Double).try_into().unwrap()
        };
        for (pooling, expected) in [
            (Pooling::First, [[1.0, 9.0], [-4.0, 3.0]]),
            (Pooling::Last, [[6.0, 5.0], [-4.0, 3.0]]),
            (Pooling::Max, [[6.0, 9.0], [-4.0, 3.0]]),
            (Pooling::Mean, [[3.0, 7.0], [-4.0, 3.0]]),
            (Pooling::MeanButLast, [[1.5, 8.0], [-4.0, 3.0]]),
        ] {
            assert_eq!(of(pooling), expected, "{pooling:?}");
        }
        // Variances 14/3 and 8/3; of one step there is none.
        let expected = [[3.0, 7.0, (14_f64 / 3.0).sqrt(), (8_f64 / 3.0).sqrt()], [-4.0, 3.0, 1e-6, 1e-6]];
        for (found, expected) in of(Pooling::Statistics).concat().iter().zip(expected.concat()) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }
}
