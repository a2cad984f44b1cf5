//! What a pretraining's settings are to the training loop.

use affekt_domain::Monitor;
use affekt_spec::training::PretrainConfig;

use crate::check::check_numbers;
use crate::{Stopping, TrainConfig, TrainError, schedule};

/// Returns what the training loop calls the same: epochs are judged by the loss of what is held out, where something is,
/// and none ends the training before its last step.
pub fn of_loop(config: &PretrainConfig, is_held_out: bool) -> TrainConfig {
    let stopping = match is_held_out {
        true => Stopping::Early { monitor: Monitor::DevLoss, patience: u32::MAX },
        false => Stopping::Fixed,
    };
    TrainConfig { optimisation: config.optimisation.clone(), stopping, ..TrainConfig::default() }
}

/// Complains of the first number that makes no pretraining.
///
/// # Errors
/// When there is one.
pub fn check(config: &PretrainConfig) -> Result<(), TrainError> {
    let bad = |name, value: String, expected| Err(TrainError::Config { name, value, expected });
    check_numbers(&of_loop(config, false))?;
    if config.steps == 0 {
        return bad("steps", "0".into(), "at least 1");
    }
    if !(0.0..1.0).contains(&config.held_out) {
        return bad("held_out", config.held_out.to_string(), "a share from 0, below 1");
    }
    schedule::check(&config.optimisation.schedule, config.steps)
}
