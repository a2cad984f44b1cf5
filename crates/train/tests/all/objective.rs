//! What is minimised: class weights and clipped gradients.

use affekt_domain::Role;
use affekt_models::{InputShape, Inputs, Network};
use affekt_spec::network::{CnnConfig, MlpConfig, NetworkConfig, NormAxis};
use affekt_spec::training::Optimisation;
use affekt_train::{
    BatchLimit, ClassWeights, DevPart, Optimiser, Stopping, TrainConfig, Trained, TrainingPart, predict,
};
use tch::{Device, Tensor};

use crate::case::{BANDS, Case, FRAMES, assert_same, bytes, classes, standardiser};

/// One epoch of one batch without dropout, on training rows of which class 0 has few: 5, 20 and 20.
fn one_step(class_weights: ClassWeights) -> Case {
    let mut case = Case::new();
    let few = case.dataset.rows.iter_mut().filter(|row| row.1 == 0 && row.2 == Some(Role::Train));
    few.skip(5).for_each(|(_, _, role)| *role = None);
    let cnn = CnnConfig {
        channels: vec![4, 6],
        pools: vec![2, 2],
        dropout: 0.0,
        norm_axis: NormAxis::Channel,
        ..CnnConfig::default()
    };
    let config = TrainConfig {
        max_epochs: 1,
        class_weights,
        optimisation: Optimisation { batch_size: 100, ..case.config.optimisation },
        ..case.config
    };
    Case { network: NetworkConfig::Cnn(cnn), config, ..case }
}

/// `Σ w · cross-entropy / Σ w`, from logits.
fn weighted(logits: &[Vec<f32>], classes: &[i64], weights: [f64; 3]) -> f64 {
    let (mut loss, mut weight) = (0.0, 0.0);
    for (logits, &class) in logits.iter().zip(classes) {
        let of_class = weights[class as usize];
        let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
        loss += of_class * (sum.ln() - f64::from(logits[class as usize]));
        weight += of_class;
    }
    loss / weight
}

/// Of β = 0.999: E(n) = 1 + β + … + β^(n − 1) rows, term by term, and weights 1 / E(n) with a mean of 1.
fn effective_number(counts: [f64; 3]) -> [f64; 3] {
    let inverse = counts.map(|count| 1.0 / (0..count as i32).map(|n| 0.999_f64.powi(n)).sum::<f64>());
    inverse.map(|weight| weight * 3.0 / inverse.iter().sum::<f64>())
}

#[test]
fn losses_are_weighted_by_class() {
    for (class_weights, weights) in [
        (ClassWeights::None, [1.0; 3]),
        // n / (k · n_c): 45 rows of 3 classes.
        (ClassWeights::Balanced, [45.0 / 15.0, 45.0 / 60.0, 45.0 / 60.0]),
        // 1 / n_c = 4/20, 1/20, 1/20, which add up to 6/20.
        (ClassWeights::InverseFrequency, [4.0 / 6.0, 1.0 / 6.0, 1.0 / 6.0]),
        (ClassWeights::Given(vec![0.5, 2.0, 7.0]), [0.5, 2.0, 7.0]),
        (ClassWeights::EffectiveNumber, effective_number([5.0, 20.0, 20.0])),
    ] {
        let case = one_step(class_weights.clone());
        let trained = case.run().unwrap();
        let epoch = &trained.history[0];

        // The training loss is that of the first weights, in training mode.
        let part = TrainingPart::of(&case.dataset);
        assert_eq!(part.rows().len(), 45);
        let standardiser = standardiser(&part);
        let mut network =
            Network::new(&case.network, &InputShape::Frames([BANDS, FRAMES]), 3, case.seed, Device::Cpu)
                .unwrap();
        let mut values = Vec::new();
        for &row in part.rows() {
            let mut row = case.dataset.rows[row].0.clone();
            standardiser.apply("", [BANDS, FRAMES], &mut row).unwrap();
            values.extend(row);
        }
        let xs = Tensor::from_slice(&values).view([45, BANDS as i64, FRAMES as i64]);
        let logits =
            Vec::<Vec<f32>>::try_from(network.forward_t(&Inputs::frames(xs), true).unwrap()).unwrap();
        let expected = weighted(&logits, &classes(&part), weights);
        assert!((epoch.train_loss - expected).abs() < 1e-5, "{class_weights:?}: {epoch:?}, {expected}");
        // Accuracy is of the same outputs, and not weighted.
        let is_highest = |pair: &(&Vec<f32>, &i64)| {
            let (logits, class) = *pair;
            logits.iter().all(|other| *other <= logits[*class as usize])
        };
        let correct = logits.iter().zip(&classes(&part)).filter(is_highest).count();
        assert_eq!(epoch.train_accuracy, Some(correct as f64 / 45.0), "{class_weights:?}");

        // The dev loss is that of the trained weights, with the training part's class weights.
        network.load(&trained.weights).unwrap();
        let dev = DevPart::of(&case.dataset);
        let logits =
            predict(&network, &dev, Some(&standardiser), BatchLimit::rows(32), &mut |_, _| {}).unwrap();
        let expected = weighted(&logits, &classes(&dev), weights);
        assert!(
            (epoch.dev_loss.unwrap() - expected).abs() < 1e-5,
            "{class_weights:?}: {epoch:?}, {expected}"
        );
    }
}

