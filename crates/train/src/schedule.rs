//! Whether a schedule fits into a training.

use affekt_spec::training::{Schedule, Steps};

use crate::TrainError;

/// Complains of what makes no schedule for so many steps.
pub fn check(schedule: &Schedule, total: u64) -> Result<(), TrainError> {
    let bad =
        |name, value: f64, expected| Err(TrainError::Config { name, value: value.to_string(), expected });
    match *schedule {
        Schedule::Constant => Ok(()),
        Schedule::Linear(stages) | Schedule::Cosine(stages) => {
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
        Schedule::Step { every: 0, .. } => bad("schedule.every", 0.0, "at least 1 epoch"),
        Schedule::Step { factor, .. } if !(factor > 0.0 && factor <= 1.0) => {
            bad("schedule.factor", factor, "a number above 0, at most 1")
        }
        Schedule::Step { .. } => Ok(()),
    }
}
