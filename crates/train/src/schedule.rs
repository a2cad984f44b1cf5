//! How the learning rate goes from step to step.

use serde::{Deserialize, Serialize};

use crate::TrainError;

/// What `lr` is multiplied by at every optimiser step.
///
/// Step t counts from 0 to T − 1, where T is the number of batches in `max_epochs` epochs, whenever early stopping ends
/// it. With W steps of warm-up, H of holding and D = T − W − H left, `linear` and `cosine` multiply by
///
/// ```text
/// (t + 1) / W                                 t < W            up to 1 in the last step of the warm-up
/// 1                                           t < W + H
/// floor + (1 − floor) · (1 − d / D)           d = t − W − H    linear: from 1 towards floor, met at step T
/// floor + (1 − floor) · (1 + cos(π d / D)) / 2                 cosine: likewise
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// 1 throughout.
    Constant,
    /// Up, flat, down in a straight line: the tri-stage schedule of wav2vec 2.0's fine-tuning with a straight decay.
    Linear(Stages),
    /// Up, flat, down along half a cosine (Loshchilov and Hutter, arXiv 1608.03983, without restarts).
    Cosine(Stages),
    /// `factor` to the power of the whole `every`s that have passed: PyTorch's `StepLR`.
    Step {
        /// Epochs from one fall to the next.
        every: u32,
        /// What each falls by.
        factor: f64,
    },
}

/// Where a schedule bends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stages {
    /// How long it rises.
    pub warmup: Steps,
    /// How long it stays.
    pub hold: Steps,
    /// What it falls to, as a share of `lr`.
    pub floor: f64,
}

/// A stretch of training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Steps {
    /// So many optimiser steps.
    Count(u64),
    /// A share of all steps, below 1, rounded to whole steps.
    Share(f64),
}

impl Steps {
    fn of(self, total: u64) -> u64 {
        match self {
            Self::Count(steps) => steps,
            Self::Share(share) => (share * total as f64).round() as u64,
        }
    }
}

impl Schedule {
    /// What `lr` is multiplied by at `step` (from 0) of `total`, which is one of `epoch` (from 0).
    #[must_use]
    pub fn factor(&self, step: u64, total: u64, epoch: u32) -> f64 {
        match *self {
            Self::Constant => 1.0,
            Self::Linear(stages) => stages.factor(step, total, |done| 1.0 - done),
            Self::Cosine(stages) => {
                stages.factor(step, total, |done| 0.5 * (1.0 + (std::f64::consts::PI * done).cos()))
            }
            Self::Step { every, factor } => factor.powf(f64::from(epoch / every.max(1))),
        }
    }

    /// Complains of what makes no schedule for so many steps.
    pub(crate) fn check(&self, total: u64) -> Result<(), TrainError> {
        let bad =
            |name, value: f64, expected| Err(TrainError::Config { name, value: value.to_string(), expected });
        match *self {
            Self::Constant => Ok(()),
            Self::Linear(stages) | Self::Cosine(stages) => {
                for steps in [stages.warmup, stages.hold] {
                    if let Steps::Share(share) = steps
                        && !(0.0..1.0).contains(&share)
                    {
                        return bad(
                            "schedule",
                            share,
                            "a whole number of steps, or a share of all steps below 1",
                        );
                    }
                }
                let flat = stages.warmup.of(total).saturating_add(stages.hold.of(total));
                if flat > total {
                    return Err(TrainError::Schedule { flat, total });
                }
                if !(0.0..=1.0).contains(&stages.floor) {
                    return bad("schedule.floor", stages.floor, "a share of lr, from 0 to 1");
                }
                Ok(())
            }
            Self::Step { every: 0, .. } => bad("schedule.every", 0.0, "at least 1 epoch"),
            Self::Step { factor, .. } if !(factor > 0.0 && factor <= 1.0) => {
                bad("schedule.factor", factor, "a number above 0, at most 1")
            }
            Self::Step { .. } => Ok(()),
        }
    }
}

impl Stages {
    fn factor(&self, step: u64, total: u64, fall: impl Fn(f64) -> f64) -> f64 {
        let (warmup, hold) = (self.warmup.of(total), self.hold.of(total));
        if step < warmup {
            return (step + 1) as f64 / warmup as f64;
        }
        let Some(done) = step.checked_sub(warmup + hold) else { return 1.0 };
        let falling = total.saturating_sub(warmup + hold).max(1);
        self.floor + (1.0 - self.floor) * fall((done as f64 / falling as f64).min(1.0))
    }
}
