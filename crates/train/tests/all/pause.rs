//! A training that is paused and gone on with is the one that was left alone.

use std::ops::ControlFlow;

use affekt_domain::Epoch;
use affekt_train::{Paused, Progress, Refit, Schedule, Stages, StateOutcome, Steps};

use crate::case::Case;

fn until(case: &Case, epoch: u32, begun: Option<&[u8]>) -> Paused {
    case.run_until(epoch, begun, &mut |_| ControlFlow::Continue(())).unwrap()
}

#[test]
fn rung_by_rung_is_the_way_in_one_go() {
    let mut case = Case::new();
    // A schedule that is laid over all epochs, wherever it is paused.
    let stages = Stages { warmup: Steps::Count(5), hold: Steps::Count(0), floor: 0.0 };
    case.config.optimisation.schedule = Schedule::Cosine(stages);
    let whole = until(&case, 6, None);
    let first = until(&case, 1, None);
    assert_eq!(first.history.len(), 1);
    let second = until(&case, 3, Some(&first.state));
    assert_eq!(second.history.len(), 3);
    let third = until(&case, 6, Some(&second.state));
    assert_eq!(third.history, whole.history);
    assert!(third.state == whole.state, "another state");
    // And the training as a whole.
    assert_eq!(whole.history, case.run().unwrap().history);
    assert!(until(&case, 3, Some(&third.state)).state == third.state, "what is done stays done");
}

#[test]
fn killed_on_the_way_it_ends_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let first = until(&Case::new(), 2, None);
    let alone = until(&Case::new(), 5, Some(&first.state));
    let case = Case::resuming_in(folder.path());
    let mut batches = 0;
    let broken_off = case.run_until(5, Some(&first.state), &mut |life| {
        batches += usize::from(matches!(life, Progress::Batch { .. }));
        if batches == 6 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(broken_off.is_err());
    let resumed = until(&case, 5, Some(&first.state));
    assert!(
        matches!(resumed.resumed, StateOutcome::Resumed { epochs: 3, batches: 2 }),
        "{:?}",
        resumed.resumed
    );
    assert_eq!(resumed.history, alone.history);
    assert!(resumed.state == alone.state, "another state");
}

#[test]
fn what_diverges_says_so_in_its_history() {
    let mut case = Case::new();
    case.config.optimisation.lr = 1e30;
    let paused = until(&case, 4, None);
    let last: Option<&Epoch> = paused.history.last();
    assert!(last.is_some_and(|epoch| epoch.train_loss.is_nan() && !epoch.kept), "{last:?}");
}

#[test]
fn another_trainings_state_is_refused() {
    let first = until(&Case::new(), 1, None);
    let mut other = Case::new();
    other.config.optimisation.lr = 0.02;
    let error = other.run_until(2, Some(&first.state), &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot go on from the state it was paused in: the state of a training with other settings"
    );
    other.config.refit = Refit::BestEpochs;
    let error = other.run_until(2, None, &mut |_| ControlFlow::Continue(())).unwrap_err().to_string();
    assert!(error.contains("`none`, where a training is paused"), "{error}");
}
