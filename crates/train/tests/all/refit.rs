//! Training anew for the best number of epochs.

use std::cell::Cell;
use std::ops::ControlFlow;

use affekt_domain::{Epoch, Monitor, Stage};
use affekt_spec::training::Optimisation;
use affekt_train::{
    Refit, Schedule, Stages, StateOutcome, Steps, Stopping, TrainConfig, TrainError, Trained,
};

use crate::case::{Bands, Case, assert_same, bytes};

/// A search that ends after some epochs, under a schedule that differs with their number.
fn searching(refit: Refit) -> Case {
    let stages = Stages { warmup: Steps::Count(4), hold: Steps::Count(0), floor: 0.1 };
    let config = TrainConfig {
        stopping: Stopping::Early { monitor: Monitor::DevUar, patience: 2 },
        max_epochs: 30,
        refit,
        optimisation: Optimisation { schedule: Schedule::Cosine(stages), ..Case::new().config.optimisation },
        ..Case::new().config
    };
    Case { config, ..Case::new() }
}

fn of(trained: &Trained, stage: Stage) -> Vec<Epoch> {
    trained.history.iter().filter(|epoch| epoch.stage == stage).copied().collect()
}

#[test]
fn it_is_the_fixed_run_of_the_best_number_of_epochs() {
    let search = searching(Refit::None).run().unwrap();
    assert!(search.kept_epoch > 1 && search.kept_epoch < 28, "nothing was searched: {}", search.kept_epoch);
    for refit in [Refit::BestEpochs, Refit::BestEpochsWithDev] {
        let anew = searching(refit).run().unwrap();
        assert_eq!((anew.stage, anew.kept_epoch), (Stage::Refit, search.kept_epoch));
        let searched = of(&anew, Stage::Search);
        let without = searched.iter().zip(&search.history).all(|(a, b)| Epoch { kept: b.kept, ..*a } == *b);
        assert!(without && searched.len() == search.history.len(), "the search is as without a refit");

        let dataset = match refit {
            Refit::BestEpochsWithDev => Bands::new().with_dev_in_training(),
            _ => Bands::new(),
        };
        assert_eq!(anew.trained_rows, if refit == Refit::BestEpochs { 60 } else { 80 });
        let config = TrainConfig {
            stopping: Stopping::Fixed,
            max_epochs: search.kept_epoch,
            refit: Refit::None,
            ..searching(refit).config
        };
        let standardised_on = Some(Bands::new());
        let fixed = Case { dataset, standardised_on, config, with_dev: false, ..Case::new() }.run().unwrap();
        assert!(bytes(&anew) == bytes(&fixed), "{refit:?}: other weights than those of a fixed run");
        assert!(bytes(&anew) != bytes(&search));
        let as_search = |epoch: &Epoch| Epoch { stage: Stage::Search, ..*epoch };
        assert_eq!(of(&anew, Stage::Refit).iter().map(as_search).collect::<Vec<_>>(), fixed.history);
        assert_eq!(anew.history.iter().filter(|epoch| epoch.kept).count(), 1);
        assert!(anew.history.last().unwrap().kept);
    }
}

/// What the documentation of `best-epochs` says of it.
#[test]
fn under_a_constant_rate_it_gives_the_search_s_weights_once_more() {
    let mut case = searching(Refit::None);
    case.config.optimisation.schedule = Schedule::Constant;
    let search = case.run().unwrap();
    case.config.refit = Refit::BestEpochs;
    assert!(bytes(&search) == bytes(&case.run().unwrap()));
}

#[test]
fn killed_in_either_stage_it_ends_with_the_same_bytes() {
    let straight = searching(Refit::BestEpochsWithDev).run().unwrap();
    let searched = of(&straight, Stage::Search).len() as u32;
    // Signs of life: 4 batches and the end of an epoch in the search, 5 and the end in the refit.
    let search = searched * 5;
    for signs in [3, search, search + 1, search + 6, search + 9] {
        let folder = tempfile::tempdir().unwrap();
        let resume = Case::resuming_in(folder.path()).resume;
        let case = Case { resume, ..searching(Refit::BestEpochsWithDev) };
        let seen = Cell::new(0);
        let error = case
            .run_with(&mut |_| {
                seen.set(seen.get() + 1);
                if seen.get() == signs { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap_err();
        assert!(matches!(error, TrainError::Cancelled(_)), "{error}");
        let resumed = case.run().unwrap();
        let (epochs, batches) = match signs.checked_sub(search) {
            None => (signs / 5, signs % 5),
            Some(signs) => (searched + signs / 6, signs % 6),
        };
        let expected = StateOutcome::Resumed { epochs, batches: batches as usize };
        assert_eq!(resumed.state, expected);
        assert_same(&straight, &resumed);
        let again = case.run_with(&mut |_| panic!("no work is left")).unwrap();
        assert_same(&straight, &again);
    }
}

#[test]
fn without_a_search_there_is_nothing_to_repeat() {
    let config = TrainConfig { stopping: Stopping::Fixed, ..searching(Refit::BestEpochs).config };
    let error = Case { config, ..Case::new() }.run().unwrap_err().to_string();
    assert_eq!(error, "refit is BestEpochs: expected `none` where nothing is searched for");
}
