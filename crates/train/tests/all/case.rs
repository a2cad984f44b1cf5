//! Trainings small enough for a test.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use affekt_domain::{Role, Task};
use affekt_features::Standardiser;
use affekt_models::InputShape;
use affekt_spec::network::{CnnConfig, NetworkConfig, NormAxis};
use affekt_spec::training::Optimisation;
use affekt_torch::{Checkpoint, Random};
use affekt_train::{
    Dataset, DevPart, Part, PartRole, Paused, Progress, Resume, Target, TrainConfig, TrainError, Trained,
    Training, TrainingPart, train, train_until,
};
use tch::Device;

pub const BANDS: usize = 8;
pub const FRAMES: usize = 12;

/// Noise in which the band that is loud tells the class. 60 rows train, 20 dev, 20 test.
#[derive(Clone)]
pub struct Bands {
    pub rows: Vec<(Vec<f32>, i64, Option<Role>)>,
}

impl Bands {
    pub fn new() -> Self {
        let mut random = Random::new(1, "bands");
        let rows = (0..100).map(|row| {
            let class = row % 3;
            let values = (0..BANDS * FRAMES).map(|i| {
                let loud = if (i / FRAMES) / 3 == class { 4.0 } else { 0.0 };
                40.0 + loud + random.uniform(-6.0, 6.0)
            });
            let role = [Role::Train, Role::Train, Role::Train, Role::Dev, Role::Test][row % 5];
            (values.collect(), class as i64, Some(role))
        });
        Self { rows: rows.collect() }
    }

    /// The same with the dev rows for training.
    pub fn with_dev_in_training(&self) -> Self {
        let mut together = self.clone();
        for (_, _, role) in together.rows.iter_mut().filter(|(_, _, role)| *role == Some(Role::Dev)) {
            *role = Some(Role::Train);
        }
        together
    }
}

impl Dataset for Bands {
    fn len(&self) -> usize {
        self.rows.len()
    }
    fn input(&self) -> InputShape {
        InputShape::Frames([BANDS, FRAMES])
    }
    fn values(&self, row: usize) -> &[f32] {
        &self.rows[row].0
    }
    fn target(&self, row: usize) -> Target<'_> {
        Target::Class(self.rows[row].1)
    }
    fn name(&self, row: usize) -> &str {
        ["even", "odd"][row % 2]
    }
    fn speaker(&self, row: usize) -> &str {
        ["C/1", "C/2"][row % 2]
    }
    fn role(&self, row: usize) -> Option<Role> {
        self.rows[row].2
    }
}

/// One training of a small network, varied by the tests.
pub struct Case {
    pub dataset: Bands,
    /// What the standardiser is fitted to, where that is not the training part.
    pub standardised_on: Option<Bands>,
    pub network: NetworkConfig,
    pub config: TrainConfig,
    pub with_dev: bool,
    pub seed: u64,
    pub resume: Option<Resume>,
}

impl Case {
    pub fn new() -> Self {
        let cnn = CnnConfig {
            channels: vec![4, 6],
            pools: vec![2, 2],
            dropout: 0.3,
            norm_axis: NormAxis::Channel,
            ..CnnConfig::default()
        };
        Self {
            dataset: Bands::new(),
            standardised_on: None,
            network: NetworkConfig::Cnn(cnn),
            config: TrainConfig {
                max_epochs: 6,
                optimisation: Optimisation { lr: 0.01, batch_size: 16, ..Optimisation::default() },
                ..TrainConfig::default()
            },
            with_dev: true,
            seed: 1,
            resume: None,
        }
    }

    pub fn resuming_in(folder: &Path) -> Self {
        Self { resume: Some(Resume { folder: folder.to_owned(), every: Duration::ZERO }), ..Self::new() }
    }

    pub fn run(&self) -> Result<Trained, TrainError> {
        self.run_with(&mut |_| ControlFlow::Continue(()))
    }

    /// Trains; `progress` hears of batches and epochs, and of nothing that happens between them.
    pub fn run_with(
        &self,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Trained, TrainError> {
        self.run_heard(&mut |heard| match heard {
            Progress::Evaluation { .. } => ControlFlow::Continue(()),
            other => progress(other),
        })
    }

    /// Trains; `progress` hears of everything.
    pub fn run_heard(
        &self,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Trained, TrainError> {
        self.training(|training| train(training, progress))
    }

    /// As far as an epoch, from where it was paused.
    pub fn run_until(
        &self,
        epoch: u32,
        begun: Option<&[u8]>,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Paused, TrainError> {
        self.training(|training| train_until(training, epoch, begun, progress))
    }

    fn training<T>(&self, run: impl FnOnce(&Training) -> T) -> T {
        let part = TrainingPart::of(&self.dataset);
        let standardised_on = self.standardised_on.as_ref().unwrap_or(&self.dataset);
        let standardiser = standardiser(&TrainingPart::of(standardised_on));
        let dev = DevPart::of(&self.dataset);
        let together = self.dataset.with_dev_in_training();
        let together = TrainingPart::of(&together);
        // These tensors are too small for threads to share.
        affekt_torch::device::set_threads(1);
        let training = Training {
            network: &self.network,
            config: &self.config,
            encoder: None,
            task: &Task::Classes(["low", "middle", "high"].map(str::to_owned).into()),
            seed: self.seed,
            trained_on: &part,
            selected_on: self.with_dev.then_some(&dev),
            refitted_on: Some(&together),
            standardiser: Some(&standardiser),
            device: Device::Cpu,
            resume: self.resume.as_ref(),
        };
        run(&training)
    }
}

/// The classes of some rows.
pub fn classes<R: PartRole>(part: &Part<R>) -> Vec<i64> {
    let class = |target| match target {
        Target::Class(class) => class,
        Target::Values(_) => panic!("values"),
    };
    part.targets().map(class).collect()
}

pub fn frames<'a>(part: &TrainingPart<'a>) -> Vec<&'a [f32]> {
    part.rows().iter().map(|&row| part.dataset().values(row)).collect()
}

pub fn standardiser(part: &TrainingPart) -> Standardiser {
    Standardiser::global(&frames(part), [BANDS, FRAMES]).unwrap()
}

pub fn bytes(trained: &Trained) -> Vec<u8> {
    let tensors =
        trained.weights.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect();
    Checkpoint { tensors, ..Checkpoint::default() }.to_bytes().unwrap()
}

pub fn assert_same(a: &Trained, b: &Trained) {
    assert_eq!(a.history, b.history);
    assert_eq!((a.stage, a.kept_epoch), (b.stage, b.kept_epoch));
    assert!(bytes(a) == bytes(b), "other weights");
}
