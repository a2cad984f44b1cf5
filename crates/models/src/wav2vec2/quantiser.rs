//! Product quantisation (Jégou et al., 2011): a frame's features become codewords, one from each of some groups, chosen
//! by Gumbel softmax (Jang et al., arXiv 1611.01144). `Wav2Vec2GumbelVectorQuantizer` of transformers.

use affekt_torch::init::Vars;
use affekt_torch::without_autocast;
use tch::nn::Module;
use tch::{Kind, Tensor, nn};

use super::EncoderConfig;

/// How codewords are chosen.
#[derive(Debug, Clone, Copy)]
pub enum Choice<'a> {
    /// The likeliest; no gradient goes through the choice.
    Likeliest,
    /// The likeliest after noise, which makes it a draw by the probabilities. Gradients are those of the softmax of the same
    /// numbers.
    Gumbel {
        /// What log-probabilities and noise are divided by before that softmax. Published: from 2 down to 0.5.
        temperature: f64,
        /// Gumbel-distributed numbers, `[batch, frames, groups, codewords]`: [`super::PretrainingHead::gumbel_noise`].
        noise: &'a Tensor,
    },
}

#[derive(Debug)]
pub struct Quantiser {
    /// `[1, groups · codewords, width of one]`
    codevectors: Tensor,
    weight_proj: nn::Linear,
    groups: i64,
}

/// What frames were quantised to.
pub struct Quantised {
    /// Codewords side by side. `[batch, frames, codevector_dim]`
    pub vectors: Tensor,
    /// Which they are: equal where all groups' codewords are. `[batch, frames]`, whole numbers
    pub codes: Tensor,
    /// How likely the head finds each codeword. When the likeliest are chosen, 1 for those and 0 for others.
    /// `[batch, frames, groups, codewords]`
    pub probabilities: Tensor,
}

impl Quantiser {
    pub fn new(vars: &Vars, config: &EncoderConfig) -> Self {
        let channels = config.conv_dim.last().copied().unwrap_or(1) as i64;
        let groups = config.num_codevector_groups as i64;
        let codewords = groups * config.num_codevectors_per_group as i64;
        let weight_proj = vars / "weight_proj";
        let width = config.codevector_dim as i64 / groups;
        Self {
            codevectors: vars.uniform("codevectors", &[1, codewords, width], 0.0, 1.0),
            weight_proj: nn::Linear {
                ws: weight_proj.normal("weight", &[codewords, channels], 1.0),
                bs: Some(weight_proj.constant("bias", &[codewords], 0.0)),
            },
            groups,
        }
    }

    /// `[batch, frames, channels]` to codewords.
    pub fn forward(&self, features: &Tensor, choice: Choice) -> Quantised {
        let shape = features.size();
        let [batch, frames] = [shape[0], shape[1]];
        let logits = self.weight_proj.forward(features).to_kind(Kind::Float);
        let logits = logits.view([batch, frames, self.groups, -1]);
        let codewords = logits.size()[3];
        let (chosen, weights, probabilities) = match choice {
            Choice::Likeliest => {
                let chosen = logits.argmax(-1, false);
                let weights = one_hot(&chosen, codewords);
                (chosen, weights.shallow_clone(), weights)
            }
            Choice::Gumbel { temperature, noise } => {
                let soft = ((&logits + noise) / temperature).softmax(-1, Kind::Float);
                let chosen = soft.argmax(-1, false);
                // Exactly 0 or 1, with the gradient of `soft`.
                let weights = one_hot(&chosen, codewords) + (&soft - soft.detach());
                (chosen, weights, logits.softmax(-1, Kind::Float))
            }
        };
        // [groups, batch · frames, codewords] · [groups, codewords, width of one]
        let weights = weights.view([batch * frames, self.groups, codewords]).transpose(0, 1);
        let codevectors = self.codevectors.view([self.groups, codewords, -1]);
        let vectors = without_autocast(|| weights.bmm(&codevectors)); // nothing but codewords, unrounded
        let vectors = vectors.transpose(0, 1).reshape([batch, frames, -1]);
        let codes = chosen.unbind(-1).into_iter().reduce(|codes, group| codes * codewords + group);
        Quantised { vectors, codes: codes.expect("a configuration has a group or more"), probabilities }
    }
}

/// `[…] -> […, codewords]`, 1 at each number's place.
fn one_hot(chosen: &Tensor, codewords: i64) -> Tensor {
    let shape = [chosen.size(), vec![codewords]].concat();
    let zeros = Tensor::zeros(shape, (Kind::Float, chosen.device()));
    zeros.scatter_value(-1, &chosen.unsqueeze(-1), 1.0)
}

/// How many codewords are in use, all groups' together: the exponential of the entropy of the mean over frames.
/// `[frames, groups, codewords]` to one number.
pub fn perplexity(probabilities: &Tensor) -> Tensor {
    perplexity_of_mean(&probabilities.mean_dim(0, /* keepdim */ false, Kind::Float))
}

/// The same of that mean, `[groups, codewords]`.
pub fn perplexity_of_mean(marginal: &Tensor) -> Tensor {
    let entropy = -marginal.xlogy(marginal).sum_dim_intlist(-1, /* keepdim */ false, Kind::Float);
    entropy.exp().sum(Kind::Float)
}
