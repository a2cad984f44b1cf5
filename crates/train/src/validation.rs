//! Judging the weights after an epoch.

use affekt_torch::Random;

use crate::batches::{Batch, Loader, ahead};
use crate::learner::Learner;
use crate::scores::DevScores;
use crate::step::{autocast, is_out_of_memory, loss_of};
use crate::{Precision, TrainError};

/// Hears after each batch how many are done and how many there are. Its error ends the evaluation.
pub type EvaluationProgress<'p> = dyn FnMut(usize, usize) -> Result<(), TrainError> + 'p;

/// Rows that judge the weights of a learner.
pub trait Validation<L: ?Sized> {
    /// Scores the weights as they are after an epoch.
    fn scores(
        &self,
        learner: &L,
        epoch: u32,
        progress: &mut EvaluationProgress,
    ) -> Result<DevScores, TrainError>;
}

/// Rows of a training part that are not trained on, and judge by the learner's own loss: on the same pieces, with the same draws
/// after every epoch.
pub struct HeldOut<'a> {
    pub batches: Vec<Vec<usize>>,
    pub loader: Loader<'a>,
    pub precision: Precision,
    pub seed: u64,
    /// The training's highest learning rate, for messages.
    pub lr: f64,
}

impl<L: Learner + ?Sized> Validation<L> for HeldOut<'_> {
    fn scores(
        &self,
        learner: &L,
        epoch: u32,
        progress: &mut EvaluationProgress,
    ) -> Result<DevScores, TrainError> {
        let _guard = tch::no_grad_guard();
        let one_length = learner.wants_one_length();
        let (mut sum, mut weights, mut done) = (0.0, 0.0, 0);
        ahead(
            &self.batches,
            |rows| self.loader.batch(rows, one_length),
            |rows, mut batch| {
                let mut random = Random::new(self.seed, &format!("held out {}", rows[0]));
                learner.prepare(&mut batch, &mut random)?;
                let (loss, weight) = self.loss(learner, &batch, &mut random)?;
                sum += loss * weight;
                weights += weight;
                done += 1;
                progress(done, self.batches.len())
            },
        )?;
        let loss = sum / weights;
        if loss.is_finite() {
            return Ok(DevScores { loss, accuracy: None, uar: None, ccc: None });
        }
        Err(TrainError::DevNotFinite { loss, epoch, lr: self.lr, utterances: Vec::new() })
    }
}

impl HeldOut<'_> {
    /// Returns the mean loss of a prepared batch and its weight. Where memory is used up its halves are tried, if it can be divided.
    fn loss<L: Learner + ?Sized>(
        &self,
        learner: &L,
        batch: &Batch,
        random: &mut Random,
    ) -> Result<(f64, f64), TrainError> {
        let weights = learner.loss_weights(batch)?;
        if weights.epoch == 0.0 {
            return Ok((0.0, 0.0));
        }
        let loss = {
            let _guard = autocast(self.precision, batch)?;
            learner.loss(batch, random, /* train */ false)
        };
        match loss.and_then(|loss| Ok(loss_of(&loss.terms)?.f_double_value(&[])?)) {
            Ok(loss) => Ok((loss, weights.epoch)),
            Err(error)
                if is_out_of_memory(&error) && batch.rows.len() > 1 && learner.indivisible().is_none() =>
            {
                let (mut sum, mut weights) = (0.0, 0.0);
                for half in batch.micro_batches(2) {
                    let (loss, weight) = self.loss(learner, &half?, random)?;
                    sum += loss * weight;
                    weights += weight;
                }
                Ok((sum / weights, weights))
            }
            Err(error) => Err(error),
        }
    }
}
