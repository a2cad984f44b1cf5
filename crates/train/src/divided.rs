//! The loss of a batch in micro-batches, and its gradients.
//!
//! Where the loss is a sum of means over rows, those of micro-batches are added up. Where it has a term over all rows
//! ([`Coupled`]) there are two passes with the same random numbers: the first, without gradients, collects what the term is computed
//! from; the second adds up the gradients that the term has with respect to that (as gradient caching, Gao et al., arXiv 2101.06983).

use affekt_torch::GeneratorStates;
use tch::{Kind, Tensor};

use crate::batches::Batch;
use crate::learner::{BatchLoss, Coupled, CoupledPart, Learner, LossWeights};
use crate::losses::RowsLoss;
use crate::step::{autocast, weighted_sum};
use crate::{Precision, TrainError};

/// Computes losses of batches in micro-batches.
pub struct Divided<'a, L: ?Sized> {
    pub learner: &'a L,
    pub precision: Precision,
    /// In how many.
    pub micro_batches: usize,
}

/// A micro-batch with what its loss weighs.
type Weighted = (Batch, LossWeights);

impl<L: Learner + ?Sized> Divided<'_, L> {
    /// Returns the micro-batches of a batch that there is something to learn from in.
    fn micro_batches(&self, batch: &Batch) -> Result<Vec<Weighted>, TrainError> {
        let mut all = Vec::new();
        for rows in batch.micro_batches(self.micro_batches, self.learner.hears_padding()) {
            let rows = rows?;
            let weights = self.learner.loss_weights(&rows)?;
            if weights.epoch > 0.0 {
                all.push((rows, weights));
            }
        }
        Ok(all)
    }

    /// Returns the losses of a batch's micro-batches, which `backward` is called with as they are to be added up: scalars with
    /// gradients. `heard` hears how many micro-batches are done and how many there are.
    pub fn gradients(
        &self,
        batch: &mut Batch,
        mut backward: impl FnMut(&Tensor) -> Result<(), TrainError>,
        heard: &mut dyn FnMut(usize, usize) -> Result<(), TrainError>,
    ) -> Result<Vec<RowsLoss>, TrainError> {
        let whole = self.learner.loss_weights(batch)?;
        let Some(coupled) = self.learner.coupled() else {
            let micro_batches = self.micro_batches(batch)?;
            let mut losses = Vec::new();
            for (done, (rows, weights)) in micro_batches.iter().enumerate() {
                let BatchLoss { terms, correct } = self.of_rows(rows, /* train */ true)?;
                backward(&weighted_sum(&terms, &shares(weights, &whole))?)?;
                let (loss, weight) = (mean(&terms, weights, &whole)?, weights.epoch);
                losses.push(RowsLoss { loss, weight, correct, rows: rows.rows.len() });
                heard(done + 1, micro_batches.len())?;
            }
            return Ok(losses);
        };
        if whole.epoch == 0.0 {
            return Ok(Vec::new());
        }
        coupled.draw(batch)?;
        let rows = self.micro_batches(batch)?;
        let passes = 2 * rows.len();
        let again = GeneratorStates::now(batch.inputs.xs.device())?;
        let mut heard_first = |done: usize| heard(done, passes);
        let first = self.first_pass(coupled, &rows, &whole, /* train */ true, &mut heard_first)?;
        let leaf = |of_rows: &Tensor| Ok(of_rows.f_detach()?.f_set_requires_grad(true)?);
        let leaves = first.coupled.iter().map(leaf).collect::<Result<Vec<_>, TrainError>>()?;
        let term = coupled.term(batch, &leaves)?;
        term.f_backward()?;
        again.restore()?;
        for (done, ((rows, weights), leaf)) in rows.iter().zip(&leaves).enumerate() {
            let part = self.part(coupled, rows, /* train */ true)?;
            let mut loss = weighted_sum(&part.terms, &shares(weights, &whole))?;
            let gradient = leaf.f_grad()?;
            if gradient.defined() {
                loss = loss.f_add(&part.coupled.f_mul(&gradient)?.f_sum(Kind::Float)?)?;
            }
            backward(&loss)?;
            heard(rows_done(passes, done), passes)?;
        }
        let (loss, weight) = (first.terms.f_add(&term.f_detach()?)?, whole.epoch);
        Ok(vec![RowsLoss { loss, weight, correct: None, rows: batch.rows.len() }])
    }

    /// Returns the mean loss of a batch and its weight, without gradients, to choose weights by.
    pub fn evaluation(&self, batch: &Batch) -> Result<(f64, f64), TrainError> {
        let whole = self.learner.loss_weights(batch)?;
        if whole.epoch == 0.0 {
            return Ok((0.0, 0.0));
        }
        let rows = self.micro_batches(batch)?;
        let loss = match self.learner.coupled() {
            Some(coupled) if self.micro_batches > 1 => {
                let first = self.first_pass(coupled, &rows, &whole, false, &mut |_| Ok(()))?;
                first.terms.f_add(&coupled.term(batch, &first.coupled)?)?.f_double_value(&[])?
            }
            _ => {
                let mut sum = 0.0;
                for (rows, weights) in &rows {
                    let terms = self.of_rows(rows, /* train */ false)?.terms;
                    sum += weighted_sum(&terms, &shares(weights, &whole))?.f_double_value(&[])?;
                }
                sum
            }
        };
        Ok((loss, whole.epoch))
    }

    /// Computes what all micro-batches give to the loss, and keeps nothing for gradients.
    fn first_pass(
        &self,
        coupled: &dyn Coupled,
        rows: &[Weighted],
        whole: &LossWeights,
        train: bool,
        heard: &mut dyn FnMut(usize) -> Result<(), TrainError>,
    ) -> Result<FirstPass, TrainError> {
        let _guard = tch::no_grad_guard();
        let mut all = FirstPass { terms: Tensor::from(0_f32), coupled: Vec::with_capacity(rows.len()) };
        for (done, (rows, weights)) in rows.iter().enumerate() {
            let part = self.part(coupled, rows, train)?;
            let terms = weighted_sum(&part.terms, &shares(weights, whole))?;
            all.terms = terms.f_add(&all.terms.f_to_device(terms.device())?)?;
            all.coupled.push(part.coupled);
            heard(done + 1)?;
        }
        Ok(all)
    }

    fn of_rows(&self, rows: &Batch, train: bool) -> Result<BatchLoss, TrainError> {
        let _guard = autocast(self.precision, rows)?;
        self.learner.loss(rows, train)
    }

    fn part(&self, coupled: &dyn Coupled, rows: &Batch, train: bool) -> Result<CoupledPart, TrainError> {
        let _guard = autocast(self.precision, rows)?;
        coupled.part(rows, train)
    }
}

/// What the first pass collects.
struct FirstPass {
    /// The sum of the terms that are means over rows, each by its share: a scalar.
    terms: Tensor,
    /// Of each micro-batch, what the term over all rows is computed from.
    coupled: Vec<Tensor>,
}

/// Returns how many of all passes are done after a micro-batch of the second half.
const fn rows_done(passes: usize, done: usize) -> usize {
    passes / 2 + done + 1
}

/// Returns which shares of a batch's terms a micro-batch has.
pub fn shares(weights: &LossWeights, whole: &LossWeights) -> Vec<f64> {
    weights.terms.iter().zip(&whole.terms).map(|(own, whole)| own / whole).collect()
}

/// Returns the mean loss of a micro-batch, without gradients: such means, weighted, give the mean of the batch, whatever each term
/// weighs by.
fn mean(terms: &[Tensor], weights: &LossWeights, whole: &LossWeights) -> Result<Tensor, TrainError> {
    let share = weights.epoch / whole.epoch;
    let factors: Vec<f64> = shares(weights, whole).into_iter().map(|of_term| of_term / share).collect();
    let detached = terms.iter().map(Tensor::f_detach).collect::<Result<Vec<_>, _>>()?;
    weighted_sum(&detached, &factors)
}
