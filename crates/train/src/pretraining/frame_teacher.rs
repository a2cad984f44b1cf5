//! Telling labels frame by frame and clip by clip: the teacher whose states of frames are clustered, the first step of P-TAPT
//! (arXiv 2110.06309).

use affekt_models::states::{StatesNetwork, TrunkConfig};
use affekt_spec::network::Padding;
use affekt_torch::{NamedTensors, f_upload};
use tch::{Kind, Reduction, TchError, Tensor};

use super::learner::PretrainingLearner;
use crate::{
    Batch, BatchLoss, ClassWeights, Dataset, Learner, LossWeights, Target, TrainConfig, TrainError,
    TrainingPart,
};

/// A network that learns labels. The loss is the sum of two cross-entropies, of every frame and of the clip, both
/// weighted by class.
pub struct FrameTeacher<'d> {
    network: StatesNetwork,
    dataset: &'d dyn Dataset,
    class_weights: ClassWeights,
    /// The weights of the classes, and the same on the device; none where all weigh alike.
    weights: Option<(Vec<f64>, Tensor)>,
}

impl<'d> FrameTeacher<'d> {
    /// Returns a learner of the labels of some training rows.
    ///
    /// # Errors
    /// When the class weights do not go with the rows.
    pub fn new(
        network: StatesNetwork,
        class_weights: &ClassWeights,
        trained_on: &TrainingPart<'d>,
    ) -> Result<Self, TrainError> {
        let beta = TrainConfig::default().class_balance_beta;
        let weights = crate::weights::resolve(class_weights, beta, trained_on.targets(), network.classes())?;
        let on_device = |weights: Vec<f64>| {
            let tensor = Tensor::f_from_slice(&weights)?;
            Ok((weights, tensor.f_to_device_(network.device(), Kind::Float, false, false)?))
        };
        let weights =
            weights.map(on_device).transpose().map_err(|error: TchError| TrainError::from(error))?;
        Ok(Self { network, dataset: trained_on.dataset(), class_weights: class_weights.clone(), weights })
    }

    /// Returns how much a row weighs by its class.
    fn class_weight(&self, row: usize) -> f64 {
        match (&self.weights, self.dataset.target(row)) {
            (Some((weights, _)), Target::Class(class)) => weights[class as usize],
            _ => 1.0,
        }
    }
}

impl Learner for FrameTeacher<'_> {
    fn tensors(&self) -> NamedTensors {
        let mut tensors = self.network.weights();
        tensors.extend(self.network.trainable());
        tensors
    }

    fn wants_one_length(&self) -> bool {
        self.network.config().trunk.wants_one_length()
    }

    fn hears_padding(&self) -> bool {
        match &self.network.config().trunk {
            TrunkConfig::Wav2Vec(_) => false,
            TrunkConfig::Wav2Vec2(trunk) => trunk.padding.when(/* train */ true) != Padding::Ignored,
        }
    }

    fn reads_waveforms(&self) -> bool {
        true
    }

    fn can_checkpoint_gradients(&self) -> bool {
        matches!(self.network.config().trunk, TrunkConfig::Wav2Vec2(_))
    }

    /// One term is a mean over frames, one over clips, both weighted by class; an epoch's is over clips.
    fn loss_weights(&self, batch: &Batch) -> Result<LossWeights, TrainError> {
        let (_, lengths) = batch.inputs.clips()?;
        let (mut frames, mut clips) = (0.0, 0.0);
        for (&row, &length) in batch.rows.iter().zip(lengths) {
            let weight = self.class_weight(row);
            frames += weight * self.network.frames(length) as f64;
            clips += weight;
        }
        Ok(LossWeights { epoch: batch.rows.len() as f64, terms: vec![frames, clips] })
    }

    fn loss(&self, batch: &Batch, train: bool) -> Result<BatchLoss, TrainError> {
        let (waveforms, lengths) = batch.inputs.clips()?;
        let outputs = self.network.forward_t(waveforms, lengths, train)?;
        let cross_entropy = |logits: &Tensor, targets: &Tensor| {
            let logits = logits.f_to_kind(Kind::Float)?;
            let weights = self.weights.as_ref().map(|(_, tensor)| tensor);
            logits.f_cross_entropy_loss(targets, weights, Reduction::Mean, PADDING, 0.0)
        };
        let size = outputs.per_frame.size(); // [clips, frames, classes]
        let frames = f_upload(&Tensor::f_from_slice(&outputs.frames)?, batch.targets.device())?;
        let of_frames = batch.targets.f_unsqueeze(1)?.f_expand([size[0], size[1]], false)?;
        let places = Tensor::f_arange(size[1], (Kind::Int64, frames.device()))?.f_unsqueeze(0)?;
        let of_frames = of_frames.f_masked_fill(&places.f_ge_tensor(&frames.f_unsqueeze(1)?)?, PADDING)?;
        let per_frame = cross_entropy(&outputs.per_frame.f_flatten(0, 1)?, &of_frames.f_flatten(0, 1)?)?;
        Ok(vec![per_frame, cross_entropy(&outputs.clip, &batch.targets)?].into())
    }
}

impl PretrainingLearner for FrameTeacher<'_> {
    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "states": self.network.config(), "class_weights": self.class_weights })
    }

    fn least_samples(&self) -> usize {
        self.network.least_samples()
    }
}

/// The class of a frame that is no clip's own.
const PADDING: i64 = -100;
