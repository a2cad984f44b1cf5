//! How many floating-point operations a training step has, by the networks' definitions: those of matrix products and convolutions,
//! a multiplication and an addition counted as two.
//!
//! The backward pass has each product once more for its weights, if they are trained, and once more for what came in, if something
//! before it is trained; what gradient checkpointing computes again is counted again. Norms, activations, losses and the optimiser,
//! which move memory rather than compute, are not counted. Nor is anything that dropped layers save.

use affekt_spec::encoder::{EncoderConfig, SpeechConfig, Vgg16Layer, WhisperConfig};
use affekt_spec::network::{
    Adapt, CnnConfig, EmbeddingCnnConfig, End2YouConfig, FineTunedConfig, FrameActivation, Freeze,
    LstmConfig, MlpConfig, NetworkConfig, ParallelCnnConfig, Pooling, PoolingAttention, TransformerConfig,
    Vgg16NetworkConfig,
};

use crate::fine_tuned::built_encoder;
use crate::vgg16::cut;
use crate::{BuildError, InputShape};

/// A batch, and what is done to save memory.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Rows of the batch.
    pub rows: usize,
    /// Samples of each row, where rows are waveforms.
    pub samples: usize,
    /// Whether the layers of wav2vec 2.0 are computed again in the backward pass.
    pub gradient_checkpointing: bool,
}

/// What is asked of an encoder's frames in pretraining.
#[derive(Debug, Clone, Copy)]
pub enum PretrainingHeads<'a> {
    /// Codewords, of all frames.
    Contrastive,
    /// Clusters, of masked frames.
    PseudoLabels {
        /// Units of each head.
        hidden: usize,
        /// Clusters of each clustering.
        clusters: &'a [usize],
        /// How many frames of the batch are asked about.
        masked: usize,
    },
}

/// Counts the operations of a step in which a network is trained.
///
/// # Errors
/// When the configuration makes no network of such inputs.
pub fn training_flop(
    network: &NetworkConfig,
    input: &InputShape,
    outputs: usize,
    step: Step,
) -> Result<u64, BuildError> {
    let mut count = Count::default();
    let frames = || match *input {
        InputShape::Frames(shape) => shape,
        InputShape::Pictures(_) | InputShape::Waveforms => [0, 0],
    };
    match network {
        NetworkConfig::Cnn(config) => {
            let features = count.blocks(config, frames(), step.rows);
            count.linear(step.rows, features, outputs);
        }
        NetworkConfig::TwoCnns(config) => {
            let features = count.two_cnns(config, frames(), step.rows);
            count.linear(step.rows, features, outputs);
        }
        NetworkConfig::ParallelCnn(config) => count.parallel_cnn(config, frames(), outputs, step.rows),
        NetworkConfig::EmbeddingCnn(config) => count.embedding_cnn(config, frames(), outputs, step.rows),
        NetworkConfig::Mlp(config) => count.mlp(config, frames(), outputs, step.rows),
        NetworkConfig::End2You(config) => count.end2you(config, outputs, step),
        NetworkConfig::Wav2Vec2(config) => count.fine_tuned(config, outputs, step)?,
        NetworkConfig::Vgg16(config) => count.vgg16(config, input, outputs, step.rows)?,
    }
    Ok(count.flop)
}

