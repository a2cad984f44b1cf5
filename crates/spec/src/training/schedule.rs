//! How the learning rate goes from step to step.

use affekt_config::{Field, Value as Yaml};
use serde::{Deserialize, Serialize};

use crate::schema::Schema;
use crate::{Limits, Spec};

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
#[derive(Debug, Clone, Copy, PartialEq, Spec)]
#[spec(tag = "kind")]
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
        #[spec(range = 1..=100_000, unit = "epochs")]
        every: u32,
        /// What each falls by.
        #[spec(default = 0.1, range = 1e-6..=1.0)]
        factor: f64,
    },
}

/// Where a schedule bends.
#[derive(Debug, Clone, Copy, PartialEq, Spec)]
pub struct Stages {
    /// How long it rises.
    #[spec(default = Steps::Count(0))]
    pub warmup: Steps,
    /// How long it stays.
    #[spec(default = Steps::Count(0))]
    pub hold: Steps,
    /// What it falls to, as a share of `lr`.
    #[spec(default = 0.0, range = 0.0..=1.0)]
    pub floor: f64,
}

/// A stretch of training: a whole number of optimiser steps, or a share of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Steps {
    /// So many optimiser steps.
    Count(u64),
    /// A share of all steps, below 1, rounded to whole steps.
    Share(f64),
}

impl Steps {
    /// Returns the number of steps, of `total`.
    #[must_use]
    pub fn of(self, total: u64) -> u64 {
        match self {
            Self::Count(steps) => steps,
            Self::Share(share) => (share * total as f64).round() as u64,
        }
    }
}

impl Spec for Steps {
    fn schema(_: &Limits) -> Schema {
        let range = |high| Limits { low: std::ops::Bound::Included(0.0), high, ..Limits::NONE };
        Schema::OneOf(vec![
            Schema::Integer(range(std::ops::Bound::Included(1e9))),
            Schema::Number(range(std::ops::Bound::Excluded(1.0))),
        ])
    }

    fn read(field: Field<'_>, _: &Limits) -> Option<Self> {
        match field.node.value {
            Yaml::Integer(steps) if (0..=1_000_000_000).contains(&steps) => Some(Self::Count(steps as u64)),
            Yaml::Float(share) if (0.0..1.0).contains(&share) => Some(Self::Share(share)),
            _ => {
                field.expected("a whole number of steps, or a share of all steps below 1");
                None
            }
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
