//! Every network, small and without chance: what it computes on one processor it computes on another.
//!
//! Kernels, strides and the width of attention's heads are those of the published networks; widths, layers and clips are less.

use affekt_models::states::{StatesConfig, StatesNetwork, TrunkConfig, Wav2Vec2Trunk, Wav2VecTrunk};
use affekt_models::wav2vec2::Spans;
use affekt_models::{InputShape, Inputs, Network};
use affekt_spec::encoder::{EncoderConfig, FeatureNorm, Vgg16Config, Wav2VecConfig};
use affekt_spec::network::{
    CnnConfig, EmbeddingCnnConfig, EncoderLayer, End2YouConfig, FineTunedConfig, FrameActivation, Freeze,
    FreezeBase, LstmConfig, MlpConfig, MlpNorm, NetworkConfig, NormAxis, ParallelCnnConfig, Pooling,
    TransformerConfig, Vgg16NetworkConfig,
};
use affekt_spec::training::{ContrastiveObjective, PseudoLabelsObjective};
use affekt_torch::Random;
use affekt_train::pretraining::{
    Contrastive, ContrastiveConfig, FrameLabels, PseudoLabels, PseudoLabelsConfig,
};
use affekt_train::{Batch, Learner};
use tch::{Kind, Tensor};

use super::outcome::{Error, Outcome, Place, noise};

/// A network and what it is to compute.
pub struct Case {
    pub name: &'static str,
    pub compute: fn(Place) -> Result<Outcome, Error>,
}

/// All networks.
pub const CASES: &[Case] = &[
    Case {
        name: "cnn",
        compute: |place| frames("cnn", &NetworkConfig::Cnn(cnn(NormAxis::Time)), [32, 48], place),
    },
    Case {
        name: "two-cnns",
        compute: |place| frames("two-cnns", &NetworkConfig::TwoCnns(cnn(NormAxis::Channel)), [32, 48], place),
    },
    Case { name: "parallel-cnn", compute: parallel_cnn },
    Case { name: "embedding-cnn", compute: embedding_cnn },
    Case { name: "mlp", compute: mlp },
    Case { name: "end2you", compute: end2you },
    Case { name: "vgg16", compute: vgg16 },
    Case { name: "wav2vec2", compute: wav2vec2 },
    Case { name: "wav2vec2-pre-norm", compute: wav2vec2_pre_norm },
    Case { name: "wav2vec2-lstm", compute: wav2vec2_lstm },
    Case { name: "frame-teacher-wav2vec", compute: teacher_of_wav2vec },
    Case { name: "frame-teacher-wav2vec2", compute: teacher_of_wav2vec2 },
    Case { name: "contrastive", compute: contrastive },
    Case { name: "pseudo-labels", compute: pseudo_labels },
];

/// Clips of a batch.
const BATCH: usize = 4;
const CLASSES: i64 = 4;
/// Samples of its longest and its shortest clip.
const SAMPLES: [usize; 2] = [12_000, 9_000];

fn cnn(norm_axis: NormAxis) -> CnnConfig {
    CnnConfig { channels: vec![8, 16], pools: vec![2, 4], dropout: 0.0, norm_axis, ..CnnConfig::default() }
}

fn parallel_cnn(place: Place) -> Result<Outcome, Error> {
    let transformer = TransformerConfig {
        layers: 2,
        heads: 4,
        feed_forward: 64,
        dropout: 0.0,
        ..TransformerConfig::default()
    };
    let config = ParallelCnnConfig { cnn: cnn(NormAxis::Time), transformer };
    frames("parallel-cnn", &NetworkConfig::ParallelCnn(config), [32, 48], place)
}

fn embedding_cnn(place: Place) -> Result<Outcome, Error> {
    let config = EmbeddingCnnConfig {
        channels: vec![8, 8, 16, 16],
        dropout: 0.0,
        hidden: 32,
        ..EmbeddingCnnConfig::default()
    };
    frames("embedding-cnn", &NetworkConfig::EmbeddingCnn(config), [48, 32], place)
}

fn mlp(place: Place) -> Result<Outcome, Error> {
    let config = MlpConfig { norm: MlpNorm::Layer, dropout: 0.0, ..MlpConfig::default() };
    frames("mlp", &NetworkConfig::Mlp(config), [88, 1], place)
}

fn end2you(place: Place) -> Result<Outcome, Error> {
    let config = End2YouConfig {
        channels: vec![16, 32, 32],
        lstm: LstmConfig { layers: 2, hidden: 32 },
        ..End2YouConfig::default()
    };
    waveforms("end2you", &NetworkConfig::End2You(config), place)
}