/// Counts the operations of a step in which an encoder is pretrained, the convolutions (and for pseudo-labels the projection) frozen or not.
#[must_use]
pub fn pretraining_flop(encoder: &EncoderConfig, frozen: bool, heads: PretrainingHeads, step: Step) -> u64 {
    let mut count = Count::default();
    let projects = !(frozen && matches!(heads, PretrainingHeads::PseudoLabels { .. }));
    let trained = Trained {
        convolutions: !frozen,
        projection: projects,
        masks: true,
        positions: true,
        layers_from: 0,
        maps: true,
    };
    let frames = count.encoder(encoder, trained, step);
    let all = step.rows * frames;
    match heads {
        PretrainingHeads::Contrastive => {
            let (groups, words) = (encoder.num_codevector_groups, encoder.num_codevectors_per_group);
            let (codeword, compared) = (encoder.codevector_dim, encoder.proj_codevector_dim);
            count.linear(all, encoder.hidden_size, compared);
            let channels = encoder.conv_dim.last().copied().unwrap_or(1);
            count.linear(all, channels, groups * words);
            count.product(all * words * codeword, /* trained */ true);
            count.linear(all, codeword, compared);
            count.attend(all * frames * compared);
        }
        PretrainingHeads::PseudoLabels { hidden, clusters, masked } => {
            for &clusters in clusters {
                count.linear(masked, encoder.hidden_size, hidden);
                count.linear(masked, hidden, clusters);
            }
        }
    }
    count.flop
}

/// The operations of the layers so far.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    flop: u64,
    /// Whether something of them is trained: gradients then go back through what follows.
    learnt: bool,
    /// Whether the backward pass computes the forward pass again.
    again: bool,
}

/// Which parts of a wav2vec 2.0 are trained.
#[derive(Debug, Clone, Copy)]
struct Trained {
    convolutions: bool,
    /// With the norm before it.
    projection: bool,
    /// What stands for masked frames.
    masks: bool,
    /// The convolution that tells positions.
    positions: bool,
    /// The first layer of the transformer of which something is, from 0.
    layers_from: usize,
    /// Whether that is its linear maps; what adapts them is small and not counted.
    maps: bool,
}

impl Count {
    /// Adds a product with weights, of so many multiplications.
    fn product(&mut self, multiplications: usize, trained: bool) {
        let again = self.again && (self.learnt || trained);
        let passes = 1 + u64::from(again) + u64::from(trained) + u64::from(self.learnt);
        self.flop += 2 * passes * multiplications as u64;
        self.learnt |= trained;
    }

    /// Adds a product of two things that were computed.
    fn attend(&mut self, multiplications: usize) {
        let passes = 1 + u64::from(self.again && self.learnt) + 2 * u64::from(self.learnt);
        self.flop += 2 * passes * multiplications as u64;
    }

    fn linear(&mut self, rows: usize, inputs: usize, outputs: usize) {
        self.product(rows * inputs * outputs, /* trained */ true);
    }

    /// Adds what reads the same input as what comes after it.
    fn branch<T>(&mut self, add: impl FnOnce(&mut Self) -> T) -> T {
        let learnt = self.learnt;
        let added = add(self);
        self.learnt = learnt;
        added
    }

    /// Returns how many features the blocks give.
    fn blocks(&mut self, config: &CnnConfig, [mut bands, mut frames]: [usize; 2], rows: usize) -> usize {
        let mut inputs = 1;
        for (&channels, &pool) in config.channels.iter().zip(&config.pools) {
            self.product(rows * bands * frames * 9 * inputs * channels, /* trained */ true);
            (inputs, bands, frames) = (channels, bands / pool, frames / pool);
        }
        inputs * bands * frames
    }

    fn two_cnns(&mut self, config: &CnnConfig, shape: [usize; 2], rows: usize) -> usize {
        self.branch(|count| count.blocks(config, shape, rows)) + self.blocks(config, shape, rows)
    }

    fn parallel_cnn(&mut self, config: &ParallelCnnConfig, shape: [usize; 2], outputs: usize, rows: usize) {
        let [width, frames] = shape;
        let features = self.branch(|count| count.two_cnns(&config.cnn, shape, rows));
        let TransformerConfig { layers, feed_forward, .. } = config.transformer;
        for _ in 0..layers {
            self.linear(rows * frames, width, 3 * width);
            self.attention(rows, frames, width);
            self.linear(rows * frames, width, feed_forward);
            self.linear(rows * frames, feed_forward, width);
        }
        self.linear(rows, features + width, outputs);
    }

