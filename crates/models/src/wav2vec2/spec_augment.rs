//! Masks in training (SpecAugment, Park et al., arXiv 1904.08779): spans of frames become a learned vector, spans of
//! features 0.

use affekt_torch::init::Vars;
use affekt_torch::{Random, drawn_seed, upload};
use tch::Tensor;

use super::spans::Spans;
use super::valid::Valid;
use super::{EncoderConfig, SpansOver};

#[derive(Debug)]
pub struct SpecAugment {
    /// What stands for a masked frame. `[width]`
    masked_spec_embed: Option<Tensor>,
    time: Spans,
    feature: Spans,
    applied: bool,
    /// Where spans of frames are drawn.
    pub over: SpansOver,
}

impl SpecAugment {
    pub fn new(vars: &Vars, config: &EncoderConfig) -> Self {
        let (time, feature) = (Spans::of_frames(config), Spans::of_features(config));
        let embedded = time.share > 0.0 || feature.share > 0.0;
        let width = [config.hidden_size as i64];
        Self {
            // Where nothing is to be masked the vector is kept all the same, for checkpoints hold it.
            masked_spec_embed: embedded.then(|| vars.uniform("masked_spec_embed", &width, 0.0, 1.0)),
            time,
            feature,
            applied: config.apply_spec_augment,
            over: SpansOver::default(),
        }
    }

    /// Whether something can stand for masked frames.
    pub const fn has_mask(&self) -> bool {
        self.masked_spec_embed.is_some()
    }

    /// `[batch, frames, width]`, the same out. In training, spans of frames and of features are masked, by libtorch's
    /// generator; frames that the caller chose, `[batch, frames]`, take the place of spans of frames, in training or not.
    pub fn forward(&self, xs: &Tensor, valid: &Valid, chosen: Option<&Tensor>, train: bool) -> Tensor {
        let mut xs = xs.shallow_clone();
        if !self.applied {
            return xs;
        }
        // Nothing is drawn where there is no chance about it.
        let random = train.then(|| Random::new(drawn_seed(), "spec-augment"));
        let (masked, random) = match (chosen, random) {
            (Some(chosen), random) => (Some(chosen.shallow_clone()), random),
            (None, Some(mut random)) if self.time.share > 0.0 => {
                (Some(self.time.draw(valid, self.over, &mut random)), Some(random))
            }
            (None, random) => (None, random),
        };
        if let (Some(embed), Some(masked)) = (&self.masked_spec_embed, masked) {
            xs = embed.where_self(&upload(&masked, xs.device()).unsqueeze(-1), &xs);
        }
        if let Some(mut random) = random.filter(|_| self.feature.share > 0.0) {
            let (batch, width) = (valid.counts().len(), xs.size()[2]);
            let rows = Valid::new(vec![width; batch], width);
            let masked = self.feature.draw(&rows, SpansOver::Clips, &mut random);
            xs = xs.masked_fill(&upload(&masked, xs.device()).unsqueeze(1), 0.0);
        }
        xs
    }
}
