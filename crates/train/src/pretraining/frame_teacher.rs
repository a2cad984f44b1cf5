//! Telling labels frame by frame and clip by clip, for the states that a network has of frames: the first step of P-TAPT
//! (arXiv 2110.06309).

use affekt_models::states::{StatesNetwork, TrunkConfig};
use affekt_torch::{NamedTensors, Random};
use tch::{Kind, Reduction, TchError, Tensor};

use super::learner::{Clips, Learner, Learnt};
use crate::{ClassWeights, TrainError, TrainingPart};

/// A network of states that learns labels. The loss is the sum of two cross-entropies, of every frame and of the clip, both
/// weighted by class.
#[derive(Debug)]
pub struct FrameTeacher {
    network: StatesNetwork,
    class_weights: ClassWeights,
    /// On the device; none where all classes weigh alike.
    weights: Option<Tensor>,
}

impl FrameTeacher {
    /// A learner of the labels of some training rows.
    ///
    /// # Errors
    /// When the class weights do not go with the rows.
    pub fn new(
        network: StatesNetwork,
        class_weights: &ClassWeights,
        trained_on: &TrainingPart,
    ) -> Result<Self, TrainError> {
        let weights = class_weights.resolve(trained_on.targets(), network.classes())?;
        let on_device = |weights: Vec<f64>| {
            Tensor::f_from_slice(&weights)?.f_to_device_(network.device(), Kind::Float, false, false)
        };
        let weights =
            weights.map(on_device).transpose().map_err(|error: TchError| TrainError::from(error))?;
        Ok(Self { network, class_weights: class_weights.clone(), weights })
    }

    /// The network.
    #[must_use]
    pub const fn network(&self) -> &StatesNetwork {
        &self.network
    }
}

impl Learner for FrameTeacher {
    fn tensors(&self) -> NamedTensors {
        let mut tensors = self.network.weights();
        tensors.extend(self.network.trainable());
        tensors
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "states": self.network.config(), "class_weights": self.class_weights })
    }

    fn least_samples(&self) -> usize {
        self.network.least_samples()
    }

    fn hop(&self) -> usize {
        1
    }

    /// A wav2vec's norms are over whole rows.
    fn wants_one_length(&self) -> bool {
        matches!(self.network.config().trunk, TrunkConfig::Wav2Vec(_))
    }

    fn loss(&self, clips: &Clips, _: &mut Random, train: bool) -> Result<Option<Learnt>, TrainError> {
        let (waveforms, lengths) = clips.inputs.clips()?;
        let outputs = self.network.forward_t(waveforms, lengths, train)?;
        let cross_entropy = |logits: &Tensor, targets: &Tensor| {
            let logits = logits.f_to_kind(Kind::Float)?;
            logits.f_cross_entropy_loss(targets, self.weights.as_ref(), Reduction::Mean, PADDING, 0.0)
        };
        let size = outputs.per_frame.size(); // [clips, frames, classes]
        let frames = Tensor::f_from_slice(&outputs.frames)?.f_to_device(clips.targets.device())?;
        let of_frames = clips.targets.f_unsqueeze(1)?.f_expand([size[0], size[1]], false)?;
        let places = Tensor::f_arange(size[1], (Kind::Int64, frames.device()))?.f_unsqueeze(0)?;
        let of_frames = of_frames.f_masked_fill(&places.f_ge_tensor(&frames.f_unsqueeze(1)?)?, PADDING)?;
        let per_frame = cross_entropy(&outputs.per_frame.f_flatten(0, 1)?, &of_frames.f_flatten(0, 1)?)?;
        let loss = per_frame.f_add(&cross_entropy(&outputs.clip, clips.targets)?)?;
        Ok(Some(Learnt { loss, weight: clips.rows.len() as f64 }))
    }
}

/// The class of a frame that is no clip's own.
const PADDING: i64 = -100;
