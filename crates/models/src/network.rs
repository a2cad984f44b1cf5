//! Any network behind one type: built from its configuration, applied, counted, saved and loaded.

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use affekt_spec::LibraryDefaults;
use affekt_spec::encoder::Vgg16Layer;
use affekt_spec::network::NetworkConfig;
use affekt_torch::init::{Library, Vars};
use affekt_torch::{NamedTensors, TorchError};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, TchError, Tensor, nn};

use crate::cnn::Cnn;
use crate::embedding_cnn::EmbeddingCnn;
use crate::end2you::End2You;
use crate::fine_tuned::{self, FineTuned};
use crate::inputs::{ForwardError, InputShape, Inputs};
use crate::mlp::Mlp;
use crate::parallel_cnn::ParallelCnn;
use crate::two_cnns::TwoCnns;
use crate::vgg16::{self, Vgg16};
use crate::wav2vec2::{ConfigError, checked_samples};

/// A configuration that makes no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The lists do not go together.
    #[error(
        "{channels} channels and {pools} pools: expected as many of one as of the other, at least one of each, none zero"
    )]
    Blocks {
        /// How many channels are listed.
        channels: usize,
        /// How many pools are listed.
        pools: usize,
    },
    /// Nothing is left after pooling.
    #[error("an input of {} bands × {} frames is too small for pools {pools:?}: try smaller pools", shape[0], shape[1])]
    TooSmall {
        /// Bands and frames.
        shape: [usize; 2],
        /// The pools.
        pools: Vec<usize>,
    },
    /// Not a share.
    #[error("dropout {0} is outside 0..1")]
    Dropout(String),
    /// The width cannot be divided among the heads.
    #[error(
        "{heads} heads and {width} bands: expected a number of heads that divides the bands: try 1, 2 or 4"
    )]
    Heads {
        /// How many heads.
        heads: usize,
        /// How many bands, which is the transformer's width.
        width: usize,
    },
    /// A family whose encoder has nothing put into it here.
    #[error("`adapt` is for wav2vec 2.0 and its relatives: leave it out for this encoder")]
    NotAdaptable,
    /// The features cannot be divided among the heads of a pooling.
    #[error(
        "`attention.heads: {heads}` of {features} features: expected a number of heads that divides the features: try 1, 2 or 4"
    )]
    PoolingHeads {
        /// How many heads.
        heads: usize,
        /// Features of a step.
        features: usize,
    },
    /// A transformer without layers or units.
    #[error(
        "a transformer of {layers} layers and {feed_forward} feed-forward units: expected at least one of each"
    )]
    Transformer {
        /// How many layers.
        layers: usize,
        /// How many units between the linear layers.
        feed_forward: usize,
    },
    /// A size of nothing.
    #[error("`{0}` is 0, or an empty list: expected at least 1")]
    Zero(&'static str),
    /// The lists of convolutions over samples do not go together.
    #[error(
        "{channels} channels, {kernels} kernels and {pools} pools: expected as many of each, at least one, none zero"
    )]
    Convolutions {
        /// How many channels are listed.
        channels: usize,
        /// How many kernels.
        kernels: usize,
        /// How many pools.
        pools: usize,
    },
    /// Nothing is left of a chunk after pooling.
    #[error(
        "a chunk of {chunk} samples is too short for pools {pools:?}: try smaller pools, or a longer chunk"
    )]
    Chunk {
        /// Samples of a chunk.
        chunk: usize,
        /// The pools.
        pools: Vec<usize>,
    },
    /// Pictures that cannot be read.
    #[error("pictures of {} × {} × {}: {why}", shape[0], shape[1], shape[2])]
    Pictures {
        /// Their channels, rows and columns.
        shape: [usize; 3],
        /// Why not.
        why: String,
    },
    /// Features that frozen convolutions did not give.
    #[error("{} × {} features are not what `bottleneck` makes for this network: {why}", shape[0], shape[1])]
    Bottleneck {
        /// Channels and places.
        shape: [usize; 2],
        /// Why not.
        why: String,
    },
    /// More of a base than it has, or none of it.
    #[error("`unfreeze` asks for the last {asked} {what} of {most}: expected 1 to {most}")]
    Unfreeze {
        /// `layers` or `blocks`.
        what: &'static str,
        /// How many.
        asked: usize,
        /// How many there are.
        most: usize,
    },
    /// Something to be trained after all of a base that is not frozen, or features of a frozen base of which nothing is.
    #[error("nothing of the base stays frozen: leave out `unfreeze`, or unfreeze less")]
    NothingFrozen,
    /// An encoder that is not built here.
    #[error("the encoder: {0}")]
    Encoder(#[from] ConfigError),
    /// A layer that the encoder has not.
    #[error("layer {layer} of an encoder of {layers} layers: expected 1 to {layers}, `last` or `weighted`")]
    Layer {
        /// The layer.
        layer: usize,
        /// How many there are.
        layers: usize,
    },
    /// A head that only wav2vec 2.0 has here.
    #[error("a {0} has no head for transcriptions here: take `output: last-layer`, or a layer")]
    NoCtcHead(&'static str),
    /// Nothing to give.
    #[error("a network without outputs: expected at least one")]
    Outputs,
    /// Something else than the network reads.
    #[error("the network `{network}` reads {expected}, and the examples are {found}: {hint}")]
    Input {
        /// Its kind.
        network: &'static str,
        /// What it reads.
        expected: &'static str,
        /// What there is.
        found: InputShape,
        /// What to do.
        hint: &'static str,
    },
    /// A frozen part that it has not.
    #[error("`{prefix}` is to be frozen and no parameter's name begins so: the network has {parts}")]
    Frozen {
        /// What the names should begin with.
        prefix: String,
        /// What they do begin with.
        parts: String,
    },
}

/// How many numbers a network holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParameterCounts {
    /// All, with batch norm's running means and variances and with what stays frozen and is computed elsewhere.
    pub total: usize,
    /// Those that training changes through their gradients.
    pub trainable: usize,
}

