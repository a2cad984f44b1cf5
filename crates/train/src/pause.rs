//! A training that stops after some epochs and is gone on with later, if at all: a trial of a search over settings.

use affekt_domain::{Epoch, Stage};
use affekt_models::Network;

use crate::check::check;
use crate::progress::Listener;
use crate::state::{Partial, State, StateFile};
use crate::supervised::Supervised;
use crate::training::{Training, alone, begin, settings};
use crate::{Refit, StateOutcome, TrainError};

/// A training that has come as far as it was asked to.
#[derive(Debug)]
pub struct Paused {
    /// Its epochs so far. Where it diverged, the last one has a loss that is not a number, and is where that happened.
    pub history: Vec<Epoch>,
    /// What [`train_until`] goes on from: a function of the training and the epoch alone, however it came there.
    pub state: Vec<u8>,
    /// What was found in the [`Resume`](crate::Resume) folder.
    pub resumed: StateOutcome,
}

/// Trains until the end of an epoch, or to the training's own end where that comes first. `paused` is the state that the same
/// training was left in after an earlier epoch. Epoch by epoch this is what [`train`](crate::train) does, whose schedule is
/// laid over `max_epochs`.
///
/// A training that diverges (a loss or a weight that is not finite) is no error here: its history says so.
///
/// # Errors
/// As those of [`train`](crate::train) otherwise, and where `paused` is the state of another training, or `refit` is asked for.
pub fn train_until(
    training: &Training,
    epoch: u32,
    paused: Option<&[u8]>,
    progress: &mut Listener,
) -> Result<Paused, TrainError> {
    check(training)?;
    if training.config.refit != Refit::None {
        let value = format!("{:?}", training.config.refit);
        return Err(TrainError::Config {
            name: "refit",
            value,
            expected: "`none`, where a training is paused",
        });
    }
    let _alone = alone();
    let settings = settings(training);
    let mut learner = Supervised::new(training, &Network::forward_t, training.trained_on)?;
    let mut run = begin(training, &mut learner, Stage::Search, training.config.max_epochs)?;
    let mut file = training.resume.map(|resume| StateFile::new(resume, settings.clone()));
    let resumed = run.resume(file.as_ref())?;
    if let Some(paused) = paused.filter(|_| !matches!(resumed, StateOutcome::Resumed { .. })) {
        run.restore(State::from_bytes(paused, &settings).map_err(TrainError::OtherState)?)?;
    }
    let outcome = run.go_on_until(epoch, &mut file, progress);
    let mut history = run.history();
    match outcome {
        Ok(()) => {}
        Err(error) if error.is_diverged() => history.push(run.diverged_epoch()),
        Err(error) => return Err(error),
    }
    Ok(Paused { history, state: run.state(Partial::default()).into_bytes(&settings)?, resumed })
}
