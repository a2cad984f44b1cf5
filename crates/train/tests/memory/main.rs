//! Trainings that run out of memory come to the weights that they come to with enough of it. In a program of its own: a limit
//! of memory holds for all threads.

#[path = "../small/mod.rs"]
mod small;

use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use affekt_domain::{Epoch, Role, Task};
use affekt_models::InputShape;
use affekt_models::states::{StatesConfig, StatesNetwork, TrunkConfig, Wav2Vec2Trunk};
use affekt_spec::encoder::EncoderConfig;
use affekt_spec::network::{MlpConfig, NetworkConfig, Overrides, Padding, SpansOver};
use affekt_spec::training::{Diversity, NegativesFrom, Optimisation, PaddedClips, Reduction};
use affekt_torch::{MemoryLimit, NamedTensors, Random, forget_tensor_peak, tensor_memory};
use affekt_train::pretraining::{
    Contrastive, ContrastiveConfig, ContrastiveObjective, FrameLabels, FrameTeacher, PretrainConfig,
    Pretraining, PretrainingLearner, PseudoLabels, PseudoLabelsConfig, PseudoLabelsObjective, pretrain,
};
use affekt_train::{
    ClassWeights, Crop, CropAt, Dataset, Loss, Progress, Stopping, Target, TrainConfig, Training,
    TrainingPart, train,
};
use tch::{Device, Kind};

const RATE_HZ: u32 = 1000;

/// Rows of noise: 0.4 to 1.4 seconds of waveform, or `[2, 3]` features; the value to say of a row is its mean.
struct Noise {
    rows: Vec<Vec<f32>>,
    values: Vec<[f32; 1]>,
    input: InputShape,
}

impl Noise {
    fn waveforms() -> Self {
        let mut random = Random::new(5, "lengths");
        let lengths: Vec<usize> = (0..48).map(|_| 400 + random.below(1000)).collect();
        Self::new(InputShape::Waveforms, &lengths)
    }

    fn features() -> Self {
        Self::new(InputShape::Frames([2, 3]), &[6; 400])
    }

    fn new(input: InputShape, lengths: &[usize]) -> Self {
        let mut random = Random::new(6, "noise");
        let row = |length: &usize| (0..*length).map(|_| random.normal()).collect::<Vec<f32>>();
        let rows: Vec<_> = lengths.iter().map(row).collect();
        let values = rows.iter().map(|row| [row.iter().sum::<f32>() / row.len() as f32]).collect();
        Self { rows, values, input }
    }
}

impl Dataset for Noise {
    fn len(&self) -> usize {
        self.rows.len()
    }
    fn input(&self) -> InputShape {
        self.input
    }
    fn rate_hz(&self) -> Option<u32> {
        (self.input == InputShape::Waveforms).then_some(RATE_HZ)
    }
    fn values(&self, row: usize) -> &[f32] {
        &self.rows[row]
    }
    fn target(&self, row: usize) -> Target<'_> {
        match self.input {
            InputShape::Waveforms => Target::Class(row as i64 % 3),
            _ => Target::Values(&self.values[row]),
        }
    }
    fn name(&self, _: usize) -> &str {
        "noise"
    }
    fn speaker(&self, _: usize) -> &str {
        "C/1"
    }
    fn role(&self, _: usize) -> Option<Role> {
        Some(Role::Train)
    }
}

/// Every frame's cluster is its place.
struct Places;

impl FrameLabels for Places {
    fn of(&self, _: usize, _: usize) -> &[u16] {
        const COUNT: [u16; 80] = {
            let mut count = [0; 80];
            let mut i = 0;
            while i < 80 {
                count[i] = i as u16;
                i += 1;
            }
            count
        };
        &COUNT
    }
}

/// What a training came to.
struct Outcome {
    weights: NamedTensors,
    history: Vec<Epoch>,
    micro_batches: usize,
}

/// Trains with as much memory as there is and with `share` of what that took, and expects the same.
fn same_with_less_memory(share: f64, run: impl Fn() -> Outcome) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    affekt_torch::device::set_threads(1);
    let before = tensor_memory().now_bytes;
    forget_tensor_peak();
    let whole = run();
    let taken = tensor_memory().peak_bytes - before;
    let now = tensor_memory().now_bytes;
    let divided = {
        let _limit = MemoryLimit::new(now + (share * taken as f64) as usize);
        run()
    };
    assert_eq!(whole.micro_batches, 1);
    assert!(divided.micro_batches > 1, "{taken} bytes were not too many");
    let norm = |tensors: &dyn Fn(&String) -> tch::Tensor| {
        let square = |name| tensors(name).square().sum(Kind::Double).double_value(&[]);
        whole.weights.keys().map(square).sum::<f64>().sqrt()
    };
    let size = norm(&|name| whole.weights[name].shallow_clone());
    let apart = norm(&|name| &whole.weights[name] - &divided.weights[name]);
    // Adam's first steps are of the size of the learning rate wherever a gradient is not quite 0, whatever its size.
    assert!(apart < 2e-4 * size, "{apart} apart of {size}");
    for (a, b) in whole.history.iter().zip(&divided.history) {
        let close = |a: f64, b: f64| (a - b).abs() < 1e-4 * a.abs();
        assert!(close(a.train_loss, b.train_loss), "{a:?} {b:?}");
        let dev = a.dev_loss.zip(b.dev_loss);
        assert!(dev.is_none_or(|(a, b)| close(a, b)), "{a:?} {b:?}");
    }
}