/// A network that reads waveforms.
pub trait WaveformModule: std::fmt::Debug + Send {
    /// Waveforms `[batch, samples]`, of which each row holds a clip of the length given for it (at most `samples`, at
    /// least [`WaveformModule::least_samples`]) and zeros behind it, to `[batch, outputs]`.
    ///
    /// # Errors
    /// When it cannot read them.
    fn forward_t(&self, waveforms: &Tensor, lengths: &[usize], train: bool) -> Result<Tensor, ForwardError>;

    /// How many samples a clip needs.
    fn least_samples(&self) -> usize {
        1
    }

    /// Whether the waveforms of a batch are normalised as one in training.
    fn normalises_batches(&self) -> bool {
        false
    }

    /// Whether what it computes of a clip in training depends on how much padding its batch has behind it.
    fn hears_padding(&self) -> bool {
        false
    }

    /// Whether it can compute activations anew in the backward pass rather than keep them.
    fn can_checkpoint_gradients(&self) -> bool {
        false
    }

    /// From now on computes activations anew, where it can.
    fn checkpoint_gradients(&mut self) {}
}

/// A network with its weights on a device.
#[derive(Debug)]
pub struct Network {
    store: nn::VarStore,
    body: Body,
    outputs: usize,
    /// How many numbers the frozen parts hold whose output it reads.
    elsewhere: usize,
}

/// What computes.
#[derive(Debug)]
enum Body {
    /// `[batch, bands, frames] -> [batch, outputs]`
    Frames { shape: [usize; 2], module: Box<dyn nn::ModuleT> },
    /// `[batch, channels, height, width] -> [batch, outputs]`
    Pictures { shape: [usize; 3], module: Box<dyn nn::ModuleT> },
    /// `[batch, samples] -> [batch, outputs]`
    Waveforms(Box<dyn WaveformModule>),
}

