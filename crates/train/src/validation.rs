//! Judging the weights after an epoch.

use affekt_torch::Random;

use crate::batches::{Batch, Loader, batches_ahead};
use crate::divided::Divided;
use crate::learner::Learner;
use crate::scores::DevScores;
use crate::step::is_out_of_memory;
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
        let draws = learner.batch_draws();
        batches_ahead(
            self.batches.iter().cloned().enumerate(),
            |_, rows| {
                let random = &mut Random::new(self.seed, &format!("held out {}", rows[0]));
                self.loader.batch(rows, one_length, draws.as_deref(), random)
            },
            |_, batch| {
                let (loss, weight) = self.loss(learner, &batch)?;
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
    /// Returns the mean loss of a batch and its weight. Where memory is used up it is computed in more and more
    /// micro-batches, if it can be divided.
    fn loss<L: Learner + ?Sized>(&self, learner: &L, batch: &Batch) -> Result<(f64, f64), TrainError> {
        let (precision, rows) = (self.precision, batch.rows.len());
        let mut micro_batches = 1;
        loop {
            let divided = Divided { learner, precision, micro_batches };
            match divided.evaluation(batch) {
                Err(error)
                    if is_out_of_memory(&error)
                        && micro_batches < rows
                        && learner.indivisible().is_none() =>
                {
                    micro_batches *= 2;
                }
                loss => return loss,
            }
        }
    }
}
