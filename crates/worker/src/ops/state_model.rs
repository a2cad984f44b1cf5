//! `state-model`: a frame-level teacher learns to tell the training rows' labels, for the states that it has of frames.

use affekt_domain::{Role, Task};
use affekt_graph::{Context, Failure, Job};
use affekt_models::states::{StatesConfig, StatesNetwork, TrunkConfig, Wav2Vec2Trunk, Wav2VecTrunk};
use affekt_models::wav2vec2::Spans;
use affekt_ops::feature_set::FeatureSet;
use affekt_ops::state_model::Params;
use affekt_ops::table;
use affekt_spec::encoder::Family;
use affekt_spec::network::{FrameTeacherConfig, Overrides};
use affekt_table::rows;
use affekt_train::pretraining::FrameTeacher;
use affekt_train::{Learner, TrainingPart};
use tch::Device;

use super::failed;
use super::feature_dataset::FeatureDataset;
use super::pretraining::pretrain_learner;
use crate::artefact::encoder::EncoderCard;
use crate::artefact::frame_teacher::Card;
use crate::artefact::{self, Card as _};

pub fn run(job: &Job, device: Device, context: &mut dyn Context) -> Result<(), Failure> {
    let params: Params = affekt_ops::params(job)?;
    let (encoder, checkpoint): (EncoderCard, _) = artefact::read(&job.open_one("encoder")?)?;
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
    if params.training.optimisation.gradient_checkpointing && !built.checkpoint_gradients() {
        let message = "a wav2vec cannot compute its activations anew: leave out `gradient_checkpointing`";
        return Err(Failure::Failed { message: message.into() });
    }
    let learner = FrameTeacher::new(built, &params.class_weights, &trained_on);
    let mut learner = learner.map_err(|error| failed(&error))?;
    let trained =
        pretrain_learner(job, &params.training, params.seed, &trained_on, device, &mut learner, context)?;
    let card = Card {
        version: Card::VERSION,
        network: config,
        classes: classes.to_vec(),
        fold: train_rows.fold,
        seed: first_weights,
        training_rows: trained.trained_rows,
        held_out_rows: trained.held_out_rows,
    };
    artefact::write(job, "model", &card, learner.weights())
}

/// The network around an encoder.
fn network(params: &FrameTeacherConfig, encoder: &EncoderCard) -> Result<StatesConfig, Failure> {
    let trunk = match &encoder.config {
        Family::Wav2Vec(config) => TrunkConfig::Wav2Vec(wav2vec(params, config.clone())?),
        Family::Speech(_) => {
            let config = encoder.wav2vec2("state-model")?;
            if params.kernel.is_some() || params.stride.is_some() {
                let message = "`kernel` and `stride` are of the convolution behind a wav2vec, and this is a wav2vec 2.0";
                return Err(Failure::Failed { message: message.into() });
            }
            let (encoder, overrides) = (config.clone(), params.overrides.clone());
            let one_length = params.one_length;
            TrunkConfig::Wav2Vec2(Box::new(Wav2Vec2Trunk {
                encoder,
                overrides,
                one_length,
                ..Wav2Vec2Trunk::default()
            }))
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
    params: &FrameTeacherConfig,
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