/// Returns what the names of parameters begin with that training leaves as they are.
fn frozen(network: &NetworkConfig) -> Result<Vec<String>, BuildError> {
    match network {
        NetworkConfig::Wav2Vec2(config) => fine_tuned::frozen(config),
        NetworkConfig::Vgg16(config) => {
            Ok(vgg16::cut(config)?.frozen.iter().map(Vgg16Layer::prefix).collect())
        }
        _ => Ok(vec![]),
    }
}

/// Returns the bands and frames that a network of frames is built for.
fn frames(network: &NetworkConfig, input: &InputShape) -> Result<[usize; 2], BuildError> {
    match *input {
        InputShape::Frames(shape) => Ok(shape),
        InputShape::Waveforms | InputShape::Pictures(_) => Err(BuildError::Input {
            network: network.kind(),
            expected: FRAMES,
            found: *input,
            hint: "put an op that makes features before it, as `mfcc` or `logmel`",
        }),
    }
}

/// Checks that a network of waveforms is built for waveforms.
fn waveforms(network: &NetworkConfig, input: &InputShape) -> Result<(), BuildError> {
    match input {
        InputShape::Waveforms => Ok(()),
        InputShape::Frames(_) | InputShape::Pictures(_) => Err(BuildError::Input {
            network: network.kind(),
            expected: WAVEFORMS,
            found: *input,
            hint: "give it what `audio` makes, without an op for features between them",
        }),
    }
}

const FRAMES: &str = "frames";
const PICTURES: &str = "pictures";
const WAVEFORMS: &str = "waveforms";

/// Takes parameters from training: those whose names begin with one of the prefixes.
///
/// # Errors
/// When there are none of a prefix.
pub fn freeze(store: &nn::VarStore, prefixes: &[&str]) -> Result<(), BuildError> {
    let variables = store.variables();
    for prefix in prefixes {
        let mut frozen = variables.iter().filter(|(name, _)| name.starts_with(*prefix)).peekable();
        if frozen.peek().is_none() {
            let parts: BTreeSet<_> = variables.keys().filter_map(|name| name.split('.').next()).collect();
            let parts = parts.iter().map(|part| format!("`{part}`")).collect::<Vec<_>>().join(", ");
            return Err(BuildError::Frozen { prefix: (*prefix).to_owned(), parts });
        }
        for (_, tensor) in frozen {
            let _ = tensor.set_requires_grad(false);
        }
    }
    Ok(())
}

/// Whose layers a network's begin as.
pub const fn library(defaults: LibraryDefaults) -> Library {
    match defaults {
        LibraryDefaults::PyTorch => Library::PyTorch,
        LibraryDefaults::Keras => Library::Keras,
    }
}

/// A network's dropout.
pub fn checked_dropout(share: f64) -> Result<f64, BuildError> {
    if (0.0..1.0).contains(&share) { Ok(share) } else { Err(BuildError::Dropout(share.to_string())) }
}

impl Body {
    fn frames(shape: [usize; 2], module: impl nn::ModuleT + 'static) -> Self {
        Self::Frames { shape, module: Box::new(module) }
    }

    fn forward_t(&self, inputs: &Inputs, train: bool) -> Result<Tensor, ForwardError> {
        let wrong_kind = |found, expected| Err(ForwardError::Kind { found, expected });
        match (self, &inputs.lengths) {
            (Self::Frames { .. }, Some(_)) => wrong_kind(WAVEFORMS, FRAMES),
            (Self::Pictures { .. }, Some(_)) => wrong_kind(WAVEFORMS, PICTURES),
            (Self::Waveforms(_), None) => {
                wrong_kind(if inputs.xs.dim() == 4 { PICTURES } else { FRAMES }, WAVEFORMS)
            }
            (Self::Frames { shape, module }, None) => {
                let [bands, frames] = shape.map(|count| count as i64);
                match *inputs.xs.size() {
                    [_, b, f] if [b, f] == [bands, frames] => Ok(module.forward_t(&inputs.xs, train)),
                    ref found => Err(ForwardError::Frames { found: found.to_vec(), expected: *shape }),
                }
            }
            (Self::Pictures { shape, module }, None) => {
                let found = inputs.xs.size();
                if found.get(1..) == Some(&shape.map(|size| size as i64)[..]) {
                    Ok(module.forward_t(&inputs.xs, train))
                } else {
                    Err(ForwardError::Pictures { found, expected: *shape })
                }
            }
            (Self::Waveforms(module), Some(lengths)) => {
                checked_samples(&inputs.xs, lengths, module.least_samples())?;
                module.forward_t(&inputs.xs, lengths, train)
            }
        }
    }
}

