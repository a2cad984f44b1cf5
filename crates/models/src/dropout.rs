//! Dropout (Srivastava et al., 2014) whose masks cost little on the CPU.
//!
//! With libtorch's own masks a third of B3's training step is drawing random numbers, a dozen nanoseconds each. Here one
//! draw of its generator starts a stream of SplitMix64, of which every number decides about two activations.

use affekt_random::{DropoutMask, Random};
use affekt_torch::{counts_operators, drawn_seed, drawn_unit, filled_in_parallel};
use tch::{Device, Tensor};

/// In training, `xs` with a `share` of its numbers, each by chance, set to 0 and the others divided by 1 − `share`. Which
/// ones is a function of libtorch's generator (`tch::manual_seed`), on the CPU whatever the number of threads.
pub fn dropout(xs: &Tensor, share: f64, train: bool) -> Tensor {
    if !train || share == 0.0 {
        return xs.shallow_clone();
    }
    if xs.device() != Device::Cpu || counts_operators() {
        return xs.dropout(share, train); // one fused kernel there
    }
    xs * mask(&xs.size(), share)
}

/// 0 or 1 / (1 − `share`) for every number of a tensor.
fn mask(shape: &[i64], share: f64) -> Tensor {
    let mask = DropoutMask::new(Random::new(drawn_seed(), "dropout"), share);
    let tensor = filled_in_parallel(shape, |first, values| mask.write(first, values));
    tensor.expect("there is memory for a tensor beside one of its size")
}

/// True in a `share` of cases, by libtorch's generator on the CPU (`tch::manual_seed`).
pub fn by_chance(share: f64) -> bool {
    share > 0.0 && drawn_unit() < share
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;
    use crate::generator::alone;

    fn dropped(seed: i64, count: i64, share: f64) -> Vec<f32> {
        let _alone = alone();
        tch::manual_seed(seed);
        Vec::try_from(dropout(&Tensor::ones([count], (Kind::Float, Device::Cpu)), share, true)).unwrap()
    }

    #[test]
    fn a_share_is_dropped_and_the_mean_is_kept() {
        const COUNT: usize = 200_001;
        for share in [0.1, 0.4, 0.5, 0.9] {
            let ys = dropped(1, COUNT as i64, share);
            let kept = (1.0 / (1.0 - share)) as f32;
            assert!(ys.iter().all(|&y| y == 0.0 || y == kept), "{share}");
            let zeros = |ys: &mut dyn Iterator<Item = bool>| ys.filter(|zero| *zero).count() as f64;
            // Each bound is five standard deviations of a binomial distribution.
            let near = |found: f64, share: f64, of: usize| {
                let (mean, deviation) = (share * of as f64, (share * (1.0 - share) * of as f64).sqrt());
                assert!((found - mean).abs() < 5.0 * deviation, "{share}: {found} of {of}");
            };
            near(zeros(&mut ys.iter().map(|&y| y == 0.0)), share, COUNT);
            // Neighbours do not depend on each other: those of one draw of the stream, and those of two.
            for first in [0, 1] {
                let pairs = ys[first..].chunks_exact(2).map(|pair| pair == [0.0, 0.0]);
                near(zeros(&mut pairs.into_iter()), share * share, COUNT / 2);
            }
        }
    }

    #[test]
    fn a_seed_drops_the_same_and_the_next_call_others() {
        assert_eq!(dropped(1, 1000, 0.4), dropped(1, 1000, 0.4));
        assert_ne!(dropped(1, 1000, 0.4), dropped(2, 1000, 0.4));
        let _alone = alone();
        let xs = Tensor::ones([1000], (Kind::Float, Device::Cpu));
        assert_ne!(dropout(&xs, 0.4, true), dropout(&xs, 0.4, true));
    }

    #[test]
    fn gradients_are_those_of_what_was_kept() {
        let _alone = alone();
        let xs = Tensor::ones([1000], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let ys = dropout(&xs, 0.4, true);
        ys.sum(Kind::Float).backward();
        assert_eq!(xs.grad(), ys.detach());
    }

    #[test]
    fn nothing_is_dropped_when_not_in_training() {
        let xs = Tensor::ones([9], (Kind::Float, Device::Cpu));
        assert_eq!(dropout(&xs, 0.4, false), xs);
        assert_eq!(dropout(&xs, 0.0, true), xs);
    }
}