    /// Adds the products of queries, keys and values, and what all heads give together.
    fn attention(&mut self, rows: usize, frames: usize, width: usize) {
        self.attend(2 * rows * frames * frames * width);
        self.linear(rows * frames, width, width);
    }

    fn embedding_cnn(&mut self, config: &EmbeddingCnnConfig, shape: [usize; 2], outputs: usize, rows: usize) {
        let ([mut height, mut width], mut inputs) = (shape, 1);
        for (nth, &channels) in (1_usize..).zip(&config.channels) {
            self.product(rows * height * width * 9 * inputs * channels, /* trained */ true);
            inputs = channels;
            if nth.is_multiple_of(config.pool_every) {
                (height, width) = (height / config.pool, width / config.pool);
            }
        }
        self.linear(rows, inputs * height * width, config.hidden);
        self.linear(rows, config.hidden, outputs);
    }

    fn mlp(&mut self, config: &MlpConfig, [bands, frames]: [usize; 2], outputs: usize, rows: usize) {
        let mut inputs = bands * frames;
        for &units in config.hidden.iter().chain([&outputs]) {
            self.linear(rows, inputs, units);
            inputs = units;
        }
    }

    fn end2you(&mut self, config: &End2YouConfig, outputs: usize, Step { rows, samples, .. }: Step) {
        let chunks = (samples / config.chunk).max(1);
        let (mut inputs, mut length) = (1, config.chunk);
        for ((&channels, &kernel), &pool) in config.channels.iter().zip(&config.kernels).zip(&config.pools) {
            length = (length + 2 * ((kernel - 1) / 2) + 1).saturating_sub(kernel);
            self.product(rows * chunks * length * kernel * inputs * channels, /* trained */ true);
            (inputs, length) = (channels, length / pool);
        }
        self.lstm(config.lstm, rows * chunks, inputs * length);
        let all = rows * chunks;
        self.head(config.pooling, config.attention, false, [rows, all], [config.lstm.hidden, outputs]);
    }

    fn lstm(&mut self, LstmConfig { layers, hidden }: LstmConfig, steps: usize, inputs: usize) {
        for layer in 0..layers {
            let inputs = if layer == 0 { inputs } else { hidden };
            self.linear(steps, inputs, 4 * hidden);
            self.linear(steps, hidden, 4 * hidden);
        }
    }

    fn vgg16(
        &mut self,
        config: &Vgg16NetworkConfig,
        input: &InputShape,
        outputs: usize,
        rows: usize,
    ) -> Result<(), BuildError> {
        let cut = cut(config)?;
        let ([mut height, mut width], frozen) = match *input {
            InputShape::Pictures([_, height, width]) => ([height, width], &cut.frozen[..]),
            InputShape::Frames([_, places]) => ([places.isqrt(); 2], &[][..]),
            InputShape::Waveforms => ([0, 0], &[][..]),
        };
        let layers = frozen.iter().map(|layer| (layer, false));
        for (layer, trained) in layers.chain(cut.trained.iter().map(|layer| (layer, true))) {
            let Vgg16Layer { inputs, outputs, is_last, .. } = *layer;
            self.product(rows * height * width * 9 * inputs * outputs, trained);
            if is_last {
                (height, width) = (height / 2, width / 2);
            }
        }
        let mut inputs = config.encoder.channels.last().copied().unwrap_or(0) * height * width;
        for &units in config.hidden.iter().chain([&outputs]) {
            self.linear(rows, inputs, units);
            inputs = units;
        }
        Ok(())
    }