impl Network {
    /// Builds the network for such inputs, with weights that are a function of `seed`.
    ///
    /// # Errors
    /// When the configuration contradicts itself or does not fit the input.
    pub fn new(
        network: &NetworkConfig,
        input: &InputShape,
        outputs: usize,
        seed: u64,
        device: Device,
    ) -> Result<Self, BuildError> {
        if outputs == 0 {
            return Err(BuildError::Outputs);
        }
        let store = nn::VarStore::new(device);
        let vars = Vars::new(&store, seed);
        let shape = || frames(network, input);
        let body = match network {
            NetworkConfig::Cnn(config) => Body::frames(shape()?, Cnn::new(&vars, config, shape()?, outputs)?),
            NetworkConfig::TwoCnns(config) => {
                Body::frames(shape()?, TwoCnns::new(&vars, config, shape()?, outputs)?)
            }
            NetworkConfig::ParallelCnn(config) => {
                Body::frames(shape()?, ParallelCnn::new(&vars, config, shape()?, outputs)?)
            }
            NetworkConfig::EmbeddingCnn(config) => {
                Body::frames(shape()?, EmbeddingCnn::new(&vars, config, shape()?, outputs)?)
            }
            NetworkConfig::Mlp(config) => Body::frames(shape()?, Mlp::new(&vars, config, shape()?, outputs)?),
            NetworkConfig::End2You(config) => {
                waveforms(network, input)?;
                Body::Waveforms(Box::new(End2You::new(&vars, config, outputs)?))
            }
            NetworkConfig::Wav2Vec2(config) => {
                waveforms(network, input)?;
                Body::Waveforms(Box::new(FineTuned::new(&vars, config, outputs)?))
            }
            NetworkConfig::Vgg16(config) => match *input {
                InputShape::Pictures(shape) => {
                    let module = Box::new(Vgg16::of_pictures(&vars, config, shape, outputs)?);
                    Body::Pictures { shape, module }
                }
                InputShape::Frames(shape) => {
                    Body::frames(shape, Vgg16::of_bottleneck(&vars, config, shape, outputs)?)
                }
                InputShape::Waveforms => {
                    return Err(BuildError::Input {
                        network: network.kind(),
                        expected: PICTURES,
                        found: *input,
                        hint: "put `logmel` and `picture` before it",
                    });
                }
            },
        };
        let frozen = frozen(network)?;
        let elsewhere = match (network, &body) {
            (NetworkConfig::Vgg16(config), Body::Frames { .. }) => {
                vgg16::cut(config)?.frozen.iter().map(Vgg16Layer::parameters).sum()
            }
            _ => {
                freeze(&store, &frozen.iter().map(String::as_str).collect::<Vec<_>>())?;
                0
            }
        };
        if let NetworkConfig::Wav2Vec2(config) = network {
            fine_tuned::freeze_all_but_adapted(&store, config)?;
        }
        Ok(Network { store, body, outputs, elsewhere })
    }

    /// Whether frozen parts of it are computed elsewhere, and it reads what they give.
    pub(crate) const fn is_partly_elsewhere(&self) -> bool {
        self.elsewhere > 0
    }

    /// Logits of classes, or values, of a batch: `[batch, outputs]`.
    ///
    /// In training, dropout is on and batch norm uses and remembers the batch's statistics.
    ///
    /// # Errors
    /// When it is a batch of something else than the network was built for, or libtorch refuses.
    pub fn forward_t(&self, inputs: &Inputs, train: bool) -> Result<Tensor, ForwardError> {
        caught(|| self.body.forward_t(inputs, train))
    }

