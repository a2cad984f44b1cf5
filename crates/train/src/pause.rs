//! A training that stops after some epochs and is gone on with later, if at all: a trial of a search over settings.

use std::ops::ControlFlow;

use affekt_domain::{Epoch, Stage};
use affekt_models::Network;

use crate::check::check;
use crate::run::Run;
use crate::state::{Begun, State, StateFile};
use crate::training::{Progress, Training, alone, settings};
use crate::{Refit, StateOutcome, TrainError};

/// A training that has come as far as it was asked to.
#[derive(Debug)]
pub struct Paused {
    /// Its epochs so far. Where it went astray, the last one has a loss that is no number, and is where that happened.
    pub history: Vec<Epoch>,
    /// What [`train_until`] goes on from: a function of the training and the epoch alone, however it came there.
    pub state: Vec<u8>,
    /// What was found in the [`Resume`](crate::Resume) folder.
    pub resumed: StateOutcome,
}

/// Trains until the end of an epoch, or to the training's own end where that comes first. `begun` is the state that the same
/// training was left in after an earlier epoch. Epoch by epoch this is what [`train`](crate::train) does, whose schedule is
/// laid over `max_epochs`.
///
/// A training that goes astray (a loss or a weight that is not finite) is no error here: its history says so.
///
/// # Errors
/// As those of [`train`](crate::train) otherwise, and where `begun` is the state of another training, or `refit` is asked for.
pub fn train_until(
    training: &Training,
    epoch: u32,
    begun: Option<&[u8]>,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
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
    let (settings, part) = (settings(training), training.trained_on);
    let mut run = Run::new(training, &Network::forward_t, Stage::Search, part, training.config.max_epochs)?;
    let mut file = training.resume.map(|resume| StateFile::new(resume, settings.clone()));
    let mut resumed = StateOutcome::Fresh;
    match file.as_ref().and_then(StateFile::read) {
        Some(Ok(state)) => resumed = run.restore(state)?,
        read => {
            if let Some(Err(why)) = read {
                resumed = StateOutcome::Ignored(why);
            }
            if let Some(begun) = begun {
                run.restore(State::from_bytes(begun, &settings).map_err(TrainError::OtherState)?)?;
            }
        }
    }
    let outcome = run.go_on_until(epoch, &mut file, progress);
    let mut history = run.history();
    match outcome {
        Ok(()) => {}
        Err(error) if error.is_astray() => history.push(run.astray()),
        Err(error) => return Err(error),
    }
    Ok(Paused { history, state: run.state(Begun::default()).into_bytes(&settings)?, resumed })
}
