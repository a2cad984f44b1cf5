//! From steps to one vector a clip: the first step, the last, the largest number or the mean of the clip's own.

use affekt_spec::network::Pooling;
use affekt_torch::uploaded;
use tch::{Kind, Tensor};

use crate::wav2vec2::Valid;

/// Returns one vector a clip, `[batch, steps, features] -> [batch, features]`, of which `counts` steps are each clip's own, at least
/// one. Those behind the clip never count.
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
        Pooling::Mean => mean(steps, counts),
        Pooling::MeanButLast => {
            mean(steps, &counts.iter().map(|&count| (count - 1).max(1)).collect::<Vec<_>>())
        }
    }
}

fn mean(steps: &Tensor, counts: &[i64]) -> Tensor {
    let sum = masked(steps, counts, 0.0).sum_dim_intlist(1, /* keepdim */ false, Kind::Float);
    sum / uploaded(counts, steps.device()).unsqueeze(1)
}

/// `steps` with `value` behind each clip.
fn masked(steps: &Tensor, counts: &[i64], value: f64) -> Tensor {
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
        for (pooling, expected) in [
            (Pooling::First, [[1.0, 9.0], [-4.0, 3.0]]),
            (Pooling::Last, [[6.0, 5.0], [-4.0, 3.0]]),
            (Pooling::Max, [[6.0, 9.0], [-4.0, 3.0]]),
            (Pooling::Mean, [[3.0, 7.0], [-4.0, 3.0]]),
            (Pooling::MeanButLast, [[1.5, 8.0], [-4.0, 3.0]]),
        ] {
            let found: Vec<Vec<f64>> =
                pooled(pooling, &steps, &[3, 1]).to_kind(Kind::Double).try_into().unwrap();
            assert_eq!(found, expected, "{pooling:?}");
        }
    }
}