    /// What its inputs are.
    #[must_use]
    pub const fn input(&self) -> InputShape {
        match self.body {
            Body::Frames { shape, .. } => InputShape::Frames(shape),
            Body::Pictures { shape, .. } => InputShape::Pictures(shape),
            Body::Waveforms(_) => InputShape::Waveforms,
        }
    }

    /// How many samples a clip needs, where it reads waveforms.
    #[must_use]
    pub fn least_samples(&self) -> usize {
        match &self.body {
            Body::Frames { .. } | Body::Pictures { .. } => 0,
            Body::Waveforms(module) => module.least_samples(),
        }
    }

    /// How many numbers it gives for each example.
    #[must_use]
    pub const fn outputs(&self) -> usize {
        self.outputs
    }

    /// From now on computes activations anew in the backward pass rather than keep them, which costs a third more time and
    /// saves most of the memory. `false` where the network cannot.
    pub fn checkpoint_gradients(&mut self) -> bool {
        if let Body::Waveforms(module) = &mut self.body {
            module.checkpoint_gradients();
        }
        self.can_checkpoint_gradients()
    }

    /// Whether [`Self::checkpoint_gradients`] is of use.
    #[must_use]
    pub fn can_checkpoint_gradients(&self) -> bool {
        match &self.body {
            Body::Frames { .. } | Body::Pictures { .. } => false,
            Body::Waveforms(module) => module.can_checkpoint_gradients(),
        }
    }

    /// Whether what it computes of a clip in training depends on how much padding its batch has behind it.
    #[must_use]
    pub fn hears_padding(&self) -> bool {
        match &self.body {
            Body::Frames { .. } | Body::Pictures { .. } => false,
            Body::Waveforms(module) => module.hears_padding(),
        }
    }

    /// Whether what it computes of an example in training depends on the rest of its batch: batch norm does.
    #[must_use]
    pub fn has_batch_norm(&self) -> bool {
        self.store.variables().keys().any(|name| name.ends_with("running_mean"))
    }

    /// Whether the waveforms of a batch are normalised as one in training.
    #[must_use]
    pub fn normalises_batches(&self) -> bool {
        match &self.body {
            Body::Frames { .. } | Body::Pictures { .. } => false,
            Body::Waveforms(module) => module.normalises_batches(),
        }
    }

    /// The tensors that batch norm remembers of the batches in training. They are its own, not copies.
    #[must_use]
    pub fn running_statistics(&self) -> NamedTensors {
        let is_running =
            |name: &String| name.rsplit('.').next().is_some_and(|last| last.starts_with("running_"));
        self.weights().into_iter().filter(|(name, _)| is_running(name)).collect()
    }

    /// Whether a batch of one example with so many samples (of waveforms) leaves batch norm a single value for a
    /// variance, which is none.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn needs_two_examples(&self, samples: usize) -> Result<bool, ForwardError> {
        if !self.has_batch_norm() {
            return Ok(false);
        }
        let _guard = tch::no_grad_guard();
        let zeros = |counts: &[usize], kind| {
            let size: Vec<i64> = std::iter::once(1).chain(counts.iter().map(|&count| count as i64)).collect();
            Tensor::zeros(size, (kind, self.device()))
        };
        let statistics = self.running_statistics();
        caught(|| {
            let inputs = match self.input() {
                InputShape::Frames(shape) => Inputs::frames(zeros(&shape, Kind::Float)),
                InputShape::Pictures(shape) => Inputs::pictures(zeros(&shape, Kind::Uint8)),
                InputShape::Waveforms => {
                    let samples = samples.max(self.least_samples());
                    Inputs::waveforms(zeros(&[samples], Kind::Float), vec![samples])
                }
            };
            let before: Vec<Tensor> = statistics.values().map(Tensor::copy).collect();
            let _ = self.body.forward_t(&inputs, /* train */ true)?;
            let finite = statistics.values().all(|own| own.isfinite().all().int64_value(&[]) != 0);
            statistics.into_values().zip(before).for_each(|(mut own, before)| own.copy_(&before));
            Ok(!finite)
        })
    }

    /// Where its weights are.
    #[must_use]
    pub fn device(&self) -> Device {
        self.store.device()
    }

    /// How many numbers it holds.
    #[must_use]
    pub fn parameter_counts(&self) -> ParameterCounts {
        let count = |tensors: NamedTensors| tensors.values().map(Tensor::numel).sum();
        ParameterCounts { total: count(self.weights()) + self.elsewhere, trainable: count(self.trainable()) }
    }

    /// All its tensors, running statistics too, under PyTorch's names. They are its own, not copies.
    #[must_use]
    pub fn weights(&self) -> NamedTensors {
        self.store.variables().into_iter().map(|(name, tensor)| (name, tensor.detach())).collect()
    }

    /// The tensors that training changes. They are its own, not copies.
    #[must_use]
    pub fn trainable(&self) -> NamedTensors {
        self.store.variables().into_iter().filter(|(_, tensor)| tensor.requires_grad()).collect()
    }
}

