//! Masks in training over what a frozen encoder gives: spans of frames and spans of features become 0.

use affekt_torch::{Random, drawn_seed, upload};
use tch::Tensor;

use crate::wav2vec2::{Spans, SpansOver};

/// `[batch, frames, features]`, the same out, masked by libtorch's generator.
pub fn masked(xs: &Tensor, frames: Spans, features: Spans) -> Tensor {
    let mut random = Random::new(drawn_seed(), "spec-augment");
    let shape = xs.size();
    let mut mask = |xs: Tensor, spans: Spans, axis: i64| {
        if spans.share == 0.0 {
            return xs;
        }
        let total = shape[axis as usize];
        let counts = vec![total; shape[0] as usize];
        let masked = spans.mask(&counts, total, SpansOver::Clips, &mut random);
        let masked = upload(&masked, xs.device());
        xs.masked_fill(&masked.unsqueeze(3 - axis), 0.0)
    };
    let xs = mask(xs.shallow_clone(), frames, 1);
    mask(xs, features, 2)
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn frames_and_features_are_masked_in_spans() {
        let _alone = crate::generator::alone();
        let xs = Tensor::ones([3, 40, 20], (Kind::Float, Device::Cpu));
        let none = Spans { share: 0.0, length: 3, least: 1 };
        let zeros = |xs: &Tensor, axis: i64| {
            // How many frames, or features, of each clip are 0 throughout.
            let gone = xs.eq(0.0).all_dim(axis, /* keepdim */ false);
            Vec::<i64>::try_from(gone.sum_dim_intlist(1, false, Kind::Int64)).unwrap()
        };
        assert_eq!(masked(&xs, none, none), xs);
        let frames = masked(&xs, Spans { share: 0.1, length: 4, least: 2 }, none);
        assert!(zeros(&frames, 2).iter().all(|count| (5..=8).contains(count)), "{:?}", zeros(&frames, 2));
        assert_eq!(zeros(&frames, 1), [0; 3]);
        let features = masked(&xs, none, Spans { share: 0.01, length: 6, least: 1 });
        assert_eq!(zeros(&features, 1), [6; 3]);
        assert_eq!(zeros(&features, 2), [0; 3]);
    }
}
