//! Learning rates, worked out by hand.

use affekt_spec::training::Optimisation;
use affekt_train::{Schedule, Stages, Steps, TrainConfig, TrainError};

use crate::case::Case;

/// The factors of all steps.
fn factors(schedule: Schedule, per_epoch: u64, epochs: u32) -> Vec<f64> {
    let total = per_epoch * u64::from(epochs);
    (0..total).map(|step| schedule.factor(step, total, (step / per_epoch) as u32)).collect()
}

fn assert_close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    let close = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(close, "{found:?} where {expected:?} is expected");
}

#[test]
fn constant_is_one() {
    assert_eq!(factors(Schedule::Constant, 2, 2), [1.0; 4]);
}

#[test]
fn linear_rises_stays_and_falls() {
    let expected = [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2];
    let counted = Stages { warmup: Steps::Count(2), hold: Steps::Count(3), floor: 0.0 };
    assert_close(&factors(Schedule::Linear(counted), 5, 2), &expected);
    let shared = Stages { warmup: Steps::Share(0.2), hold: Steps::Share(0.3), floor: 0.0 };
    assert_close(&factors(Schedule::Linear(shared), 5, 2), &expected);
    let floored = Stages { warmup: Steps::Count(0), hold: Steps::Count(0), floor: 0.2 };
    assert_close(&factors(Schedule::Linear(floored), 4, 1), &[1.0, 0.8, 0.6, 0.4]);
}

#[test]
fn cosine_falls_along_half_a_wave() {
    let stages = Stages { warmup: Steps::Count(1), hold: Steps::Count(0), floor: 0.0 };
    let half = 0.5_f64.sqrt();
    let expected = [1.0, 1.0, (1.0 + half) / 2.0, 0.5, (1.0 - half) / 2.0];
    assert_close(&factors(Schedule::Cosine(stages), 5, 1), &expected);
    let floored = Stages { floor: 0.1, ..stages };
    assert_close(&factors(Schedule::Cosine(floored), 5, 1), &expected.map(|factor| 0.1 + 0.9 * factor));
}

#[test]
fn steps_fall_every_so_many_epochs() {
    let schedule = Schedule::Step { every: 2, factor: 0.5 };
    let expected = [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25];
    assert_close(&factors(schedule, 2, 5), &expected);
}

#[test]
fn the_history_holds_the_rate_of_each_epoch_s_last_step() {
    let stages = Stages { warmup: Steps::Count(6), hold: Steps::Count(2), floor: 0.0 };
    // Four batches an epoch.
    let config = TrainConfig {
        max_epochs: 3,
        optimisation: Optimisation { schedule: Schedule::Linear(stages), ..Case::new().config.optimisation },
        ..Case::new().config
    };
    let scheduled = Case { config, ..Case::new() }.run().unwrap();
    let rates: Vec<f64> = scheduled.history.iter().map(|epoch| epoch.learning_rate / 0.01).collect();
    assert_close(&rates, &[4.0 / 6.0, 1.0, 0.25]);

    let flat =
        Case { config: TrainConfig { max_epochs: 3, ..Case::new().config }, ..Case::new() }.run().unwrap();
    assert!(flat.history.iter().all(|epoch| epoch.learning_rate == 0.01));
    assert_ne!(flat.history[0].train_loss, scheduled.history[0].train_loss);
}

#[test]
fn impossible_schedules_are_refused() {
    let error = |schedule| {
        let config = TrainConfig {
            optimisation: Optimisation { schedule, ..Case::new().config.optimisation },
            ..Case::new().config
        };
        Case { config, ..Case::new() }.run().map(|_| ()).unwrap_err()
    };
    let stages = Stages { warmup: Steps::Count(20), hold: Steps::Share(0.2), floor: 0.0 };
    let too_long = error(Schedule::Linear(stages));
    assert!(matches!(too_long, TrainError::Schedule { flat: 25, total: 24 }), "{too_long}");
    let share = error(Schedule::Cosine(Stages { warmup: Steps::Share(1.5), ..stages })).to_string();
    assert!(share.starts_with("schedule is 1.5: expected a whole number of steps, or a share"), "{share}");
    let floor = error(Schedule::Cosine(Stages { warmup: Steps::Count(0), floor: 2.0, ..stages })).to_string();
    assert_eq!(floor, "schedule.floor is 2: expected a share of lr, from 0 to 1");
    assert_eq!(
        error(Schedule::Step { every: 0, factor: 0.5 }).to_string(),
        "schedule.every is 0: expected at least 1 epoch"
    );
}