/// What `forward` gives, or libtorch's complaint. tch's plain methods panic with that; networks are written in them, and out of
/// memory is nothing to panic about.
///
/// # Errors
/// Those of `forward`, and libtorch's.
pub fn caught<T>(forward: impl FnOnce() -> Result<T, ForwardError>) -> Result<T, ForwardError> {
    match catch_unwind(AssertUnwindSafe(forward)) {
        Ok(outputs) => outputs,
        Err(panic) => match libtorch_error(panic.as_ref()) {
            Some(error) => Err(error.into()),
            None => resume_unwind(panic),
        },
    }
}

/// What libtorch said, where that is what a panic is about.
fn libtorch_error(panic: &(dyn Any + Send)) -> Option<TorchError> {
    let said = panic.downcast_ref::<String>()?.split_once("on an `Err` value: Torch(\"")?.1;
    let line = said.split_once("\\n").map_or_else(|| said.trim_end_matches("\")"), |(line, _)| line);
    Some(TchError::Torch(line.to_owned()).into())
}

#[cfg(test)]
mod tests {
    use affekt_torch::init;
    use tch::nn::Module;

    use super::*;
    use crate::wav2vec2::InputError;
    use crate::{Accounting, EncoderError};

    /// The mean of each clip, twice, by a linear layer; memory is used up by more than two clips.
    #[derive(Debug)]
    struct Mean(nn::Linear);

    impl WaveformModule for Mean {
        fn forward_t(&self, xs: &Tensor, lengths: &[usize], _: bool) -> Result<Tensor, ForwardError> {
            if lengths.len() > 2 {
                let _ = Tensor::zeros([1 << 50], (Kind::Float, Device::Cpu));
            }
            let lengths: Vec<f32> = lengths.iter().map(|&length| length as f32).collect();
            let sum = xs.sum_dim_intlist(1, /* keepdim */ false, Kind::Float);
            Ok(self.0.forward(&(sum / Tensor::from_slice(&lengths)).unsqueeze(-1)))
        }
        fn least_samples(&self) -> usize {
            3
        }
    }

    fn network(frozen: &[&str]) -> Result<Network, BuildError> {
        let store = nn::VarStore::new(Device::Cpu);
        let vars = Vars::new(&store, 1);
        let module = Mean(init::linear(&(&(&vars / "mean") / "output"), 1, 2));
        freeze(&store, frozen)?;
        Ok(Network { store, body: Body::Waveforms(Box::new(module)), outputs: 2, elsewhere: 0 })
    }

    fn ones(shape: &[i64]) -> Tensor {
        Tensor::ones(shape, (Kind::Float, Device::Cpu))
    }

