//! The loop: learning, stopping, resuming, and what it refuses.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::time::Duration;

use affekt_domain::{Monitor, Role};
use affekt_features::Standardiser;
use affekt_models::{InputShape, Network};
use affekt_spec::network::{CnnConfig, MlpConfig, MlpNorm, NetworkConfig};
use affekt_spec::training::Optimisation;
use affekt_torch::Checkpoint;
use affekt_train::{
    BatchLimit, Dataset, DevPart, Progress, Resume, StateOutcome, Stopping, TestPart, TrainConfig,
    TrainError, TrainingPart, predict,
};
use tch::{Device, Tensor};

use crate::case::{BANDS, Bands, Case, FRAMES, assert_same, bytes, classes, frames, standardiser};

#[test]
fn learns_and_predicts_what_it_has_not_seen() {
    let case = Case { config: TrainConfig { max_epochs: 15, ..Case::new().config }, ..Case::new() };
    let trained = case.run().unwrap();
    let kept = &trained.history[trained.kept_epoch as usize - 1];
    assert!(kept.dev_accuracy.unwrap() >= 0.9, "{kept:?}");
    assert!(kept.train_loss < trained.history[0].train_loss);
    assert_eq!(trained.history.iter().filter(|epoch| epoch.kept).count(), 1);
    assert!(kept.kept);

    let part = TrainingPart::of(&case.dataset);
    let standardiser = standardiser(&part);
    let mut network =
        Network::new(&case.network, &InputShape::Frames([BANDS, FRAMES]), 3, 99, Device::Cpu).unwrap();
    network.load(&trained.weights).unwrap();
    let right = |part: &dyn Fn(usize) -> Vec<Vec<f32>>, classes: Vec<i64>| {
        let logits = part(7);
        assert_eq!(logits.len(), classes.len());
        let best =
            |logits: &Vec<f32>| (0..3).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap() as i64;
        logits.iter().zip(&classes).filter(|(logits, class)| best(logits) == **class).count()
    };
    let test = TestPart::of(&case.dataset);
    let on_test = |batch| {
        predict(&network, &test, Some(&standardiser), BatchLimit::rows(batch), &mut |_, _| {}).unwrap()
    };
    assert!(right(&on_test, classes(&test)) >= 18);
    let dev = DevPart::of(&case.dataset);
    let on_dev = |batch| {
        predict(&network, &dev, Some(&standardiser), BatchLimit::rows(batch), &mut |_, _| {}).unwrap()
    };
    let accuracy = right(&on_dev, classes(&dev)) as f64 / 20.0;
    assert_eq!(Some(accuracy), kept.dev_accuracy, "the kept weights are those of the kept epoch");
}

#[test]
fn a_part_is_what_the_roles_say() {
    let mut dataset = Bands::new();
    dataset.rows[0].2 = None;
    let roles = |rows: &[usize]| rows.iter().map(|&row| dataset.role(row)).collect::<Vec<_>>();
    assert_eq!(roles(TrainingPart::of(&dataset).rows()), [Some(Role::Train); 59]);
    assert_eq!(roles(DevPart::of(&dataset).rows()), [Some(Role::Dev); 20]);
    assert_eq!(roles(TestPart::of(&dataset).rows()), [Some(Role::Test); 20]);
}

#[test]
fn test_rows_change_nothing() {
    let case = Case::new();
    let mut other = Case::new();
    for (values, class, role) in &mut other.dataset.rows {
        if *role == Some(Role::Test) {
            values.fill(f32::NAN);
            *class = 2 - *class;
        }
    }
    assert_same(&case.run().unwrap(), &other.run().unwrap());
}

#[test]
fn the_same_bytes_twice_and_others_for_another_seed() {
    let first = Case::new().run().unwrap();
    assert_same(&first, &Case::new().run().unwrap());
    let other = Case { seed: 2, ..Case::new() }.run().unwrap();
    assert!(bytes(&first) != bytes(&other));
    assert_ne!(first.history, other.history);
}

