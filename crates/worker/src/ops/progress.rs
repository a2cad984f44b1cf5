//! What the runner hears of a training while it runs.

use std::ops::ControlFlow;

use affekt_domain::Stage;
use affekt_graph::Context;
use affekt_train::{Progress, StateOutcome};

/// Tells the runner how far a training is.
pub struct TrainingProgress<'c> {
    context: &'c mut dyn Context,
    unit: Unit,
    /// Units that the job does not do, because an earlier one did.
    before: u64,
    done: u64,
    total: u64,
}

/// What a training is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Epochs,
    Steps,
}

impl<'c> TrainingProgress<'c> {
    /// Counts the epochs of each stage.
    pub fn in_epochs(context: &'c mut dyn Context) -> Self {
        Self { context, unit: Unit::Epochs, before: 0, done: 0, total: 0 }
    }

    /// Counts steps.
    pub fn in_steps(context: &'c mut dyn Context) -> Self {
        Self { unit: Unit::Steps, ..Self::in_epochs(context) }
    }

    /// Counts the epochs behind `from`, up to `until`.
    pub fn in_epochs_between(context: &'c mut dyn Context, from: u32, until: u32) -> Self {
        let (before, total) = (u64::from(from), u64::from(until));
        Self { before, done: before, total, ..Self::in_epochs(context) }
    }

    /// Passes on what is heard of a training, and breaks it off where somebody asked to stop: between steps, where its state is whole.
    pub fn hear(&mut self, progress: &Progress<'_>) -> ControlFlow<()> {
        match *progress {
            Progress::Batch { stage, epoch, max_epochs, done, total, step, steps, loss } => {
                let loss = loss.map_or_else(String::new, |loss| format!(", loss {loss:.3}"));
                if self.unit == Unit::Steps {
                    (self.done, self.total) = (step, steps);
                    self.tell(&format!("step {step}/{steps}{loss}"));
                } else {
                    self.done = u64::from(epoch - 1);
                    if self.before == 0 {
                        self.total = u64::from(max_epochs);
                    }
                    self.tell(&format!("{}epoch {epoch}, batch {done}/{total}{loss}", prefix(stage)));
                }
            }
            Progress::OutOfMemory { stage, epoch, batch, micro_batches } => self.tell(&format!(
                "{}epoch {epoch}, batch {batch}: out of memory; now in {micro_batches} micro-batches",
                prefix(stage)
            )),
            Progress::MicroBatch { stage, epoch, batch, done, total } => self
                .tell(&format!("{}epoch {epoch}, batch {batch}, micro-batch {done}/{total}", prefix(stage))),
            Progress::Evaluation { stage, epoch, done, total } => {
                self.tell(&format!("{}epoch {epoch}, dev batch {done}/{total}", prefix(stage)));
            }
            Progress::Epoch(epoch) => {
                let dev = epoch.dev_loss.map_or_else(String::new, |loss| format!(", dev loss {loss:.3}"));
                if self.unit == Unit::Epochs {
                    self.done = u64::from(epoch.number);
                }
                let (stage, number, loss) = (prefix(epoch.stage), epoch.number, epoch.train_loss);
                self.tell(&format!("{stage}epoch {number}, loss {loss:.3}{dev}"));
            }
        }
        let is_within_step = matches!(progress, Progress::MicroBatch { .. } | Progress::OutOfMemory { .. });
        if !is_within_step && self.context.cancelled() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Says that a checkpoint was of no use, where one was there.
    pub fn tell_outcome(&mut self, outcome: &StateOutcome) {
        if let StateOutcome::Ignored(why) = outcome {
            self.tell(&format!("an unusable checkpoint was ignored: {why}"));
        }
    }

    fn tell(&mut self, note: &str) {
        let Self { before, done, total, .. } = *self;
        self.context.progress(done.saturating_sub(before), total.saturating_sub(before), note);
    }
}

/// Returns what stands before the notes of a stage.
const fn prefix(stage: Stage) -> &'static str {
    match stage {
        Stage::Search => "",
        Stage::Refit => "refit, ",
    }
}
