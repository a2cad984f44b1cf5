//! What a step learns: a network, and the loss that it minimises.

use std::sync::Arc;

use affekt_torch::{NamedTensors, Random};
use tch::Tensor;

use crate::TrainError;
use crate::batches::Batch;

/// Says what a step of the training loop is. The loop draws batches, divides them where memory is short, applies the optimiser
/// and resumes; a learner computes losses.
///
/// A loss is a sum of terms, and each term a mean over rows, frames or whatever it weighs. Means over parts of a batch,
/// each times its share of the term's weight, add up to the mean over the batch: so can its gradient be accumulated. A loss with
/// a term over the whole batch says so by [`Learner::coupled`].
pub trait Learner {
    /// Returns all its tensors, its own and not copies. Those that learn require gradients.
    fn tensors(&self) -> NamedTensors;

    /// Returns all its tensors, without gradients.
    fn weights(&self) -> NamedTensors {
        self.tensors().into_iter().map(|(name, tensor)| (name, tensor.detach())).collect()
    }

    /// Returns the tensors that learn.
    fn trainable(&self) -> NamedTensors {
        self.tensors().into_iter().filter(|(_, tensor)| tensor.requires_grad()).collect()
    }

    /// Returns the tensors that training changes without learning them: running statistics.
    fn statistics(&self) -> NamedTensors {
        NamedTensors::new()
    }

    /// Returns how many samples one frame begins after the other. Random pieces of waveforms begin at multiples of it.
    fn hop(&self) -> usize {
        1
    }

    /// Returns whether all clips of a batch have to be of one length: they are then cut to its shortest.
    fn wants_one_length(&self) -> bool {
        false
    }

    /// Returns whether what is computed of a clip depends on how much padding its batch has behind it: micro-batches then keep it.
    fn hears_padding(&self) -> bool {
        false
    }

    /// Returns what of the loss is over the whole batch, where something is.
    fn coupled(&self) -> Option<&dyn Coupled> {
        None
    }

    /// Returns whether it reads waveforms, which may be cropped.
    fn reads_waveforms(&self) -> bool;

    /// Returns whether it can compute activations anew in the backward pass.
    fn can_checkpoint_gradients(&self) -> bool {
        false
    }

    /// Returns why a batch cannot be computed in micro-batches, where it cannot.
    fn indivisible(&self) -> Option<&'static str> {
        None
    }

    /// Returns how many rows a batch needs to be learnt from.
    fn least_rows(&self) -> usize {
        1
    }

    /// Returns what draws for whole batches (masks, negatives), where something does.
    fn batch_draws(&self) -> Option<Arc<dyn BatchDraws>> {
        None
    }

    /// Returns what the terms of a batch's loss are means over.
    ///
    /// # Errors
    /// When the batch does not fit.
    fn loss_weights(&self, batch: &Batch) -> Result<LossWeights, TrainError>;

    /// Computes the terms of a batch's loss, with gradients where libtorch records them. Not asked where there is
    /// nothing to learn from. Random numbers come from libtorch's generator, which is seeded before. Where `train` is false the loss is
    /// to choose weights by.
    ///
    /// # Errors
    /// When the batch does not fit, or libtorch refuses.
    fn loss(&self, batch: &Batch, train: bool) -> Result<BatchLoss, TrainError>;
}

/// Draws what a learner needs for a whole batch before it is divided: on another thread, while the step before is computed.
pub trait BatchDraws: Send + Sync {
    /// Draws into the batch.
    ///
    /// # Errors
    /// When the batch does not fit, or libtorch refuses.
    fn draw(&self, batch: &mut Batch, random: &mut Random) -> Result<(), TrainError>;
}

/// The loss of a batch.
#[derive(Debug)]
pub struct BatchLoss {
    /// Its terms, scalars in f32, in the order of [`LossWeights::terms`].
    pub terms: Vec<Tensor>,
    /// How many rows the same outputs put in their class, a scalar in f32; `None` where rows are not classified.
    pub correct: Option<Tensor>,
}

impl From<Vec<Tensor>> for BatchLoss {
    /// Returns the loss of a learner that does not classify rows.
    fn from(terms: Vec<Tensor>) -> Self {
        Self { terms, correct: None }
    }
}

/// A loss with a term that is no sum over rows: it is computed from what all micro-batches give.
pub trait Coupled {
    /// Draws what depends on the size of the whole batch, before it is divided for training.
    ///
    /// # Errors
    /// When libtorch refuses.
    fn draw(&self, _batch: &mut Batch) -> Result<(), TrainError> {
        Ok(())
    }

    /// Computes what some rows give to the loss of their batch; random numbers and errors as those of [`Learner::loss`].
    ///
    /// # Errors
    /// As there.
    fn part(&self, rows: &Batch, train: bool) -> Result<CoupledPart, TrainError>;

    /// Computes the term over a whole batch, a scalar in f32, from [`CoupledPart::coupled`] of its micro-batches.
    ///
    /// # Errors
    /// When libtorch refuses.
    fn term(&self, whole: &Batch, parts: &[Tensor]) -> Result<Tensor, TrainError>;
}

/// What some rows give to the loss of their batch.
#[derive(Debug)]
pub struct CoupledPart {
    /// The terms that are means, as [`Learner::loss`] has them, without the one over the batch.
    pub terms: Vec<Tensor>,
    /// What that one is computed from, in f32.
    pub coupled: Tensor,
}

/// What the terms of a loss are means over.
#[derive(Debug, Clone, PartialEq)]
pub struct LossWeights {
    /// How much the whole loss weighs in the mean loss of an epoch; 0 where there is nothing to learn from.
    pub epoch: f64,
    /// How much each term weighs: rows, frames, or the sum of their classes' weights.
    pub terms: Vec<f64>,
}

impl LossWeights {
    /// Returns those of a loss of one term.
    #[must_use]
    pub fn of_one(weight: f64) -> Self {
        Self { epoch: weight, terms: vec![weight] }
    }
}