#[test]
fn interrupted_anywhere_it_ends_with_the_same_bytes() {
    let short = TrainConfig { max_epochs: 2, ..Case::new().config };
    let straight = Case { config: short.clone(), ..Case::new() }.run().unwrap();
    // After how many signs of life to break off, 5 an epoch: four batches and the epoch's end.
    for signs in 1..=10_u32 {
        let folder = tempfile::tempdir().unwrap();
        let case = Case { config: short.clone(), ..Case::resuming_in(folder.path()) };
        let seen = Cell::new(0);
        let error = case
            .run_with(&mut |_| {
                seen.set(seen.get() + 1);
                if seen.get() == signs { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap_err();
        assert!(matches!(error, TrainError::Cancelled(epoch) if epoch == signs.div_ceil(5)), "{error}");
        let resumed = case.run().unwrap();
        // The state is written before anybody hears of the step.
        let (epochs, batches) = (signs / 5, signs as usize % 5);
        assert_eq!(resumed.state, StateOutcome::Resumed { epochs, batches });
        assert_same(&straight, &resumed);
        // A run that was killed after its last epoch has nothing left to do.
        let again = case.run_with(&mut |_| panic!("no work is left")).unwrap();
        assert_eq!(again.state, StateOutcome::Resumed { epochs: 2, batches: 0 });
        assert_same(&straight, &again);
    }
}

/// The state is written though it was not due.
#[test]
fn asked_to_stop_it_goes_on_from_that_very_step() {
    let short = TrainConfig { max_epochs: 2, ..Case::new().config };
    let straight = Case { config: short.clone(), ..Case::new() }.run().unwrap();
    for signs in [2, 5, 8] {
        let folder = tempfile::tempdir().unwrap();
        let resume = Resume { folder: folder.path().to_owned(), every: Duration::from_secs(3600) };
        let case = Case { config: short.clone(), resume: Some(resume), ..Case::new() };
        let seen = Cell::new(0);
        let stopped = case.run_with(&mut |_| {
            seen.set(seen.get() + 1);
            if seen.get() == signs { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(matches!(stopped, Err(TrainError::Cancelled(_))));
        let resumed = case.run().unwrap();
        let (epochs, batches) = (signs as u32 / 5, signs % 5);
        assert_eq!(resumed.state, StateOutcome::Resumed { epochs, batches });
        assert_same(&straight, &resumed);
    }
    // And while an epoch is judged, from behind its last step.
    let folder = tempfile::tempdir().unwrap();
    let resume = Resume { folder: folder.path().to_owned(), every: Duration::from_secs(3600) };
    let case = Case { config: short, resume: Some(resume), ..Case::new() };
    let stopped = case.run_heard(&mut |heard| match heard {
        Progress::Evaluation { .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert!(matches!(stopped, Err(TrainError::Cancelled(1))));
    let resumed = case.run().unwrap();
    assert_eq!(resumed.state, StateOutcome::Resumed { epochs: 0, batches: 4 });
    assert_same(&straight, &resumed);
}

#[test]
fn a_state_that_is_of_no_use_is_ignored_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let case = Case::resuming_in(folder.path());
    let straight = case.run().unwrap();
    let file = folder.path().join("resume.safetensors");
    let whole = std::fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() - 100] ^= 1;
    let foreign = Checkpoint::default().to_bytes().unwrap();
    for (damage, why) in [
        (&whole[..whole.len() / 2], "not a whole safetensors file"),
        (&[], "not a whole safetensors file"),
        (&flipped[..], "damaged"),
        (&foreign[..], "other settings"),
    ] {
        std::fs::write(&file, damage).unwrap();
        let trained = case.run().unwrap();
        let StateOutcome::Ignored(reason) = &trained.state else { panic!("{:?} of {why}", trained.state) };
        assert!(reason.contains(why) && reason.contains("resume.safetensors"), "{reason}");
        assert_same(&straight, &trained);
    }

    let other = Case { seed: 5, ..Case::resuming_in(folder.path()) }.run().unwrap();
    assert!(matches!(other.state, StateOutcome::Ignored(reason) if reason.contains("other settings")));
}

#[test]
fn the_state_is_written_no_more_often_than_asked() {
    let folder = tempfile::tempdir().unwrap();
    let resume = Some(Resume { folder: folder.path().to_owned(), every: Duration::from_secs(3600) });
    Case { resume, ..Case::new() }.run().unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn early_stopping_keeps_the_best_epoch() {
    for monitor in [Monitor::DevLoss, Monitor::DevAccuracy, Monitor::DevUar] {
        let stopping = Stopping::Early { monitor, patience: 3 };
        let config = TrainConfig { max_epochs: 200, stopping, ..Case::new().config };
        let trained = Case { config, ..Case::new() }.run().unwrap();
        assert_eq!(trained.history.len() as u32, trained.kept_epoch + 3, "{monitor:?}");
        // The first of the best, as lower numbers are better here.
        let figures = trained.history.iter().map(|epoch| match monitor {
            Monitor::DevLoss => epoch.dev_loss.unwrap(),
            Monitor::DevAccuracy => -epoch.dev_accuracy.unwrap(),
            Monitor::DevUar => -epoch.dev_uar.unwrap(),
            Monitor::DevCcc => -epoch.dev_ccc.unwrap(),
        });
        let best = figures.enumerate().min_by(|(_, a), (_, b)| a.total_cmp(b)).unwrap().0;
        assert_eq!(trained.kept_epoch as usize, best + 1, "{monitor:?}");
    }
}

#[test]
fn without_a_dev_part_the_last_epoch_is_kept() {
    let fixed = TrainConfig { stopping: Stopping::Fixed, ..Case::new().config };
    let trained = Case { with_dev: false, config: fixed, ..Case::new() }.run().unwrap();
    assert_eq!((trained.kept_epoch, trained.history.len()), (6, 6));
    assert!(trained.history.iter().all(|epoch| epoch.dev_loss.is_none() && epoch.dev_uar.is_none()));
    let error = Case { with_dev: false, ..Case::new() }.run().unwrap_err();
    assert!(matches!(error, TrainError::NoDevPart), "{error}");
}

#[test]
fn a_loss_that_is_not_finite_is_reported_with_its_place() {
    let mut case = Case::new();
    let row = case.dataset.rows.iter().position(|(_, _, role)| *role == Some(Role::Dev)).unwrap();
    case.dataset.rows[row].0[3] = f32::INFINITY;
    let error = case.run().unwrap_err().to_string();
    assert!(error.starts_with("the dev loss is NaN after epoch 1: try a smaller lr than 1e-2"), "{error}");

    let config =
        TrainConfig { optimisation: Optimisation { lr: 1e30, ..case.config.optimisation }, ..case.config };
    let error = Case { config, ..Case::new() }.run().unwrap_err();
    let TrainError::NotFinite { epoch: 1, batch, batches: 4, .. } = error else { panic!("{error}") };
    assert!(batch > 1);
}

#[test]
fn batch_norm_never_sees_a_batch_of_one_row_that_leaves_it_no_variance() {
    // 60 rows in batches of 59: the last one is alone.
    let last_alone = |network: NetworkConfig| {
        let case = Case::new();
        let optimisation = Optimisation { batch_size: 59, ..case.config.optimisation };
        let config = TrainConfig { stopping: Stopping::Fixed, optimisation, max_epochs: 2, ..case.config };
        Case { network, config, with_dev: false, ..Case::new() }
    };
    let mlp = |norm| NetworkConfig::Mlp(MlpConfig { hidden: vec![5, 4], norm, ..MlpConfig::default() });
    let batches = |case: &Case| {
        let mut counts = Vec::new();
        let trained = case.run_with(&mut |progress| {
            if let Progress::Batch { total, .. } = progress {
                counts.push(total);
            }
            ControlFlow::Continue(())
        });
        let finite = |(name, tensor): (&String, &Tensor)| {
            assert!(tensor.isfinite().all().int64_value(&[]) == 1, "{name} is not finite");
        };
        trained.unwrap().weights.iter().for_each(finite);
        counts
    };
    assert_eq!(batches(&last_alone(mlp(MlpNorm::Batch))), [1, 1], "it joins the one before");
    // One row is enough for layer norm, and for batch norm over the bands and frames of a row.
    assert_eq!(batches(&last_alone(mlp(MlpNorm::Layer))), [2; 4]);
    assert_eq!(batches(&last_alone(Case::new().network)), [2; 4]);

    let mut ones = last_alone(mlp(MlpNorm::Batch));
    ones.config.optimisation.batch_size = 1;
    let error = ones.run().map(|_| ()).unwrap_err().to_string();
    assert!(
        error.starts_with("batch norm finds no variance in a batch of one row, and there are 60 training rows in batches of 1"),
        "{error}"
    );
}

#[test]
fn impossible_trainings_are_refused() {
    let error = |change: &dyn Fn(&mut Case)| {
        let mut case = Case::new();
        change(&mut case);
        case.run().map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(
        error(&|case| case.config.optimisation.batch_size = 0),
        "batch_size is 0: expected at least 1"
    );
    assert_eq!(error(&|case| case.config.optimisation.lr = f64::NAN), "lr is NaN: expected a number above 0");
    assert_eq!(error(&|case| case.dataset.rows[5].1 = 3), "row 5 has class 3, outside 0..3");
    let no_dev = |case: &mut Case| case.dataset.rows.retain(|(_, _, role)| *role != Some(Role::Dev));
    assert!(error(&no_dev).starts_with("the dev part is empty"));
    let big_pools = |case: &mut Case| {
        case.network = NetworkConfig::Cnn(CnnConfig { pools: vec![2, 4, 4], ..CnnConfig::default() });
    };
    assert!(error(&big_pools).starts_with("the network: an input of 8 bands × 12 frames is too small"));
}

#[test]
fn damaged_features_are_refused() {
    let mut dataset = Bands::new();
    dataset.rows[4].0.pop();
    let test = TestPart::of(&dataset);
    let network =
        Network::new(&Case::new().network, &InputShape::Frames([BANDS, FRAMES]), 3, 1, Device::Cpu).unwrap();
    let error = predict(&network, &test, None, BatchLimit::rows(32), &mut |_, _| {}).unwrap_err().to_string();
    assert!(error.starts_with("row 4 has 95 values where 96 are expected"), "{error}");

    let other =
        Network::new(&Case::new().network, &InputShape::Frames([BANDS, FRAMES + 1]), 3, 1, Device::Cpu)
            .unwrap();
    let error = predict(&other, &test, None, BatchLimit::rows(32), &mut |_, _| {}).unwrap_err().to_string();
    assert!(
        error.starts_with("the examples are 8 bands × 12 frames and the network wants 8 bands × 13 frames"),
        "{error}"
    );
}

#[test]
fn standardising_in_front_of_the_network_or_beforehand_is_the_same() {
    let dataset = Bands::new();
    let part = TrainingPart::of(&dataset);
    let per_band = Standardiser::band(&frames(&part), [BANDS, FRAMES]).unwrap();
    let Standardiser::Band { bands } = &per_band else { panic!("{per_band:?}") };
    let mut ready = dataset.clone();
    for (values, ..) in &mut ready.rows {
        for (i, value) in values.iter_mut().enumerate() {
            *value = (*value - bands[i / FRAMES].mean) / bands[i / FRAMES].std;
        }
    }
    let network =
        Network::new(&Case::new().network, &InputShape::Frames([BANDS, FRAMES]), 3, 1, Device::Cpu).unwrap();
    let before =
        predict(&network, &TrainingPart::of(&ready), None, BatchLimit::rows(32), &mut |_, _| {}).unwrap();
    assert_eq!(
        predict(&network, &part, Some(&per_band), BatchLimit::rows(32), &mut |_, _| {}).unwrap(),
        before
    );

    let of_one = part.rows().iter().map(|&row| ("C/1", dataset.values(row)));
    let by_speaker = Standardiser::speaker(of_one, [BANDS, FRAMES]).unwrap();
    let error = predict(&network, &part, Some(&by_speaker), BatchLimit::rows(32), &mut |_, _| {})
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("row 1 cannot be standardised: no statistics of speaker `C/2`"), "{error}");
}

#[test]
fn progress_counts_batches_and_epochs() {
    let mut seen = Vec::new();
    let config = TrainConfig { max_epochs: 2, ..Case::new().config };
    Case { config, ..Case::new() }
        .run_with(&mut |progress| {
            seen.push(match progress {
                Progress::Batch { epoch, done, total, .. } => format!("{epoch}: {done}/{total}"),
                Progress::Epoch(epoch) => format!("{}: done", epoch.number),
                other => panic!("{other:?}"),
            });
            ControlFlow::Continue(())
        })
        .unwrap();
    let expected = [
        "1: 1/4", "1: 2/4", "1: 3/4", "1: 4/4", "1: done", "2: 1/4", "2: 2/4", "2: 3/4", "2: 4/4", "2: done",
    ];
    assert_eq!(seen, expected);
}

#[test]
fn evaluating_the_dev_part_reports_progress_and_can_be_broken_off() {
    let config = TrainConfig {
        max_epochs: 1,
        optimisation: Optimisation { batch_size: 6, ..Case::new().config.optimisation },
        ..Case::new().config
    };
    let case = Case { config, ..Case::new() };
    let mut seen = Vec::new();
    case.run_heard(&mut |progress| {
        if let Progress::Evaluation { epoch, done, total, .. } = progress {
            seen.push((epoch, done, total));
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    // Twenty rows, six at a time.
    assert_eq!(seen, [(1, 1, 4), (1, 2, 4), (1, 3, 4), (1, 4, 4)]);
    let error = case.run_heard(&mut |progress| match progress {
        Progress::Evaluation { done: 2, .. } => ControlFlow::Break(()),
        Progress::Epoch(_) => panic!("it was broken off"),
        _ => ControlFlow::Continue(()),
    });
    assert!(matches!(error, Err(TrainError::Cancelled(1))));
}

#[test]
fn an_evaluation_that_is_killed_is_begun_again_and_its_epoch_is_not_trained_again() {
    let straight = Case::new().run().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let resume = Some(Resume { folder: folder.path().to_owned(), every: Duration::from_millis(50) });
    let case = Case { resume, ..Case::new() };
    let killed = case.run_heard(&mut |progress| match progress {
        // Long enough for the state to be due, whatever was written while the epoch was trained.
        Progress::Evaluation { epoch: 2, done: 1, .. } => {
            std::thread::sleep(Duration::from_secs(1));
            ControlFlow::Continue(())
        }
        Progress::Evaluation { epoch: 2, done: 2, .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert!(matches!(killed, Err(TrainError::Cancelled(2))));
    let resumed = case.run().unwrap();
    // Sixty rows, sixteen at a time.
    assert_eq!(resumed.state, StateOutcome::Resumed { epochs: 1, batches: 4 });
    assert_same(&straight, &resumed);
}

#[test]
fn settings_read_as_in_a_pipeline() {
    let text = r#"{"lr": 0.01, "stopping": {"kind": "early", "monitor": "dev-uar", "patience": 5}}"#;
    let config: TrainConfig = serde_json::from_str(text).unwrap();
    let stopping = Stopping::Early { monitor: Monitor::DevUar, patience: 5 };
    assert_eq!(
        config,
        TrainConfig {
            stopping,
            optimisation: Optimisation { lr: 0.01, ..Optimisation::default() },
            ..TrainConfig::default()
        }
    );
    let fixed: TrainConfig = serde_json::from_str(r#"{"stopping": {"kind": "fixed"}}"#).unwrap();
    assert_eq!(fixed.stopping, Stopping::Fixed);
    assert!(serde_json::from_str::<TrainConfig>(r#"{"learning_rate": 1}"#).is_err());
}
