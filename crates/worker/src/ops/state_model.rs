//! `state-model`: a network learns to tell the training rows' labels, for the states that it has of frames.

use affekt_domain::{Role, Task};
use affekt_graph::{Context, Failure, Job, Object};
use affekt_models::states::{StatesConfig, StatesNetwork, TrunkConfig, Wav2Vec2Trunk, Wav2VecTrunk};
use affekt_models::wav2vec2::Spans;
use affekt_ops::feature_set::FeatureSet;
use affekt_ops::table;
use affekt_spec::encoder::{EncoderConfig, Family};
use affekt_spec::network::Overrides;
use affekt_table::rows;
use affekt_torch::{Checkpoint, NamedTensors};
use affekt_train::pretraining::{FrameTeacher, Learner, PretrainConfig};
use affekt_train::{ClassWeights, TrainingPart};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::failed;
use super::feature_dataset::FeatureDataset;
use super::stepping::step_by_step;
use crate::encoder::{self, EncoderCard};

/// The parameters, of which the planner only knows the words.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    pub network: NetworkParams,
    pub class_weights: ClassWeights,
    pub training: PretrainConfig,
    pub seed: u64,
}

/// What is built around the encoder.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkParams {
    pub overrides: Overrides,
    pub head: usize,
    pub lstm: usize,
    /// Of the convolution behind a wav2vec, where not as published.
    pub kernel: Option<usize>,
    pub stride: Option<usize>,
}

/// What stands beside the weights of a network of states.
#[derive(Serialize, Deserialize)]
struct Card {
    version: u32,
    network: StatesConfig,
    classes: Vec<String>,
    fold: u32,
    seed: u64,
    /// Rows that it learnt from, and rows of the training part that chose its weights.
    training_rows: usize,
    held_out_rows: usize,
}

const VERSION: u32 = 1;
const CARD: &str = "card";

pub fn run(job: &Job, device: Device, context: &mut dyn Context) -> Result<(), Failure> {
    let params: Params = affekt_ops::params(job)?;
    let (encoder, checkpoint) = encoder::read(&job.open_one("encoder")?)?;
    let train_rows = table::read_port(job, "train", |file| rows::read(file, Role::Train))?;
    encoder.check_fold(train_rows.fold)?;
    let Task::Classes(classes) = &train_rows.task else {
        let message =
            "states are learnt by telling classes, and the labels are numbers: choose a scheme with classes";
        return Err(Failure::Failed { message: message.into() });
    };
    let features = FeatureSet::open(&job.open("waveforms")?)?;
    let dataset = FeatureDataset::new(&features, &[&train_rows])?;
    let trained_on = TrainingPart::of(&dataset);
    let config = network(&params.network, &encoder)?;
    let first_weights = if encoder.pretrained { params.seed } else { encoder.seed };
    let built = StatesNetwork::new(&config, classes.len(), first_weights, device);
    let mut built = built.map_err(|error| Failure::because(&error))?;
    if encoder.pretrained {
        built.load_encoder(&checkpoint).map_err(|error| Failure::because(&error))?;
    }
    if params.training.gradient_checkpointing && !built.checkpoint_gradients() {
        let message = "a wav2vec cannot compute its activations anew: leave out `gradient_checkpointing`";
        return Err(Failure::Failed { message: message.into() });
    }
    let learner = FrameTeacher::new(built, &params.class_weights, &trained_on);
    let mut learner = learner.map_err(|error| failed(&error))?;
    let trained =
        step_by_step(job, &params.training, params.seed, &trained_on, device, &mut learner, context)?;
    let card = Card {
        version: VERSION,
        network: config,
        classes: classes.to_vec(),
        fold: train_rows.fold,
        seed: first_weights,
        training_rows: trained.trained_rows,
        held_out_rows: trained.held_out_rows,
    };
    write(job, &card, learner.weights())
}