    #[test]
    fn waveforms_come_with_their_lengths() {
        let network = network(&[]).unwrap();
        let forward = |inputs| network.forward_t(&inputs, false);
        let whole = forward(Inputs::waveforms(ones(&[2, 8]), vec![8, 8])).unwrap();
        assert_eq!(whole.size(), [2, 2]);
        assert_eq!(whole.get(0), whole.get(1));
        let wrong = |inputs| forward(inputs).unwrap_err();
        let kind = ForwardError::Kind { found: FRAMES, expected: WAVEFORMS };
        assert_eq!(wrong(Inputs::frames(ones(&[2, 8, 8]))), kind);
        let count = InputError::Lengths { lengths: 1, clips: 2 };
        assert_eq!(wrong(Inputs::waveforms(ones(&[2, 8]), vec![8])), count.into());
        let short = InputError::TooShort { clip: 1, length: 2, least: 3 };
        assert_eq!(wrong(Inputs::waveforms(ones(&[2, 8]), vec![8, 2])), short.into());
    }

    #[test]
    fn what_libtorch_refuses_is_an_error() {
        let network = network(&[]).unwrap();
        let error = network.forward_t(&Inputs::waveforms(ones(&[3, 8]), vec![8; 3]), false).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, ForwardError::Torch(_)), "{text}");
        assert!(matches!(&error, ForwardError::Torch(error) if error.is_out_of_memory()), "{text}");
        assert!(text.contains("out of memory") && text.lines().count() == 1, "{text}");
    }

    #[test]
    fn frozen_parameters_are_not_trained() {
        let all = network(&[]).unwrap();
        assert!(all.trainable().keys().eq(["mean.output.bias", "mean.output.weight"]));
        let half = network(&["mean.output.w"]).unwrap();
        assert!(half.trainable().keys().eq(["mean.output.bias"]));
        assert_eq!(half.parameter_counts(), ParameterCounts { total: 4, trainable: 2 });
        let loss = half.forward_t(&Inputs::waveforms(ones(&[2, 8]), vec![8, 8]), true).unwrap();
        loss.sum(Kind::Float).backward();
        assert!(!half.store.variables()["mean.output.weight"].grad().defined());
        let error = network(&["encoder"]).map(|_| ()).unwrap_err().to_string();
        assert_eq!(
            error,
            "`encoder` is to be frozen and no parameter's name begins so: the network has `mean`"
        );
    }

    #[test]
    fn an_encoder_is_loaded_whole_or_not_at_all() {
        let store = nn::VarStore::new(Device::Cpu);
        let vars = Vars::new(&store, 1);
        let _ = init::linear(&(&(&vars / "wav2vec2") / "projection"), 3, 2);
        let output = init::linear(&(&vars / "output"), 1, 2);
        let body = Body::Waveforms(Box::new(Mean(output)));
        let mut network = Network { store, body, outputs: 2, elsewhere: 0 };
        let mut checkpoint: NamedTensors = [
            ("wav2vec2.projection.weight".to_owned(), ones(&[2, 3])),
            ("wav2vec2.projection.bias".to_owned(), ones(&[3])),
            ("lm_head.bias".to_owned(), ones(&[9])),
        ]
        .into();
        let error = network.load_encoder(&checkpoint).unwrap_err().to_string();
        assert_eq!(
            error,
            "the checkpoint is not of this network's encoder: `wav2vec2.projection.bias` is [3] where [2] is needed"
        );
        assert_ne!(network.weights()["wav2vec2.projection.weight"], ones(&[2, 3]));
        checkpoint.insert("wav2vec2.projection.bias".to_owned(), ones(&[2]));
        let accounting = network.load_encoder(&checkpoint).unwrap();
        assert_eq!(accounting, Accounting { loaded: 2, unexpected: vec!["lm_head.bias".into()] });
        assert_eq!(network.weights()["wav2vec2.projection.weight"], ones(&[2, 3]));
        checkpoint.remove("wav2vec2.projection.weight");
        let error = network.load_encoder(&checkpoint).unwrap_err().to_string();
        assert!(error.ends_with("encoder: `projection.weight` is missing"), "{error}");
        let mut without = self::network(&[]).unwrap();
        assert_eq!(without.load_encoder(&checkpoint), Err(EncoderError::NoEncoder));
    }
}