    fn fine_tuned(&mut self, config: &FineTunedConfig, outputs: usize, step: Step) -> Result<(), BuildError> {
        let encoder = built_encoder(config)?;
        let (transformer, whole) = (config.freeze != Freeze::All, config.adapt.is_none());
        let masks =
            encoder.wav2vec2().is_some_and(|config| config.apply_spec_augment && config.mask_time_prob > 0.0);
        let trained = Trained {
            convolutions: whole && config.freeze == Freeze::None,
            projection: whole && matches!(config.freeze, Freeze::None | Freeze::FeatureEncoder),
            masks: whole && transformer && masks && !config.freeze_mask_embedding,
            positions: whole && transformer,
            layers_from: match &config.adapt {
                Some(Adapt::TopLayers { layers }) => encoder.layers().saturating_sub(*layers),
                _ if transformer => 0,
                _ => encoder.layers(),
            },
            maps: matches!(config.adapt, None | Some(Adapt::TopLayers { .. })),
        };
        let samples = step.samples.max(config.padded_to.unwrap_or(0));
        let frames = match &encoder {
            SpeechConfig::Wav2Vec2(config) => self.encoder(config, trained, Step { samples, ..step }),
            SpeechConfig::Whisper(config) => self.whisper(config, trained, Step { samples, ..step }),
        };
        let (all, mut width) = (step.rows * frames, config.encoder.width());
        if let Some(projector) = config.projector {
            self.linear(all, std::mem::replace(&mut width, projector.width), projector.width);
        }
        if let Some(lstm) = config.lstm {
            self.lstm(lstm, all, std::mem::replace(&mut width, lstm.hidden));
        }
        let relu_after_pooling = config.frame_activation == FrameActivation::ReluAfterPooling;
        self.head(config.pooling, config.attention, relu_after_pooling, [step.rows, all], [width, outputs]);
        Ok(())
    }

    /// Adds Whisper's encoder, without the spectrogram. Returns how many frames it makes of each row.
    fn whisper(&mut self, config: &WhisperConfig, trained: Trained, step: Step) -> usize {
        const KERNEL: usize = 3;
        let Step { rows, samples, gradient_checkpointing } = step;
        let heard = if config.cut_positions { samples } else { config.window() };
        let (mel, frames) = (config.mel_frames(heard), config.frames(heard));
        let (all, width, units) = (rows * frames, config.d_model, config.encoder_ffn_dim);
        self.product(rows * mel * KERNEL * config.num_mel_bins * width, trained.convolutions);
        self.product(all * KERNEL * width * width, trained.convolutions);
        self.again = gradient_checkpointing && trained.layers_from < config.encoder_layers;
        for layer in 0..config.encoder_layers {
            let maps = layer >= trained.layers_from && trained.maps;
            self.product(4 * all * width * width, maps);
            self.attend(2 * all * frames * width);
            self.product(2 * all * width * units, maps);
        }
        self.again = false;
        frames
    }

    /// Adds a head over so many rows and steps of all of them, from steps' features to outputs.
    fn head(
        &mut self,
        pooling: Pooling,
        attention: PoolingAttention,
        relu_after_pooling: bool,
        [rows, all]: [usize; 2],
        [features, outputs]: [usize; 2],
    ) {
        if pooling == Pooling::AttentiveStatistics {
            let inputs = if attention.global_context { 3 * features } else { features };
            self.linear(all, inputs, attention.channels);
            self.linear(all, attention.channels, features);
        }
        let mapped = if relu_after_pooling || !pooling.follows_the_map() { rows } else { all };
        self.linear(mapped, pooling.width(features), outputs);
    }