#[test]
fn equal_weights_are_no_weights() {
    let run = |class_weights| one_step(class_weights).run().unwrap();
    let (none, ones) = (run(ClassWeights::None), run(ClassWeights::Given(vec![1.0; 3])));
    assert!(bytes(&none) == bytes(&ones));
    assert!(bytes(&none) != bytes(&run(ClassWeights::Balanced)));
}

#[test]
fn impossible_weights_are_refused() {
    let error = |case: Case| case.run().map(|_| ()).unwrap_err().to_string();
    let few = error(one_step(ClassWeights::Given(vec![1.0, 2.0])));
    assert!(few.starts_with("`class_weights` lists 2 numbers and there are 3 classes"), "{few}");
    let zero = error(one_step(ClassWeights::Given(vec![1.0, 0.0, 1.0])));
    assert_eq!(zero, "class_weights is 0: expected numbers above 0");
    for class_weights in [ClassWeights::Balanced, ClassWeights::InverseFrequency] {
        let mut case = one_step(class_weights);
        case.dataset.rows.retain(|(_, class, role)| (*class, *role) != (2, Some(Role::Train)));
        let absent = error(case);
        assert!(absent.starts_with("class 2 has no training rows, so it cannot be weighed"), "{absent}");
    }
}

#[test]
fn clipping_matters_where_gradients_are_larger() {
    let run = |clip_norm| -> Trained {
        let config = TrainConfig {
            stopping: Stopping::Fixed,
            max_epochs: 2,
            optimisation: Optimisation { clip_norm, ..Case::new().config.optimisation },
            ..Case::new().config
        };
        Case { config, ..Case::new() }.run().unwrap()
    };
    let free = run(None);
    assert_same(&free, &run(Some(1e6)));
    assert!(bytes(&free) != bytes(&run(Some(0.05))));
    let config = TrainConfig {
        optimisation: Optimisation { clip_norm: Some(0.0), ..Case::new().config.optimisation },
        ..Case::new().config
    };
    let error = Case { config, ..Case::new() }.run().unwrap_err().to_string();
    assert_eq!(error, "clip_norm is 0: expected a number above 0");
}

/// A network whose rows do not know of each other.
fn without_batch_norm() -> NetworkConfig {
    NetworkConfig::Mlp(MlpConfig { hidden: vec![8], ..MlpConfig::default() })
}

#[test]
fn gradients_of_parts_add_up_to_those_of_the_batch() {
    let run = |accumulate| {
        // 60 rows: batches of 16, 16, 16 and 12, in parts of 6, 6 and 4 or of 4, 4 and 4.
        let class_weights = ClassWeights::Given(vec![0.5, 2.0, 7.0]);
        let config = TrainConfig {
            class_weights,
            max_epochs: 2,
            optimisation: Optimisation {
                gradient_accumulation_steps: accumulate,
                lr: 1e-3,
                ..Case::new().config.optimisation
            },
            ..Case::new().config
        };
        Case { network: without_batch_norm(), config, ..Case::new() }.run().unwrap()
    };
    let (whole, parts) = (run(1), run(3));
    assert_eq!((whole.micro_batches, parts.micro_batches), (1, 3));
    assert!(bytes(&whole) != bytes(&parts), "nothing was computed in parts");
    for (name, tensor) in &whole.weights {
        let difference = (tensor - &parts.weights[name]).abs().max().double_value(&[]);
        assert!(difference < 2e-5, "{name}: {difference:e}");
    }
    for (whole, parts) in whole.history.iter().zip(&parts.history) {
        assert!((whole.train_loss - parts.train_loss).abs() < 1e-5, "{whole:?} {parts:?}");
        assert_eq!(whole.train_accuracy, parts.train_accuracy);
    }
}

#[test]
fn batch_norm_is_not_computed_in_parts() {
    let config = TrainConfig {
        optimisation: Optimisation { gradient_accumulation_steps: 2, ..Case::new().config.optimisation },
        ..Case::new().config
    };
    let error = Case { config, ..Case::new() }.run().unwrap_err().to_string();
    assert_eq!(
        error,
        "`gradient_accumulation_steps` is 2, and a batch cannot be computed in parts, for batch norm normalises over all of it: \
         leave it at 1, and where memory is short try a smaller `batch_size` or `precision: bf16`"
    );
}

#[test]
fn decoupled_decay_is_another() {
    let run = |optimiser| {
        let config = TrainConfig {
            max_epochs: 1,
            optimisation: Optimisation { optimiser, weight_decay: 0.1, ..Case::new().config.optimisation },
            ..Case::new().config
        };
        Case { config, ..Case::new() }.run().unwrap()
    };
    assert!(bytes(&run(Optimiser::Adam)) != bytes(&run(Optimiser::AdamW)));
}

#[test]
fn weights_that_the_last_step_spoils_are_not_kept() {
    let config = TrainConfig {
        max_epochs: 1,
        stopping: Stopping::Fixed,
        optimisation: Optimisation { lr: 1e39, batch_size: 100, ..Case::new().config.optimisation },
        ..Case::new().config
    };
    let error = Case { config, with_dev: false, ..Case::new() }.run().unwrap_err().to_string();
    assert!(error.contains("is not finite any more after epoch 1, at a learning rate of 1e39"), "{error}");
}
