//! A training that was broken off and gone on with ends with the weights of one left alone.

use std::ops::ControlFlow;
use std::time::Duration;

use affekt_domain::{Role, Task};
use affekt_models::InputShape;
use affekt_ops::doctor::Check;
use affekt_spec::network::{CnnConfig, NetworkConfig};
use affekt_spec::training::{Optimisation, TrainConfig};
use affekt_torch::{NamedTensors, Random};
use affekt_train::{
    Dataset, DevPart, Progress, Resume, StateOutcome, Target, TrainError, Trained, Training, TrainingPart,
    train,
};
use tch::{Device, Kind};

use super::outcome::Error;

const BANDS: usize = 8;
const FRAMES: usize = 12;
const ROWS: usize = 60;
/// Batches after which the training is broken off: in its third epoch.
const BROKEN_OFF_AFTER: usize = 8;
const NAME: &str = "resume: weights";

/// Trains once in one go and once with a break, with dropout, and compares the weights: not a bit may differ.
pub fn resume_equality(device: Device) -> Check {
    match apart(device) {
        Ok(apart) => Check::new(NAME, apart, 0.0),
        Err(error) => Check::failed(NAME, 0.0, error.to_string()),
    }
}

fn apart(device: Device) -> Result<f64, Error> {
    let whole = run(device, None, &mut |_| ControlFlow::Continue(()))?;
    let folder = tempfile::tempdir()?;
    let resume = Resume { folder: folder.path().to_owned(), every: Duration::ZERO };
    let mut batches = 0;
    let broken_off = run(device, Some(&resume), &mut |progress| {
        batches += usize::from(matches!(progress, Progress::Batch { .. }));
        if batches < BROKEN_OFF_AFTER { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    if !matches!(broken_off, Err(TrainError::Cancelled(_))) {
        return Err("the training was not broken off".into());
    }
    let resumed = run(device, Some(&resume), &mut |_| ControlFlow::Continue(()))?;
    if !matches!(resumed.state, StateOutcome::Resumed { .. }) {
        return Err(format!("the training was not gone on with: {:?}", resumed.state).into());
    }
    Ok(largest_difference(&resumed.weights, &whole.weights))
}

fn run(
    device: Device,
    resume: Option<&Resume>,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Trained, TrainError> {
    let dataset = Bands::new();
    let cnn = CnnConfig { channels: vec![4, 6], pools: vec![2, 2], dropout: 0.3, ..CnnConfig::default() };
    let optimisation =
        Optimisation { lr: 0.01, batch_size: 16, deterministic: true, ..Optimisation::default() };
    train(
        &Training {
            network: &NetworkConfig::Cnn(cnn),
            config: &TrainConfig { max_epochs: 4, optimisation, ..TrainConfig::default() },
            encoder: None,
            task: &Task::Classes(["low", "middle", "high"].map(str::to_owned).into()),
            seed: 1,
            trained_on: &TrainingPart::of(&dataset),
            selected_on: Some(&DevPart::of(&dataset)),
            refitted_on: None,
            standardiser: None,
            device,
            resume,
        },
        progress,
    )
}

fn largest_difference(a: &NamedTensors, b: &NamedTensors) -> f64 {
    if !a.keys().eq(b.keys()) {
        return f64::NAN;
    }
    let difference =
        |(a, b): (&tch::Tensor, &tch::Tensor)| (a - b).abs().max().to_kind(Kind::Double).double_value(&[]);
    // A maximum would pass over what is no number.
    a.values().zip(b.values()).map(difference).fold(0.0, |most, one| if one <= most { most } else { one })
}

/// Noise in which the band that is loud tells the class.
struct Bands(Vec<Vec<f32>>);

impl Bands {
    fn new() -> Self {
        let mut random = Random::new(1, "bands");
        let row = |row: usize| {
            let value = |i: usize| {
                let loud = if i / FRAMES / 3 == row % 3 { 1.0 } else { 0.0 };
                loud + random.uniform(-1.0, 1.0)
            };
            (0..BANDS * FRAMES).map(value).collect()
        };
        Self((0..ROWS).map(row).collect())
    }
}

impl Dataset for Bands {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn input(&self) -> InputShape {
        InputShape::Frames([BANDS, FRAMES])
    }

    fn values(&self, row: usize) -> &[f32] {
        &self.0[row]
    }

    fn target(&self, row: usize) -> Target<'_> {
        Target::Class((row % 3) as i64)
    }

    fn name(&self, _: usize) -> &str {
        "noise"
    }

    fn speaker(&self, _: usize) -> &str {
        "nobody"
    }

    fn role(&self, row: usize) -> Option<Role> {
        Some(if row % 5 == 4 { Role::Dev } else { Role::Train })
    }
}
