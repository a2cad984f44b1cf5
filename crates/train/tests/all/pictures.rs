//! Pictures: learnt from, distorted in training alone, and what is refused of them.

use std::ops::ControlFlow;
use std::time::Duration;

use affekt_domain::{Role, Task};
use affekt_features::{Scale, Standardiser};
use affekt_models::{InputShape, Network};
use affekt_spec::encoder::Vgg16Config;
use affekt_spec::network::{CnnConfig, FreezeBase, NetworkConfig, Vgg16NetworkConfig};
use affekt_spec::training::{Counted, Optimisation};
use affekt_torch::Random;
use affekt_train::{
    Augment, BatchLimit, Batching, Crop, CropAt, Dataset, DevPart, Flip, Progress, Resume, StateOutcome,
    Stopping, Target, TrainConfig, TrainError, Trained, Training, TrainingPart, predict, train,
};
use tch::Device;

use crate::case::{Case, assert_same, bytes};

/// Four pictures without anything on them.
struct Blank;

impl Dataset for Blank {
    fn len(&self) -> usize {
        4
    }
    fn input(&self) -> InputShape {
        InputShape::Pictures([3, 8, 8])
    }
    fn values(&self, _: usize) -> &[f32] {
        unreachable!("pictures have pixels")
    }
    fn pixels(&self, _: usize) -> &[u8] {
        &[0; 3 * 8 * 8]
    }
    fn target(&self, row: usize) -> Target<'_> {
        Target::Class(row as i64 % 2)
    }
    fn name(&self, _: usize) -> &str {
        "blank"
    }
    fn speaker(&self, _: usize) -> &str {
        "C/1"
    }
    fn role(&self, _: usize) -> Option<Role> {
        Some(Role::Train)
    }
}

const AUGMENT: Augment = Augment { flip: Flip::Horizontal, rotation: 0.0, zoom: 0.0 };

fn refusal(config: TrainConfig, standardiser: Option<&Standardiser>) -> String {
    let training = Training {
        network: &NetworkConfig::Cnn(CnnConfig::default()),
        config: &TrainConfig { stopping: Stopping::Fixed, ..config },
        encoder: None,
        task: &Task::Classes(["a", "b"].map(str::to_owned).into()),
        seed: 1,
        trained_on: &TrainingPart::of(&Blank),
        selected_on: None,
        refitted_on: None,
        standardiser,
        device: Device::Cpu,
        resume: None,
    };
    train(&training, &mut |_| ControlFlow::Continue(())).unwrap_err().to_string()
}

#[test]
fn what_is_about_frames_or_waveforms_is_refused() {
    let standardiser = Standardiser::Global(Scale { mean: 0.0, std: 1.0 });
    assert_eq!(
        refusal(TrainConfig::default(), Some(&standardiser)),
        "pictures of 3 × 8 × 8 cannot be standardised band by band: leave out `standardise`; networks that want it \
         normalise theirs"
    );
    let crop = Some(Crop { seconds: 1.0, at: CropAt::Start });
    assert_eq!(
        refusal(
            TrainConfig {
                optimisation: Optimisation { crop, ..Optimisation::default() },
                ..TrainConfig::default()
            },
            None
        ),
        "crop is given: expected nothing, for the examples are no waveforms"
    );
    let batching = Batching::Bucketed { seconds: None, counted: Counted::Padded, noise: 0.1 };
    assert_eq!(
        refusal(
            TrainConfig {
                optimisation: Optimisation { batching, ..Optimisation::default() },
                ..TrainConfig::default()
            },
            None
        ),
        "batching is bucketed: expected `shuffled`, or one with `balance`, for the examples are no waveforms and of one length"
    );
    let network = refusal(TrainConfig { augment: Some(AUGMENT), ..TrainConfig::default() }, None);
    assert!(network.contains("`cnn` reads frames, and the examples are pictures of 3 × 8 × 8"), "{network}");
}

#[test]
fn numbers_that_distort_nothing_sensibly_are_refused() {
    let of = |augment| refusal(TrainConfig { augment: Some(augment), ..TrainConfig::default() }, None);
    let turned = |rotation| of(Augment { rotation, ..AUGMENT });
    assert_eq!(turned(-1.0), "augment.rotation is -1: expected degrees from 0 to 180");
    assert_eq!(turned(f64::NAN), "augment.rotation is NaN: expected degrees from 0 to 180");
    let zoomed = of(Augment { zoom: 1.0, ..AUGMENT });
    assert_eq!(zoomed, "augment.zoom is 1: expected a share from 0, below 1");
}

