//! End2You (Tzirakis et al., arXiv 1802.01115; its network "Emo18": ICASSP 2018, pages 5089–5093): convolutions over every
//! tenth of a second of sound, and an LSTM over those. The end-to-end baseline of A-VB 2022 (arXiv 2207.03572), which
//! reads the output at the last step.
//!
//! ```text
//! waveforms ─ chunks ─ 3 × block ─ flatten ─ LSTM ─ linear ─ pooling
//! 16 kHz     0.1 s    64 128 256     512     2 × 256
//! block = convolution ─ batch norm ─ leaky ReLU ─ max pool
//! ```
//!
//! As in the published code a clip has as many chunks as fit into it, and what is left over goes. Other than there, a clip
//! shorter than a chunk has one, with zeros behind it, and batch norm sees the clips' own chunks alone: padding would
//! move its statistics.

use affekt_spec::network::{End2YouConfig, OutputActivation};
use affekt_torch::init::{self, Vars};
use affekt_torch::{BatchNorm, Convolution, uploaded};
use tch::Tensor;
use tch::nn::ModuleT;

use crate::clip_head::{ClipHead, HeadConfig};
use crate::lstm::Lstm;
use crate::network::WaveformModule;
use crate::{BuildError, ForwardError};

/// Convolutions over chunks, an LSTM over those.
#[derive(Debug)]
pub struct End2You {
    chunk: usize,
    blocks: Vec<Block>,
    lstm: Lstm,
    head: ClipHead,
}

impl End2You {
    /// A network whose weights are a function of the seed of `vars`: convolutions begin as there, the rest as in PyTorch.
    pub fn new(vars: &Vars, config: &End2YouConfig, outputs: usize) -> Result<Self, BuildError> {
        let features = features(config)?;
        let mut inputs = 1;
        let mut blocks = Vec::new();
        for (i, ((&channels, &kernel), &pool)) in
            (1..).zip(config.channels.iter().zip(&config.kernels).zip(&config.pools))
        {
            blocks.push(Block::new(&(vars / &format!("block{i}")), inputs, channels, kernel, pool));
            inputs = channels;
        }
        let head = HeadConfig {
            pooling: config.pooling,
            attention: config.attention,
            activation: OutputActivation::None,
            relu_after_pooling: false,
        };
        Ok(Self {
            chunk: config.chunk,
            blocks,
            lstm: Lstm::new(&(vars / "lstm"), config.lstm, features as i64)?,
            head: ClipHead::new(vars, &(vars / "output"), head, config.lstm.hidden as i64, outputs)?,
        })
    }

    /// How many chunks there are in so many samples.
    fn chunks(&self, samples: usize) -> usize {
        (samples / self.chunk).max(1)
    }
}

/// Returns how many numbers the blocks make of a chunk.
fn features(config: &End2YouConfig) -> Result<usize, BuildError> {
    let End2YouConfig { chunk, channels, kernels, pools, .. } = config;
    let lengths = [channels, kernels, pools].map(Vec::len);
    let zero = [channels, kernels, pools].iter().any(|list| list.contains(&0));
    if lengths[0] == 0 || lengths.iter().any(|length| *length != lengths[0]) || zero {
        return Err(BuildError::Convolutions {
            channels: lengths[0],
            kernels: lengths[1],
            pools: lengths[2],
        });
    }
    let left = kernels.iter().zip(pools).try_fold(*chunk, |samples, (kernel, pool)| {
        let convolved = (samples + 2 * padding(*kernel) + 1).checked_sub(*kernel)?;
        Some(convolved / pool).filter(|left| *left > 0)
    });
    let left = left.ok_or_else(|| BuildError::Chunk { chunk: *chunk, pools: pools.clone() })?;
    Ok(left * channels.last().copied().unwrap_or(0))
}

/// Zeros on either side of what a convolution reads.
const fn padding(kernel: usize) -> usize {
    (kernel - 1) / 2
}

impl WaveformModule for End2You {
    fn forward_t(&self, waveforms: &Tensor, lengths: &[usize], train: bool) -> Result<Tensor, ForwardError> {
        let counts: Vec<_> = lengths.iter().map(|&length| self.chunks(length)).collect();
        let steps = counts.iter().copied().max().unwrap_or(1);
        let (batch, samples) = (lengths.len(), steps * self.chunk);
        let missing = samples.saturating_sub(waveforms.size()[1] as usize);
        let chunks = waveforms.constant_pad_nd([0, missing as i64]).narrow(1, 0, samples as i64).reshape([
            (batch * steps) as i64,
            1,
            self.chunk as i64,
        ]);
        let own = counts.iter().zip((0..).step_by(steps));
        let own: Vec<i64> = own.flat_map(|(&count, first)| first..first + count as i64).collect();
        let own = uploaded(&own, waveforms.device());
        let mut xs = chunks.index_select(0, &own); // [chunks of all clips, 1, samples]
        for block in &self.blocks {
            xs = block.forward_t(&xs, train);
        }
        let features = xs.flatten(1, -1);
        let padded =
            Tensor::zeros([(batch * steps) as i64, features.size()[1]], (features.kind(), features.device()));
        let features = padded.index_copy(0, &own, &features).view([batch as i64, steps as i64, -1]);
        let counts: Vec<_> = counts.into_iter().map(|count| count as i64).collect();
        Ok(self.head.forward_t(&self.lstm.forward(&features), &counts, train))
    }
}

/// Convolution → batch norm → leaky ReLU → max pool.
#[derive(Debug)]
struct Block {
    weight: Tensor,
    bias: Tensor,
    convolution: Convolution,
    norm: BatchNorm,
    pool: i64,
}

impl Block {
    fn new(vars: &Vars, inputs: usize, channels: usize, kernel: usize, pool: usize) -> Self {
        let conv = vars / "conv";
        // Kaiming's uniform weights (He et al., arXiv 1502.01852), no bias at first.
        let bound = (6.0 / (inputs * kernel) as f32).sqrt();
        let convolution = Convolution { padding: padding(kernel) as i64, ..Convolution::default() };
        let (inputs, channels, kernel) = (inputs as i64, channels as i64, kernel as i64);
        Self {
            weight: conv.uniform("weight", &[channels, inputs, kernel], -bound, bound),
            bias: conv.constant("bias", &[channels], 0.0),
            convolution,
            norm: init::batch_norm1d(&(vars / "norm"), channels),
            pool: pool as i64,
        }
    }
}

impl ModuleT for Block {
    /// `[chunks, inputs, samples] -> [chunks, channels, about samples / pool]`
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        let xs = self.convolution.forward(xs, &self.weight, Some(&self.bias));
        let xs = self.norm.forward_t(&xs, train);
        // Leaky ReLU keeps the order of its inputs: behind the pool it gives the same, of a tenth of the numbers.
        xs.max_pool1d(
            self.pool, self.pool, /* padding */ 0, /* dilation */ 1, /* ceil */ false,
        )
        .leaky_relu()
    }
}
