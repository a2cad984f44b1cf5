//! What to try where memory is used up.

use affekt_spec::training::Batching;

use crate::{Learner, Optimisation, Precision};

/// Returns settings that would save memory and are open to this learner, as they are written in pipelines, for a sentence: "`a`, `b` or
/// `c`".
pub fn memory_advice<L: Learner + ?Sized>(optimisation: &Optimisation, learner: &L) -> String {
    let &Optimisation { batch_size, batching, precision, gradient_checkpointing, .. } = optimisation;
    let fills_by_seconds = matches!(batching, Batching::Bucketed { seconds: Some(_), .. });
    let is_whole = learner.indivisible().is_some();
    let advice = [
        ("a smaller `batch_size`", is_whole && batch_size > 1 && !fills_by_seconds),
        ("fewer `seconds` of `batching`", is_whole && fills_by_seconds),
        ("`gradient_checkpointing: true`", learner.can_checkpoint_gradients() && !gradient_checkpointing),
        ("`precision: bf16`", matches!(precision, Precision::Fp32 | Precision::Tf32)),
        ("a shorter `crop`", learner.reads_waveforms()),
    ];
    let open: Vec<&str> =
        advice.into_iter().filter(|(_, is_open)| *is_open).map(|(words, _)| words).collect();
    match open.split_last() {
        None => "a machine with more".to_owned(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, BatchLoss, LossWeights, TrainError};
    use affekt_torch::NamedTensors;

    struct Bare {
        is_open: bool,
    }

    impl Learner for Bare {
        fn tensors(&self) -> NamedTensors {
            NamedTensors::new()
        }
        fn reads_waveforms(&self) -> bool {
            self.is_open
        }
        fn can_checkpoint_gradients(&self) -> bool {
            self.is_open
        }
        fn indivisible(&self) -> Option<&'static str> {
            self.is_open.then_some("it is one")
        }
        fn loss_weights(&self, _: &Batch) -> Result<LossWeights, TrainError> {
            Ok(LossWeights::of_one(1.0))
        }
        fn loss(&self, _: &Batch, _: bool) -> Result<BatchLoss, TrainError> {
            Ok(Vec::new().into())
        }
    }

    /// Every word in backticks begins with a key of the section `training`, in the page that pipelines are written by.
    #[test]
    fn what_is_advised_can_be_written() {
        let reference = include_str!("../../../docs/reference/operations.md");
        let by_seconds = Batching::Bucketed {
            seconds: Some(10.0),
            counted: affekt_spec::training::Counted::Padded,
            noise: 0.0,
        };
        let mut named = Vec::new();
        for batching in [Batching::Shuffled, by_seconds] {
            let optimisation = Optimisation { batching, ..Optimisation::default() };
            let advice = memory_advice(&optimisation, &Bare { is_open: true });
            for key in advice.split('`').skip(1).step_by(2) {
                let key = key.split(':').next().unwrap_or(key);
                assert!(reference.contains(&format!("| `{key}` |")), "{key}");
                named.push(key.to_owned());
            }
        }
        named.sort();
        named.dedup();
        assert_eq!(
            named,
            ["batch_size", "batching", "crop", "gradient_checkpointing", "precision", "seconds"]
        );
    }

    #[test]
    fn what_is_of_no_use_is_not_advised() {
        let closed = Optimisation {
            precision: Precision::Bf16,
            gradient_checkpointing: true,
            ..Optimisation::default()
        };
        assert_eq!(memory_advice(&closed, &Bare { is_open: false }), "a machine with more");
        assert_eq!(
            memory_advice(&closed, &Bare { is_open: true }),
            "a smaller `batch_size` or a shorter `crop`"
        );
    }
}