#[test]
fn only_pictures_are_augmented() {
    let mut case = Case::new();
    case.config.augment = Some(AUGMENT);
    let error = case.run().unwrap_err();
    assert!(matches!(error, TrainError::Config { name: "augment", .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "augment is given: expected nothing, for the examples are no pictures: put `picture` before"
    );
}

const SIZE: usize = 16;

/// Forty pictures in two classes: a stripe that rises to the right, or one that falls, with a copy of every other. Dev pictures
/// come last.
struct Stripes(Vec<Vec<u8>>);

impl Stripes {
    fn new() -> Self {
        let mut random = Random::new(1, "stripes");
        let rows = (0..40).map(|row| {
            let shift = random.uniform(-3.0, 3.0);
            let pixel = |at: usize, random: &mut Random| {
                let [y, x] = [at / SIZE % SIZE, at % SIZE].map(|side| side as f32 - 7.5);
                let away = if row % 2 == 0 { x + y } else { x - y } - shift;
                (200.0 * (-away * away / 8.0).exp() + random.uniform(0.0, 50.0)) as u8
            };
            (0..3 * SIZE * SIZE).map(|at| pixel(at, &mut random)).collect()
        });
        Self(rows.collect())
    }
}

impl Dataset for Stripes {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn input(&self) -> InputShape {
        InputShape::Pictures([3, SIZE, SIZE])
    }
    fn values(&self, _: usize) -> &[f32] {
        unreachable!("pictures have pixels")
    }
    fn pixels(&self, row: usize) -> &[u8] {
        &self.0[row]
    }
    fn target(&self, row: usize) -> Target<'_> {
        Target::Class(row as i64 % 2)
    }
    fn name(&self, row: usize) -> &str {
        ["C/a", "C/b"][row % 2]
    }
    fn copy(&self, row: usize) -> usize {
        row / 2
    }
    fn speaker(&self, _: usize) -> &str {
        "C/1"
    }
    fn role(&self, row: usize) -> Option<Role> {
        Some(if row < 28 { Role::Train } else { Role::Dev })
    }
}

fn vgg16() -> NetworkConfig {
    NetworkConfig::Vgg16(Vgg16NetworkConfig {
        encoder: Vgg16Config { channels: vec![6, 6], convolutions: vec![1, 1], ..Vgg16Config::default() },
        hidden: vec![8],
        dropout: 0.2,
        freeze: FreezeBase::None,
        unfreeze: None,
        ..Vgg16NetworkConfig::default()
    })
}

/// A training on the stripes, broken off after so many batches.
fn run(augment: Option<Augment>, resume: Option<&Resume>, batches: usize) -> Result<Trained, TrainError> {
    affekt_torch::device::set_threads(1);
    let stripes = Stripes::new();
    let config = TrainConfig {
        max_epochs: 12,
        augment,
        optimisation: Optimisation { lr: 3e-3, batch_size: 5, ..Optimisation::default() },
        ..TrainConfig::default()
    };
    let training = Training {
        network: &vgg16(),
        config: &config,
        encoder: None,
        task: &Task::Classes(["rising", "falling"].map(str::to_owned).into()),
        seed: 1,
        trained_on: &TrainingPart::of(&stripes),
        selected_on: Some(&DevPart::of(&stripes)),
        refitted_on: None,
        standardiser: None,
        device: Device::Cpu,
        resume,
    };
    let mut done = 0;
    train(&training, &mut |progress| {
        done += usize::from(matches!(progress, Progress::Batch { .. }));
        if done < batches { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
}

/// No flips: they would make one class of the other.
const TURNED: Augment = Augment { flip: Flip::None, rotation: 10.0, zoom: 0.1 };

#[test]
fn pictures_are_learnt_from_and_predicted() {
    let trained = run(None, None, usize::MAX).unwrap();
    let best = trained.history.iter().find(|epoch| epoch.kept).unwrap();
    assert_eq!(best.dev_accuracy, Some(1.0));
    let asked_for_nothing = run(Some(Augment::default()), None, usize::MAX).unwrap();
    assert_same(&asked_for_nothing, &trained);
}

#[test]
fn dev_pictures_are_as_they_are() {
    let stripes = Stripes::new();
    let trained = run(Some(TURNED), None, usize::MAX).unwrap();
    assert!(bytes(&trained) != bytes(&run(None, None, usize::MAX).unwrap()), "nothing was turned");
    let mut network = Network::new(&vgg16(), &stripes.input(), 2, 1, Device::Cpu).unwrap();
    network.load(&trained.weights).unwrap();
    let dev = DevPart::of(&stripes);
    let outputs = predict(&network, &dev, None, BatchLimit::rows(64), &mut |_, _| {}).unwrap();
    let loss = |(row, outputs): (&usize, &Vec<f32>)| {
        let exponents: Vec<f64> = outputs.iter().map(|logit| f64::from(*logit).exp()).collect();
        -(exponents[row % 2] / exponents.iter().sum::<f64>()).ln()
    };
    let loss = dev.rows().iter().zip(&outputs).map(loss).sum::<f64>() / outputs.len() as f64;
    let best = trained.history.iter().find(|epoch| epoch.kept).unwrap();
    assert!((loss - best.dev_loss.unwrap()).abs() < 1e-6, "{loss} and {:?}", best.dev_loss);
}

#[test]
fn a_resumed_training_turns_pictures_as_an_unbroken_one() {
    let flipped = Augment { flip: Flip::Horizontal, ..TURNED };
    let unbroken = run(Some(flipped), None, usize::MAX).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let resume = Resume { folder: folder.path().to_owned(), every: Duration::ZERO };
    for batches in [3, 10] {
        assert!(matches!(run(Some(flipped), Some(&resume), batches), Err(TrainError::Cancelled(_))));
    }
    let resumed = run(Some(flipped), Some(&resume), usize::MAX).unwrap();
    assert!(matches!(resumed.state, StateOutcome::Resumed { .. }), "{:?}", resumed.state);
    assert_same(&resumed, &unbroken);
}
