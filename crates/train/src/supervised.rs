//! Learning what the labels say: a network, whose outputs are held against the rows' targets.

use affekt_models::{Accounting, ForwardError, InputShape, Inputs, Network};
use affekt_torch::NamedTensors;
use tch::{Kind, Tensor};

use crate::batches::Batch;
use crate::check::{check_network, least_rows, not_finite_rows};
use crate::learner::{BatchLoss, Coupled, CoupledPart, Learner, LossWeights};
use crate::objective::{Objective, TrainLoss};
use crate::predict::{BatchLimit, predict_with};
use crate::scores::DevScores;
use crate::validation::{EvaluationProgress, Validation};
use crate::{Dataset, DevPart, Loss, TrainError, Training, TrainingPart};

/// How a network is applied: [`Network::forward_t`], but where tests use up the memory.
pub type Forward<'f> = dyn Fn(&Network, &Inputs, bool) -> Result<Tensor, ForwardError> + 'f;

/// A network that learns a part's targets.
pub struct Supervised<'a> {
    training: &'a Training<'a>,
    forward: &'a Forward<'a>,
    dataset: &'a dyn Dataset,
    /// The network.
    pub network: Network,
    objective: Objective,
    /// What became of the tensors of [`Training::encoder`].
    pub encoder: Option<Accounting>,
    /// How many rows a batch needs: batch norm may find no variance in one.
    least_rows: usize,
}

impl<'a> Supervised<'a> {
    /// Builds the network, whose weights are a function of the training's seed and encoder, for a stage that is fitted on `part`.
    pub fn new(
        training: &'a Training<'a>,
        forward: &'a Forward<'a>,
        part: &TrainingPart<'a>,
    ) -> Result<Self, TrainError> {
        let Training { task, seed, device, .. } = *training;
        let dataset = part.dataset();
        let mut network = Network::new(training.network, &dataset.input(), task.names().len(), seed, device)?;
        let encoder = training.encoder.map(|checkpoint| network.load_encoder(checkpoint)).transpose()?;
        check_network(training, &mut network)?;
        let least_rows = least_rows(training.config, &network, part)?;
        let objective = Objective::new(training, part)?;
        Ok(Self { training, forward, dataset, network, objective, encoder, least_rows })
    }
}

impl Learner for Supervised<'_> {
    fn tensors(&self) -> NamedTensors {
        let mut tensors = self.network.weights();
        tensors.extend(self.network.trainable());
        tensors
    }

    fn statistics(&self) -> NamedTensors {
        self.network.running_statistics()
    }

    fn least_rows(&self) -> usize {
        self.least_rows
    }

    fn hears_padding(&self) -> bool {
        self.network.hears_padding()
    }

    fn coupled(&self) -> Option<&dyn Coupled> {
        (self.training.config.loss == Loss::Ccc).then_some(self)
    }

    fn reads_waveforms(&self) -> bool {
        self.network.input() == InputShape::Waveforms
    }

    fn can_checkpoint_gradients(&self) -> bool {
        self.network.can_checkpoint_gradients()
    }

    fn indivisible(&self) -> Option<&'static str> {
        if self.network.has_batch_norm() {
            Some("a batch cannot be computed in parts, for batch norm normalises over all of it")
        } else if self.network.normalises_batches() {
            Some("a batch cannot be computed in parts, for its waveforms are normalised as one")
        } else {
            None
        }
    }

    fn loss_weights(&self, batch: &Batch) -> Result<LossWeights, TrainError> {
        Ok(LossWeights::of_one(self.objective.weight(self.dataset, &batch.rows)))
    }

    fn loss(&self, batch: &Batch, train: bool) -> Result<BatchLoss, TrainError> {
        let outputs = (self.forward)(&self.network, &batch.inputs, train)?;
        let terms = vec![self.objective.of(&outputs, &batch.targets)?];
        Ok(BatchLoss { terms, correct: self.objective.correct(&outputs, &batch.targets)? })
    }
}

/// Concordance is of all rows of a batch together.
impl Coupled for Supervised<'_> {
    fn part(&self, rows: &Batch, train: bool) -> Result<CoupledPart, TrainError> {
        let outputs = (self.forward)(&self.network, &rows.inputs, train)?;
        Ok(CoupledPart { terms: Vec::new(), coupled: outputs.f_to_kind(Kind::Float)? })
    }

    fn term(&self, whole: &Batch, parts: &[Tensor]) -> Result<Tensor, TrainError> {
        self.objective.of(&Tensor::f_cat(parts, 0)?, &whole.targets)
    }
}

impl Validation<Supervised<'_>> for DevPart<'_> {
    /// Predicts the part and scores it.
    fn scores(
        &self,
        learner: &Supervised,
        epoch: u32,
        progress: &mut EvaluationProgress,
    ) -> Result<DevScores, TrainError> {
        let Supervised { training, forward, network, objective, .. } = learner;
        let Training { config, task, standardiser, .. } = **training;
        let limit = BatchLimit::of_training(config);
        let outputs = predict_with(*forward, network, self, standardiser, limit, progress)?;
        let scores =
            DevScores::new(task, TrainLoss::of(config), &outputs, self.targets(), objective.class_weights());
        let utterances = not_finite_rows(self, &outputs);
        if scores.loss.is_finite() && utterances.is_empty() {
            return Ok(scores);
        }
        Err(TrainError::DevNotFinite { loss: scores.loss, epoch, lr: config.optimisation.lr, utterances })
    }
}