fn vgg16(place: Place) -> Result<Outcome, Error> {
    let config = Vgg16NetworkConfig {
        encoder: Vgg16Config { channels: vec![8, 16, 16, 32, 32], ..Vgg16Config::default() },
        hidden: vec![32],
        dropout: 0.0,
        freeze: FreezeBase::None,
        ..Vgg16NetworkConfig::default()
    };
    let pixels = noise("vgg16", &[BATCH as i64, 3, 64, 64], place.device) * 127.5 + 127.5;
    let input = InputShape::Pictures([3, 64, 64]);
    supervised(&NetworkConfig::Vgg16(config), input, &Inputs::pictures(pixels), place)
}

fn encoder() -> EncoderConfig {
    EncoderConfig {
        hidden_size: 128,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        intermediate_size: 192,
        conv_dim: vec![32; 7],
        // At BASE's 0.02 so narrow a network would hardly differ from clip to clip.
        initializer_range: 0.1,
        hidden_dropout: 0.0,
        activation_dropout: 0.0,
        attention_dropout: 0.0,
        final_dropout: 0.0,
        layerdrop: 0.0,
        apply_spec_augment: false,
        mask_time_prob: 0.5,
        mask_time_length: 4,
        num_codevectors_per_group: 20,
        codevector_dim: 32,
        proj_codevector_dim: 32,
        ..EncoderConfig::default()
    }
}

fn pre_norm() -> EncoderConfig {
    EncoderConfig {
        feat_extract_norm: FeatureNorm::Layer,
        conv_bias: true,
        do_stable_layer_norm: true,
        ..encoder()
    }
}

/// V-FT.
fn wav2vec2(place: Place) -> Result<Outcome, Error> {
    let config = FineTunedConfig {
        encoder: encoder().into(),
        freeze: Freeze::FeatureEncoderAndProjection,
        frame_activation: FrameActivation::Relu,
        pooling: Pooling::MeanButLast,
        ..FineTunedConfig::default()
    };
    waveforms("wav2vec2", &NetworkConfig::Wav2Vec2(Box::new(config)), place)
}

fn wav2vec2_pre_norm(place: Place) -> Result<Outcome, Error> {
    let config =
        FineTunedConfig { encoder: pre_norm().into(), normalise: true, ..FineTunedConfig::default() };
    waveforms("wav2vec2-pre-norm", &NetworkConfig::Wav2Vec2(Box::new(config)), place)
}

/// D.
fn wav2vec2_lstm(place: Place) -> Result<Outcome, Error> {
    let config = FineTunedConfig {
        encoder: pre_norm().into(),
        normalise: true,
        layer: EncoderLayer::Nth(2),
        lstm: Some(LstmConfig { layers: 2, hidden: 64 }),
        pooling: Pooling::Last,
        ..FineTunedConfig::default()
    };
    waveforms("wav2vec2-lstm", &NetworkConfig::Wav2Vec2(Box::new(config)), place)
}

fn frames(name: &str, network: &NetworkConfig, shape: [usize; 2], place: Place) -> Result<Outcome, Error> {
    let [bands, frames] = shape.map(|size| size as i64);
    let inputs = Inputs::frames(noise(name, &[BATCH as i64, bands, frames], place.device));
    supervised(network, InputShape::Frames(shape), &inputs, place)
}

fn waveforms(name: &str, network: &NetworkConfig, place: Place) -> Result<Outcome, Error> {
    supervised(network, InputShape::Waveforms, &clips(name, place), place)
}

/// Clips of unequal lengths, with zeros behind the shorter ones.
fn clips(name: &str, place: Place) -> Inputs {
    let [longest, shortest] = SAMPLES;
    let lengths: Vec<usize> =
        (0..BATCH).map(|clip| longest - clip * (longest - shortest) / (BATCH - 1)).collect();
    let xs = noise(name, &[BATCH as i64, longest as i64], place.device);
    for (clip, &length) in lengths.iter().enumerate() {
        let _ = xs.get(clip as i64).narrow(0, length as i64, (longest - length) as i64).zero_();
    }
    Inputs::waveforms(xs, lengths)
}

fn supervised(
    config: &NetworkConfig,
    input: InputShape,
    inputs: &Inputs,
    place: Place,
) -> Result<Outcome, Error> {
    let network = Network::new(config, &input, CLASSES as usize, 1, place.device)?;
    Outcome::of(place, network.trainable(), || {
        let outputs = network.forward_t(inputs, /* train */ true)?;
        let loss = outputs.to_kind(Kind::Float).cross_entropy_for_logits(&classes(place));
        Ok((Some(outputs), loss))
    })
}

fn classes(place: Place) -> Tensor {
    Tensor::arange(BATCH as i64, (Kind::Int64, place.device)).remainder(CLASSES)
}