    /// Adds a wav2vec 2.0. Returns how many frames it makes of each row.
    fn encoder(&mut self, config: &EncoderConfig, trained: Trained, step: Step) -> usize {
        let Step { rows, samples, gradient_checkpointing } = step;
        let (width, feed_forward) = (config.hidden_size, config.intermediate_size);
        let mut inputs = 1;
        let layers = config.conv_dim.iter().zip(&config.conv_kernel).zip(config.frames_by_layer(samples));
        for ((&outputs, &kernel), frames) in layers {
            self.product(rows * frames * kernel * inputs * outputs, trained.convolutions);
            inputs = outputs;
        }
        let frames = config.frames(samples);
        let all = rows * frames;
        self.learnt |= trained.projection;
        self.product(all * inputs * width, trained.projection);
        self.learnt |= trained.masks;
        // The convolution that tells positions pads half its kernel on both sides: an even one gives a frame too many.
        let (convolutions, kernel) = match config.has_positional_stack() {
            true => (config.num_conv_pos_embeddings, config.conv_pos_kernel_size),
            false => (1, config.num_conv_pos_embeddings),
        };
        let positions = rows * (frames + 2 * (kernel / 2) + 1 - kernel);
        let grouped = width / config.num_conv_pos_embedding_groups;
        for _ in 0..convolutions {
            self.product(positions * kernel * grouped * width, trained.positions);
        }
        self.again = gradient_checkpointing && trained.layers_from < config.num_hidden_layers;
        for layer in 0..config.num_hidden_layers {
            let learns = layer >= trained.layers_from;
            let maps = learns && trained.maps;
            self.learnt |= learns && !maps;
            for _ in 0..4 {
                self.product(all * width * width, maps);
            }
            self.attend(2 * all * frames * width);
            if config.has_position_bias() {
                self.product(all * width * 8, maps);
            }
            self.product(all * width * feed_forward, maps);
            self.product(all * feed_forward * width, maps);
        }
        self.again = false;
        frames
    }
}

#[cfg(test)]
mod tests {
    use affekt_spec::network::FreezeBase;

    use super::*;

    fn step(rows: usize, samples: usize) -> Step {
        Step { rows, samples, gradient_checkpointing: false }
    }

    /// A wav2vec 2.0 whose operations can be counted by hand: of 20 samples two convolutions make 9 and 4 frames.
    fn small() -> EncoderConfig {
        EncoderConfig {
            hidden_size: 6,
            num_hidden_layers: 2,
            num_attention_heads: 2,
            intermediate_size: 10,
            conv_dim: vec![3, 5],
            conv_kernel: vec![4, 3],
            conv_stride: vec![2, 2],
            num_conv_pos_embeddings: 4,
            num_conv_pos_embedding_groups: 2,
            num_codevectors_per_group: 7,
            codevector_dim: 8,
            proj_codevector_dim: 9,
            ..EncoderConfig::default()
        }
    }

    const CONVOLUTIONS: [u64; 2] = [9 * 4 * 3, 4 * 3 * 3 * 5];
    const PROJECTION: u64 = 4 * 5 * 6;
    /// Of five frames.
    const POSITIONS: u64 = 5 * 4 * 3 * 6;
    /// Maps and attention of a layer.
    const LAYER: [u64; 2] = [4 * (4 * 36 + 2 * 60), 2 * 16 * 6];

    #[test]
    fn an_encoder_is_counted_by_hand() {
        let count = |freeze, gradient_checkpointing| {
            let freeze_mask_embedding = true;
            let config = FineTunedConfig {
                encoder: small().into(),
                freeze,
                freeze_mask_embedding,
                ..FineTunedConfig::default()
            };
            let step = Step { rows: 3, samples: 20, gradient_checkpointing };
            let network = NetworkConfig::Wav2Vec2(Box::new(config));
            training_flop(&network, &InputShape::Waveforms, 2, step).unwrap()
        };
        let (head, [maps, attention]) = (4 * 6 * 2, LAYER);
        let layers = 2 * (maps + attention);
        // What is trained is computed three times, but for what no gradient has to go through.
        let whole = 2 * CONVOLUTIONS[0] + 3 * (CONVOLUTIONS[1] + PROJECTION + POSITIONS + layers + head);
        assert_eq!(count(Freeze::None, false), 3 * 2 * whole);
        assert_eq!(count(Freeze::None, true), 3 * 2 * (whole + layers));
        let convolved = CONVOLUTIONS[0] + CONVOLUTIONS[1];
        let vft = convolved + PROJECTION + 2 * POSITIONS + 3 * (layers + head);
        assert_eq!(count(Freeze::FeatureEncoderAndProjection, false), 3 * 2 * vft);
        let only_head = convolved + PROJECTION + POSITIONS + layers + 2 * head;
        assert_eq!(count(Freeze::All, true), 3 * 2 * only_head, "nothing is computed again");
    }