/// An encoder in which nothing is drawn: what dropout draws for a divided batch is not what it draws for a whole one.
fn encoder() -> EncoderConfig {
    EncoderConfig {
        mask_feature_prob: 0.0,
        hidden_dropout: 0.0,
        activation_dropout: 0.0,
        attention_dropout: 0.0,
        feat_proj_dropout: 0.0,
        feat_quantizer_dropout: 0.0,
        layerdrop: 0.0,
        ..small::encoder()
    }
}

fn pretrained<L: PretrainingLearner>(dataset: &Noise, mut learner: L) -> Outcome {
    let config = PretrainConfig {
        steps: 5,
        held_out: 0.25,
        optimisation: Optimisation {
            lr: 1e-3,
            batch_size: 12,
            crop: Some(Crop { seconds: 1.2, at: CropAt::Random }),
            ..Optimisation::default()
        },
    };
    let trained_on = TrainingPart::of(dataset);
    let pretraining =
        Pretraining { config: &config, seed: 1, trained_on: &trained_on, device: Device::Cpu, resume: None };
    let pretrained = pretrain(&pretraining, &mut learner, &mut |_| ControlFlow::Continue(())).unwrap();
    let copy = |(name, tensor): (String, tch::Tensor)| (name, tensor.copy());
    Outcome {
        weights: learner.weights().into_iter().map(copy).collect(),
        history: pretrained.history,
        micro_batches: pretrained.micro_batches,
    }
}

fn contrastive(objective: ContrastiveObjective) -> Contrastive {
    let objective = ContrastiveObjective { negatives: 5, ..objective };
    // Diversity that counts for something.
    let encoder = EncoderConfig { diversity_loss_weight: 2.0, ..encoder() };
    let config = ContrastiveConfig { encoder, normalise: true, objective };
    Contrastive::new(&config, false, 1, Device::Cpu).unwrap()
}

#[test]
fn contrastive_pretraining() {
    let noise = Noise::waveforms();
    let objective = ContrastiveObjective { padding: PaddedClips::Masked, ..Default::default() };
    same_with_less_memory(0.6, || pretrained(&noise, contrastive(objective.clone())));
}

#[test]
fn contrastive_pretraining_as_tapt_was_published() {
    let noise = Noise::waveforms();
    let objective = ContrastiveObjective {
        negatives_from: NegativesFrom::Row,
        diversity: Diversity::PerBatch,
        reduction: Reduction::Sum,
        padding: PaddedClips::Unmasked,
        spans_over: SpansOver::Rows,
        ..Default::default()
    };
    same_with_less_memory(0.6, || pretrained(&noise, contrastive(objective.clone())));
}

#[test]
fn pretraining_by_pseudo_labels() {
    let noise = Noise::waveforms();
    for padding in [Padding::Ignored, Padding::Reference] {
        let config = PseudoLabelsConfig {
            encoder: encoder(),
            normalise: true,
            clusters: vec![80, 80],
            objective: PseudoLabelsObjective {
                hidden: 8,
                padding,
                spans_over: SpansOver::Rows,
                freeze_feature_encoder: false,
                ..PseudoLabelsObjective::default()
            },
        };
        let learner = || PseudoLabels::new(&config, &Places, false, 1, Device::Cpu).unwrap();
        same_with_less_memory(0.6, || pretrained(&noise, learner()));
    }
}

#[test]
fn a_frame_level_teacher() {
    let noise = Noise::waveforms();
    let trained_on = TrainingPart::of(&noise);
    let overrides = Overrides { apply_spec_augment: Some(false), ..Overrides::default() };
    let trunk = Wav2Vec2Trunk { encoder: encoder(), overrides, ..Wav2Vec2Trunk::default() };
    let config = StatesConfig {
        trunk: TrunkConfig::Wav2Vec2(Box::new(trunk)),
        head_width: 4,
        lstm_hidden: 4,
        ..StatesConfig::default()
    };
    let learner = || {
        let network = StatesNetwork::new(&config, 3, 1, Device::Cpu).unwrap();
        FrameTeacher::new(network, &ClassWeights::InverseFrequency, &trained_on).unwrap()
    };
    same_with_less_memory(0.6, || pretrained(&noise, learner()));
}

fn concordance(dataset: &Noise) -> Outcome {
    let config = TrainConfig {
        loss: Loss::Ccc,
        max_epochs: 2,
        stopping: Stopping::Fixed,
        optimisation: Optimisation { batch_size: 200, ..Optimisation::default() },
        ..TrainConfig::default()
    };
    let training = Training {
        network: &NetworkConfig::Mlp(MlpConfig { hidden: vec![256], dropout: 0.0, ..MlpConfig::default() }),
        config: &config,
        encoder: None,
        task: &Task::Outputs(["valence"].map(str::to_owned).into()),
        seed: 1,
        trained_on: &TrainingPart::of(dataset),
        selected_on: None,
        refitted_on: None,
        standardiser: None,
        device: Device::Cpu,
        resume: None,
    };
    let mut passes = Vec::new();
    let trained = train(&training, &mut |progress| {
        if let Progress::MicroBatch { done, total, .. } = progress {
            passes.push((done, total));
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    // Both passes are heard of.
    let last = 2 * trained.micro_batches;
    assert!(trained.micro_batches == 1 || passes.ends_with(&[(last - 1, last), (last, last)]), "{passes:?}");
    Outcome { weights: trained.weights, history: trained.history, micro_batches: trained.micro_batches }
}

#[test]
fn a_concordance_loss() {
    let noise = Noise::features();
    same_with_less_memory(0.7, || concordance(&noise));
}