fn teacher_of_wav2vec(place: Place) -> Result<Outcome, Error> {
    let none = Spans { share: 0.0, length: 1, least: 0 };
    let encoder = Wav2VecConfig {
        conv_feature_layers: [(10, 5), (8, 4), (4, 2), (4, 2), (4, 2)]
            .map(|(kernel, stride)| [32, kernel, stride])
            .to_vec(),
        conv_aggregator_layers: vec![[32, 2, 1], [32, 3, 1], [32, 4, 1]],
        ..Wav2VecConfig::large()
    };
    let trunk = Wav2VecTrunk { encoder, mask_frames: none, mask_features: none, ..Wav2VecTrunk::default() };
    let xs = noise("teacher", &[BATCH as i64, SAMPLES[0] as i64], place.device);
    teacher(TrunkConfig::Wav2Vec(trunk), &Inputs::waveforms(xs, vec![SAMPLES[0]; BATCH]), place)
}

fn teacher_of_wav2vec2(place: Place) -> Result<Outcome, Error> {
    let trunk = Wav2Vec2Trunk { encoder: encoder(), ..Wav2Vec2Trunk::default() };
    teacher(TrunkConfig::Wav2Vec2(Box::new(trunk)), &clips("teacher", place), place)
}

fn teacher(trunk: TrunkConfig, inputs: &Inputs, place: Place) -> Result<Outcome, Error> {
    let config = StatesConfig { trunk, head_width: 16, lstm_hidden: 16, ..StatesConfig::default() };
    let network = StatesNetwork::new(&config, CLASSES as usize, 1, place.device)?;
    Outcome::of(place, network.trainable(), || {
        let (waveforms, lengths) = inputs.clips()?;
        let outputs = network.forward_t(waveforms, lengths, /* train */ true)?;
        // Frames behind a clip's own mean nothing: those of the shortest clip are everyone's.
        let least = outputs.frames.iter().copied().min().unwrap_or(0);
        let per_frame = outputs.per_frame.to_kind(Kind::Float).narrow(1, 0, least);
        let of_frames = classes(place).unsqueeze(1).expand([BATCH as i64, least], false);
        let of_frames = of_frames.reshape([-1]);
        let frames = per_frame.flatten(0, 1).cross_entropy_for_logits(&of_frames);
        let clips = outputs.clip.to_kind(Kind::Float).cross_entropy_for_logits(&classes(place));
        Ok((Some(outputs.clip), frames + clips))
    })
}

fn contrastive(place: Place) -> Result<Outcome, Error> {
    let objective = ContrastiveObjective { negatives: 10, ..ContrastiveObjective::default() };
    let config = ContrastiveConfig { encoder: encoder(), normalise: false, objective };
    // Not as in training, where the codewords are drawn by each device's own generator.
    pretraining("contrastive", &Contrastive::new(&config, false, 1, place.device)?, place)
}

fn pseudo_labels(place: Place) -> Result<Outcome, Error> {
    let config = PseudoLabelsConfig {
        encoder: encoder(),
        normalise: false,
        clusters: vec![6, 10],
        objective: PseudoLabelsObjective { hidden: 32, ..PseudoLabelsObjective::default() },
    };
    let labels = Labels::draw(&config);
    pretraining("pseudo-labels", &PseudoLabels::new(&config, &labels, false, 1, place.device)?, place)
}

/// Clusters of frames, by row and clustering.
struct Labels(Vec<Vec<Vec<u16>>>);

impl Labels {
    fn draw(config: &PseudoLabelsConfig) -> Self {
        let mut random = Random::new(0, "pseudo-labels");
        let frames = config.encoder.frames(SAMPLES[0]);
        let mut draw = |clusters: usize| (0..frames).map(|_| random.below(clusters) as u16).collect();
        Self((0..BATCH).map(|_| config.clusters.iter().map(|&clusters| draw(clusters)).collect()).collect())
    }
}

impl FrameLabels for Labels {
    fn of(&self, row: usize, clustering: usize) -> &[u16] {
        &self.0[row][clustering]
    }
}

fn pretraining(name: &str, learner: &impl Learner, place: Place) -> Result<Outcome, Error> {
    let mut batch = Batch::new((0..BATCH).collect(), vec![0; BATCH], clips(name, place), classes(place));
    if let Some(draws) = learner.batch_draws() {
        draws.draw(&mut batch, &mut Random::new(1, name))?;
    }
    Outcome::of(place, learner.trainable(), || {
        let terms = learner.loss(&batch, /* train */ false)?.terms;
        Ok((None, Tensor::f_stack(&terms, 0)?.f_sum(Kind::Float)?))
    })
}