    #[test]
    fn pretraining_is_counted_by_hand() {
        let [maps, attention] = LAYER;
        let behind = 3 * 2 * (maps + attention);
        // What stands for masked frames learns, too.
        let frozen = CONVOLUTIONS[0] + CONVOLUTIONS[1] + PROJECTION + 3 * POSITIONS + behind;
        let heads = PretrainingHeads::PseudoLabels { hidden: 11, clusters: &[4, 5], masked: 7 };
        let of_heads = 3 * 7 * (6 * 11 + 11 * 4 + 6 * 11 + 11 * 5);
        assert_eq!(pretraining_flop(&small(), true, heads, step(3, 20)), 2 * (3 * frozen + of_heads));

        let encoder = 2 * CONVOLUTIONS[0] + 3 * (CONVOLUTIONS[1] + PROJECTION + POSITIONS) + behind;
        // Codewords of two groups of 7, 4 wide; 8 to 9; 6 to 9; every frame beside every other.
        let heads = 3 * (4 * 5 * 14 + 4 * 14 * 4 + 4 * 8 * 9 + 4 * 6 * 9 + 4 * 4 * 9);
        let counted = pretraining_flop(&small(), false, PretrainingHeads::Contrastive, step(3, 20));
        assert_eq!(counted, 3 * 2 * (encoder + heads));
    }

    /// torchvision gives 15.47 billion multiplications for VGG16 as published, of which 123.6 million are those of its own
    /// classifier, 25 088 → 4096 → 4096 → 1000.
    #[test]
    fn vgg16_has_the_published_number() {
        let config = Vgg16NetworkConfig { freeze: FreezeBase::None, ..Vgg16NetworkConfig::default() };
        let classifier = (25_088 * 512 + 512 * 192 + 192 * 7) as u64;
        let network = NetworkConfig::Vgg16(config.clone());
        let counted = training_flop(&network, &InputShape::Pictures([3, 224, 224]), 7, step(1, 0)).unwrap();
        let first = 224 * 224 * 9 * 3 * 64;
        let convolutions = (counted / 2 + first) / 3 - classifier;
        let published = convolutions + 25_088 * 4096 + 4096 * 4096 + 4096 * 1000;
        assert_eq!((published as f64 / 1e7).round(), 1547.0, "{published}");

        // Frozen, they are computed once, or not at all where another step has computed them.
        let frozen = NetworkConfig::Vgg16(Vgg16NetworkConfig { freeze: FreezeBase::Base, ..config });
        let counted = |input: InputShape| training_flop(&frozen, &input, 7, step(1, 0)).unwrap();
        let trained = 3 * classifier - 25_088 * 512;
        assert_eq!(counted(InputShape::Pictures([3, 224, 224])), 2 * (convolutions + trained));
        assert_eq!(counted(InputShape::Frames([512, 49])), 2 * trained);
    }

    #[test]
    fn branches_read_the_same_input() {
        let cnn = CnnConfig { channels: vec![2], pools: vec![2], ..CnnConfig::default() };
        let transformer =
            TransformerConfig { layers: 1, heads: 2, feed_forward: 5, ..TransformerConfig::default() };
        let config = ParallelCnnConfig { cnn, transformer };
        let network = NetworkConfig::ParallelCnn(config);
        let counted = training_flop(&network, &InputShape::Frames([4, 6]), 3, step(10, 0)).unwrap();
        let convolution = 24 * 9 * 2; // of which nothing before it learns
        let first = 6 * 4 * 12;
        let rest = 2 * 36 * 4 + 6 * (4 * 4 + 4 * 5 + 5 * 4) + (2 * 2 * 2 * 3 + 4) * 3;
        assert_eq!(counted, 10 * 2 * (2 * 2 * convolution + 2 * first + 3 * rest));
    }
}