/// The network around an encoder.
fn network(params: &NetworkParams, encoder: &EncoderCard) -> Result<StatesConfig, Failure> {
    let trunk = match &encoder.config {
        Family::Wav2Vec(config) => TrunkConfig::Wav2Vec(wav2vec(params, config.clone())?),
        Family::Wav2Vec2(config) => {
            if params.kernel.is_some() || params.stride.is_some() {
                let message = "`kernel` and `stride` are of the convolution behind a wav2vec, and this is a wav2vec 2.0";
                return Err(Failure::Failed { message: message.into() });
            }
            let (encoder, overrides) = (EncoderConfig::clone(config), params.overrides.clone());
            TrunkConfig::Wav2Vec2(Box::new(Wav2Vec2Trunk { encoder, overrides, ..Wav2Vec2Trunk::default() }))
        }
        Family::Vgg16(_) => {
            return Err(encoder.wrong("state-model", "wav2vec or wav2vec 2.0", "wav2vec-large"));
        }
    };
    Ok(StatesConfig {
        trunk,
        normalise: encoder.normalise,
        head_width: params.head,
        lstm_hidden: params.lstm,
    })
}

/// A wav2vec with masks as published, but for what is given.
fn wav2vec(
    params: &NetworkParams,
    encoder: affekt_spec::encoder::Wav2VecConfig,
) -> Result<Wav2VecTrunk, Failure> {
    let published = Wav2VecTrunk::default();
    let Overrides {
        mask_time_prob,
        mask_time_length,
        mask_time_min_masks,
        mask_feature_prob,
        mask_feature_length,
        mask_feature_min_masks,
        apply_spec_augment,
        ref hidden_dropout,
        ref activation_dropout,
        ref attention_dropout,
        ref feat_proj_dropout,
        ref layerdrop,
    } = params.overrides;
    let of_transformers =
        [hidden_dropout, activation_dropout, attention_dropout, feat_proj_dropout, layerdrop];
    if of_transformers.iter().any(|given| given.is_some()) || apply_spec_augment.is_some() {
        let message = "a wav2vec has masks and none of the other settings under `overrides`";
        return Err(Failure::Failed { message: message.into() });
    }
    let spans = |share: Option<f64>, length: Option<usize>, least: Option<usize>, published: Spans| Spans {
        share: share.unwrap_or(published.share),
        length: length.unwrap_or(published.length),
        least: least.unwrap_or(published.least),
    };
    Ok(Wav2VecTrunk {
        encoder,
        mask_frames: spans(mask_time_prob, mask_time_length, mask_time_min_masks, published.mask_frames),
        mask_features: spans(
            mask_feature_prob,
            mask_feature_length,
            mask_feature_min_masks,
            published.mask_features,
        ),
        kernel: params.kernel.unwrap_or(published.kernel),
        stride: params.stride.unwrap_or(published.stride),
    })
}

fn write(job: &Job, card: &Card, weights: NamedTensors) -> Result<(), Failure> {
    let on_cpu = |(name, tensor): (String, Tensor)| (name, tensor.to_device(Device::Cpu));
    let tensors = weights.into_iter().map(on_cpu).collect();
    let card = serde_json::to_string(card).map_err(|error| Failure::because(&error))?;
    let metadata = [(CARD.to_owned(), card)].into_iter().collect();
    let bytes = Checkpoint { tensors, metadata }.to_bytes().map_err(|error| Failure::because(&error))?;
    let path = job.output("model")?;
    std::fs::write(path, bytes).map_err(|error| Failure::unwritten(path, &error))
}

/// The network of states in an artefact, on a device, and the fold whose training rows it has heard.
pub fn read(object: &Object, device: Device) -> Result<(StatesNetwork, u32), Failure> {
    let failed = |message: String| Failure::Failed { message };
    let checkpoint = Checkpoint::from_bytes(object.all()?).map_err(|error| Failure::because(&error))?;
    let card =
        checkpoint.metadata.get(CARD).ok_or_else(|| failed("the model of states has no card".into()))?;
    let card: Card = serde_json::from_str(card).map_err(|error| Failure::because(&error))?;
    if card.version != VERSION {
        let found = card.version;
        return Err(failed(format!(
            "the card of the model of states has version {found}, expected {VERSION}"
        )));
    }
    let network = StatesNetwork::new(&card.network, card.classes.len(), card.seed, device);
    let mut network = network.map_err(|error| Failure::because(&error))?;
    network.load(&checkpoint.tensors).map_err(|error| Failure::because(&error))?;
    Ok((network, card.fold))
}
