//! Pretraining on tones: what is learnt, what is not touched, and that a kill changes nothing.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use affekt_domain::Role;
use affekt_models::InputShape;
use affekt_models::states::{StatesConfig, StatesNetwork, TrunkConfig, Wav2Vec2Trunk};
use affekt_spec::encoder::EncoderConfig;
use affekt_spec::network::{Overrides, Padding, SpansOver};
use affekt_spec::training::{Counted, Diversity, NegativesFrom, Optimisation, PaddedClips, Reduction};
use affekt_torch::{NamedTensors, Random};
use affekt_train::pretraining::{
    Contrastive, ContrastiveConfig, ContrastiveObjective, FrameLabels, FrameTeacher, PretrainConfig,
    Pretrained, Pretraining, PretrainingLearner, PseudoLabels, PseudoLabelsConfig, PseudoLabelsObjective,
    pretrain,
};
use affekt_train::{
    Batch, BatchDraws, BatchLoss, Batching, ClassWeights, Crop, CropAt, Dataset, Learner, LossWeights,
    Optimiser, Precision, Progress, Resume, Schedule, StateOutcome, Target, TrainError, TrainingPart,
};
use tch::{Device, Kind, Tensor};

use crate::small::encoder;

const RATE_HZ: u32 = 1000;

/// Samples from one frame to the next, and of a frame.
const HOP: usize = 20;
const FRAME: usize = 45;

/// 0.4 to 1.4 seconds of one of three tones, in noise. Every fifth row is a test row.
struct Tones(Vec<Vec<f32>>);

impl Tones {
    fn new() -> Self {
        let mut random = Random::new(5, "tones");
        let clip = |row: usize| {
            let length = 400 + random.below(1000);
            let sample = |i: usize| {
                let tone = (i as f32 * [0.2, 0.5, 1.1][row % 3]).sin();
                tone + random.uniform(-0.2, 0.2)
            };
            (0..length).map(sample).collect()
        };
        Self((0..40).map(clip).collect())
    }

    /// Frames of a row, one fewer than the encoder has.
    fn labels(&self) -> Tone {
        let of_row = |(row, clip): (usize, &Vec<f32>)| {
            let frames = (clip.len() - FRAME) / HOP;
            let tone = (row % 3) as u16;
            [vec![tone; frames], vec![tone % 2; frames]]
        };
        Tone(self.0.iter().enumerate().map(of_row).collect())
    }
}

impl Dataset for Tones {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn input(&self) -> InputShape {
        InputShape::Waveforms
    }
    fn rate_hz(&self) -> Option<u32> {
        Some(RATE_HZ)
    }
    fn values(&self, row: usize) -> &[f32] {
        &self.0[row]
    }
    fn target(&self, row: usize) -> Target<'_> {
        assert_ne!(self.role(row), Some(Role::Test), "a test row was looked at");
        Target::Class(row as i64 % 3)
    }
    fn name(&self, _: usize) -> &str {
        "tone"
    }
    fn speaker(&self, _: usize) -> &str {
        "C/1"
    }
    fn role(&self, row: usize) -> Option<Role> {
        Some(if row % 5 == 4 { Role::Test } else { Role::Train })
    }
}

struct Tone(Vec<[Vec<u16>; 2]>);

impl FrameLabels for Tone {
    fn of(&self, row: usize, clustering: usize) -> &[u16] {
        assert_ne!(row % 5, 4, "the labels of a test row were looked at");
        &self.0[row][clustering]
    }
}

fn config(steps: u64) -> PretrainConfig {
    PretrainConfig {
        steps,
        held_out: 0.0,
        optimisation: Optimisation {
            lr: 3e-3,
            optimiser: Optimiser::Adam,
            weight_decay: 0.0,
            batch_size: 8,
            drop_last: false,
            batching: Batching::Bucketed { seconds: None, counted: Counted::Padded, noise: 0.1 },
            crop: Some(Crop { seconds: 0.7, at: CropAt::Random }),
            precision: Precision::Fp32,
            gradient_checkpointing: false,
            schedule: Schedule::Constant,
            ..Optimisation::default()
        },
    }
}

fn contrastive() -> Contrastive {
    let config = ContrastiveConfig {
        encoder: encoder(),
        normalise: false,
        objective: ContrastiveObjective { negatives: 5, ..ContrastiveObjective::default() },
    };
    Contrastive::new(&config, false, 1, Device::Cpu).unwrap()
}

fn pseudo_labels(labels: &Tone) -> PseudoLabels<'_> {
    let config = PseudoLabelsConfig {
        encoder: encoder(),
        normalise: false,
        clusters: vec![3, 2],
        objective: PseudoLabelsObjective {
            hidden: 8,
            spans_over: SpansOver::Rows,
            freeze_feature_encoder: true,
            ..PseudoLabelsObjective::default()
        },
    };
    PseudoLabels::new(&config, labels, false, 1, Device::Cpu).unwrap()
}

fn run(learner: &mut impl PretrainingLearner, config: &PretrainConfig) -> Pretrained {
    run_with(learner, config, None, &mut |_| ControlFlow::Continue(())).unwrap()
}

fn run_with(
    learner: &mut impl PretrainingLearner,
    config: &PretrainConfig,
    resume: Option<&Resume>,
    after_step: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Pretrained, TrainError> {
    affekt_torch::device::set_threads(1);
    let tones = Tones::new();
    let trained_on = TrainingPart::of(&tones);
    let pretraining = Pretraining { config, seed: 1, trained_on: &trained_on, device: Device::Cpu, resume };
    pretrain(&pretraining, learner, &mut |progress| match progress {
        Progress::Batch { step, steps, .. } => {
            assert_eq!(steps, config.steps);
            after_step(step)
        }
        _ => ControlFlow::Continue(()),
    })
}

fn copies(tensors: NamedTensors) -> NamedTensors {
    tensors.into_iter().map(|(name, tensor)| (name, tensor.copy())).collect()
}

fn changed(before: &NamedTensors, after: &NamedTensors) -> Vec<String> {
    before.iter().filter(|(name, tensor)| **tensor != after[*name]).map(|(name, _)| name.clone()).collect()
}

#[test]
fn clusters_of_masked_frames_are_learnt_from_what_is_around_them() {
    let labels = Tones::new().labels();
    let mut learner = pseudo_labels(&labels);
    let before = copies(learner.weights());
    let pretrained = run(&mut learner, &config(60));
    // ln 3 + ln 2 is what knowing nothing costs.
    let losses: Vec<f64> = pretrained.history.iter().map(|epoch| epoch.train_loss).collect();
    assert!(losses[0] > 1.5 && *losses.last().unwrap() < 0.6, "{losses:?}");
    assert_eq!((pretrained.trained_rows, pretrained.held_out_rows), (32, 0));
    let changed = changed(&before, &learner.weights());
    assert!(changed.iter().any(|name| name.starts_with("heads.3.")), "{changed:?}");
    assert!(changed.iter().any(|name| name == "wav2vec2.masked_spec_embed"));
    let frozen = ["wav2vec2.feature_extractor.", "wav2vec2.feature_projection."];
    assert!(!changed.iter().any(|name| frozen.iter().any(|prefix| name.starts_with(prefix))));
}

#[test]
fn labels_that_say_nothing_are_not_learnt() {
    // Frames of a constant label cost nothing in the end; frames without labels teach nothing at all.
    let none = Tone(Tones::new().0.iter().map(|_| [vec![], vec![]]).collect());
    let mut learner = pseudo_labels(&none);
    let before = copies(learner.weights());
    let pretrained = run(&mut learner, &config(4));
    assert!(changed(&before, &learner.weights()).is_empty());
    assert_eq!(pretrained.history[0].train_loss, 0.0);
}

#[test]
fn frames_of_a_piece_have_the_labels_of_their_places() {
    // Labels that count frames: a head of so many clusters must be asked for the piece's own.
    struct Counted;
    impl FrameLabels for Counted {
        fn of(&self, _: usize, _: usize) -> &[u16] {
            const COUNT: [u16; 60] = {
                let mut count = [0; 60];
                let mut i = 0;
                while i < 60 {
                    count[i] = i as u16;
                    i += 1;
                }
                count
            };
            &COUNT
        }
    }
    let config = PseudoLabelsConfig {
        // Every frame is masked.
        encoder: EncoderConfig {
            mask_time_prob: 0.99,
            mask_time_length: 1,
            mask_time_min_masks: 500,
            ..encoder()
        },
        normalise: false,
        clusters: vec![60],
        objective: PseudoLabelsObjective {
            hidden: 4,
            spans_over: SpansOver::Clips,
            freeze_feature_encoder: false,
            ..PseudoLabelsObjective::default()
        },
    };
    let learner = PseudoLabels::new(&config, &Counted, false, 1, Device::Cpu).unwrap();
    // All logits are what the output's bias says, so that the loss tells which labels were asked for: 7 more for cluster 12.
    for (name, tensor) in learner.tensors() {
        if name.starts_with("heads.60.output.") {
            let _guard = tch::no_grad_guard();
            let _ = tensor.shallow_clone().zero_();
            if name.ends_with("bias") {
                let _ = tensor.get(12).fill_(7.0);
            }
        }
    }
    let loss = |start: usize| {
        let xs = Tensor::zeros([1, (FRAME + 4 * HOP) as i64], (Kind::Float, Device::Cpu));
        let inputs = affekt_models::Inputs::waveforms(xs, vec![FRAME + 4 * HOP]);
        let mut batch = Batch::new(vec![0], vec![start], inputs, Tensor::from_slice(&[0_i64]));
        let draws = learner.batch_draws().unwrap();
        draws.draw(&mut batch, &mut Random::new(1, "x")).unwrap();
        assert_eq!(learner.loss_weights(&batch).unwrap(), LossWeights::of_one(5.0));
        let [loss] = &learner.loss(&batch, false).unwrap().terms[..] else { panic!("one term") };
        loss.double_value(&[])
    };
    let partition = (59.0 + 7_f64.exp()).ln();
    // Frames 8 to 12 hold one of cluster 12; frames 7 to 11 none.
    assert!((loss(8 * HOP) - (partition - 7.0 / 5.0)).abs() < 1e-5);
    assert!((loss(7 * HOP) - partition).abs() < 1e-5);
}

/// A batch of two clips of which the second is shorter, with what a learner draws for it.
fn drawn(learner: &impl Learner) -> Batch {
    let tones = Tones::new();
    let lengths = [0, 1].map(|row| tones.0[row].len().min(500 - 150 * row));
    let longest = lengths.into_iter().max().unwrap();
    let row = |row: usize| {
        let clip = tones.0[row][..lengths[row]].iter().copied();
        clip.chain(std::iter::repeat(0.0)).take(longest).collect::<Vec<f32>>()
    };
    let xs = Tensor::from_slice2(&[row(0), row(1)]);
    let inputs = affekt_models::Inputs::waveforms(xs, lengths.to_vec());
    let mut batch = Batch::new(vec![0, 1], vec![0, 0], inputs, Tensor::from_slice(&[0_i64, 1]));
    learner.batch_draws().unwrap().draw(&mut batch, &mut Random::new(1, "masks")).unwrap();
    batch
}

/// Nothing is left to chance but what is drawn from a seed.
fn still() -> Overrides {
    Overrides {
        hidden_dropout: Some(0.0),
        activation_dropout: Some(0.0),
        attention_dropout: Some(0.0),
        feat_proj_dropout: Some(0.0),
        layerdrop: Some(0.0),
        ..Overrides::default()
    }
}

fn loss_of(learner: &impl Learner, train: bool) -> f64 {
    let batch = drawn(learner);
    let _alone = affekt_train::alone();
    tch::manual_seed(1);
    let losses = learner.loss(&batch, train).unwrap();
    losses.terms.iter().map(|loss| loss.double_value(&[])).sum()
}

/// Every quirk of the published TAPT makes another loss of one batch.
#[test]
fn options_of_contrastive_pretraining_make_a_difference() {
    affekt_torch::device::set_threads(1);
    let loss = |objective: ContrastiveObjective| {
        let objective = ContrastiveObjective { negatives: 5, overrides: still(), ..objective };
        let config = ContrastiveConfig { encoder: encoder(), normalise: false, objective };
        loss_of(&Contrastive::new(&config, false, 1, Device::Cpu).unwrap(), false)
    };
    let plain = loss(ContrastiveObjective::default());
    assert_eq!(plain, loss(ContrastiveObjective::default()));
    for other in [
        ContrastiveObjective { negatives_from: NegativesFrom::Row, ..ContrastiveObjective::default() },
        ContrastiveObjective { diversity: Diversity::PerBatch, ..ContrastiveObjective::default() },
        ContrastiveObjective { padding: PaddedClips::Masked, ..ContrastiveObjective::default() },
    ] {
        let found = loss(other.clone());
        assert!((found - plain).abs() > 1e-4, "{other:?}: {found} {plain}");
    }
}

/// Summed over masked frames, the loss of a batch is its mean times their number, and an epoch's the mean over batches.
#[test]
fn a_sum_over_masked_frames_is_no_mean() {
    affekt_torch::device::set_threads(1);
    let learner = |reduction| {
        let objective = ContrastiveObjective {
            negatives: 5,
            overrides: still(),
            reduction,
            ..ContrastiveObjective::default()
        };
        let config = ContrastiveConfig { encoder: encoder(), normalise: false, objective };
        Contrastive::new(&config, false, 1, Device::Cpu).unwrap()
    };
    let [mean, sum] = [Reduction::Mean, Reduction::Sum].map(learner);
    let weight = |learner: &Contrastive| learner.loss_weights(&drawn(learner)).unwrap().epoch;
    let (frames, batch) = (weight(&mean), weight(&sum));
    assert!(frames > 1.0 && frames.fract() == 0.0 && batch == 1.0, "{frames} {batch}");
    let (mean, sum) = (loss_of(&mean, false), loss_of(&sum, false));
    assert!((sum / mean / frames - 1.0).abs() < 1e-5, "{sum} of {frames} frames whose mean is {mean}");
}

#[test]
fn group_norm_over_padded_rows_makes_a_difference_in_training_alone() {
    affekt_torch::device::set_threads(1);
    let labels = Tones::new().labels();
    let loss = |padding: Padding, train: bool| {
        let config = PseudoLabelsConfig {
            encoder: encoder(),
            normalise: false,
            clusters: vec![3, 2],
            objective: PseudoLabelsObjective {
                hidden: 8,
                padding,
                overrides: still(),
                ..PseudoLabelsObjective::default()
            },
        };
        loss_of(&PseudoLabels::new(&config, &labels, false, 1, Device::Cpu).unwrap(), train)
    };
    let excluded = loss(Padding::Ignored, true);
    assert!((loss(Padding::InTraining, true) - excluded).abs() > 1e-5);
    assert_eq!(loss(Padding::InTraining, true), loss(Padding::Reference, true));
    assert_eq!(loss(Padding::InTraining, false), loss(Padding::Ignored, false));
}

#[test]
fn contrastive_pretraining_learns_and_moves_everything() {
    let mut learner = contrastive();
    let before = copies(learner.weights());
    let pretrained = run(&mut learner, &config(60));
    let losses: Vec<f64> = pretrained.history.iter().map(|epoch| epoch.train_loss).collect();
    assert!(*losses.last().unwrap() < losses[0] - 0.1, "{losses:?}");
    let unchanged: Vec<_> = {
        let changed = changed(&before, &learner.weights());
        before.keys().filter(|name| !changed.contains(name)).collect()
    };
    assert!(unchanged.is_empty(), "{unchanged:?}");
}

#[test]
fn a_pretraining_that_was_killed_ends_as_one_that_was_not() {
    let labels = Tones::new().labels();
    let config = PretrainConfig { held_out: 0.2, ..config(23) };
    let mut whole = contrastive();
    let expected = run(&mut whole, &config);
    let folder = tempfile::tempdir().unwrap();
    let resume = Resume { folder: folder.path().into(), every: Duration::ZERO };
    for stop in [3, 9] {
        let killed = run_with(&mut contrastive(), &config, Some(&resume), &mut |done| {
            if done == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(matches!(killed, Err(TrainError::Cancelled(_))));
    }
    let mut resumed = contrastive();
    let mut seen = Vec::new();
    let finished = run_with(&mut resumed, &config, Some(&resume), &mut |done| {
        seen.push(done);
        ControlFlow::Continue(())
    });
    let finished = finished.unwrap();
    assert!(matches!(finished.state, StateOutcome::Resumed { .. }), "{:?}", finished.state);
    assert!(seen.into_iter().eq(10..=23));
    assert_eq!(finished.history, expected.history);
    assert_eq!(changed(&whole.weights(), &resumed.weights()), Vec::<String>::new());
    // Another one's state is passed over.
    let quiet = &mut |_: u64| ControlFlow::Continue(());
    let other = run_with(&mut pseudo_labels(&labels), &config, Some(&resume), quiet).unwrap();
    assert!(matches!(other.state, StateOutcome::Ignored(_)));
}

#[test]
fn what_is_held_out_chooses_the_weights() {
    let labels = Tones::new().labels();
    let mut learner = pseudo_labels(&labels);
    let pretrained = run(
        &mut learner,
        &PretrainConfig {
            held_out: 0.25,
            optimisation: Optimisation { lr: 0.02, ..config(40).optimisation },
            ..config(40)
        },
    );
    assert_eq!((pretrained.trained_rows, pretrained.held_out_rows), (24, 8));
    let losses: Vec<f64> = pretrained.history.iter().map(|epoch| epoch.dev_loss.unwrap()).collect();
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let kept: Vec<f64> =
        pretrained.history.iter().filter(|epoch| epoch.kept).map(|epoch| epoch.dev_loss.unwrap()).collect();
    assert_eq!(kept, [best]);
    assert!(best < losses[0], "{losses:?}");
}

/// A learner that has memory for so many clips at once.
struct Cramped<L> {
    learner: L,
    most: usize,
}

impl<L: Learner> Learner for Cramped<L> {
    fn tensors(&self) -> NamedTensors {
        self.learner.tensors()
    }
    fn hop(&self) -> usize {
        self.learner.hop()
    }
    fn wants_one_length(&self) -> bool {
        self.learner.wants_one_length()
    }
    fn hears_padding(&self) -> bool {
        self.learner.hears_padding()
    }
    fn reads_waveforms(&self) -> bool {
        self.learner.reads_waveforms()
    }
    fn batch_draws(&self) -> Option<Arc<dyn BatchDraws>> {
        self.learner.batch_draws()
    }
    fn loss_weights(&self, batch: &Batch) -> Result<LossWeights, TrainError> {
        self.learner.loss_weights(batch)
    }
    fn loss(&self, batch: &Batch, train: bool) -> Result<BatchLoss, TrainError> {
        if batch.rows.len() > self.most {
            let _ = Tensor::f_zeros([1 << 50], (Kind::Float, Device::Cpu))?;
        }
        self.learner.loss(batch, train)
    }
}

impl<L: PretrainingLearner> PretrainingLearner for Cramped<L> {
    fn settings(&self) -> serde_json::Value {
        self.learner.settings()
    }
    fn least_samples(&self) -> usize {
        self.learner.least_samples()
    }
}

/// Pretrains with memory for all clips of a batch, and for three of eight: the same weights, but for rounding.
fn divided_is_the_same<L: PretrainingLearner>(learner: impl Fn() -> L) {
    let norm = |tensors: &NamedTensors, others: &NamedTensors| {
        let square = |name: &String| (&tensors[name] - &others[name]).square().sum(Kind::Double);
        tensors.keys().map(square).map(|square| square.double_value(&[])).sum::<f64>().sqrt()
    };
    let config = PretrainConfig { held_out: 0.25, ..config(6) };
    let before = copies(learner().weights());
    let mut whole = learner();
    let at_once = run(&mut whole, &config);
    let mut cramped = Cramped { learner: learner(), most: 3 };
    let divided = run(&mut cramped, &config);
    assert_eq!((at_once.micro_batches, divided.micro_batches), (1, 4));
    let (whole, divided_weights) = (whole.weights(), cramped.weights());
    let (learnt, apart) = (norm(&whole, &before), norm(&whole, &divided_weights));
    assert!(learnt > 0.01 && apart < 1e-3 * learnt, "{apart} apart after {learnt}");
    for (a, b) in at_once.history.iter().zip(&divided.history) {
        let close = |a: f64, b: f64| (a - b).abs() < 1e-4 * a.abs();
        assert!(close(a.train_loss, b.train_loss), "{a:?} {b:?}");
        assert!(close(a.dev_loss.unwrap(), b.dev_loss.unwrap()), "{a:?} {b:?}");
    }
}

#[test]
fn used_up_memory_divides_batches_of_pseudo_labels_and_the_weights_stay_the_same() {
    let labels = Tones::new().labels();
    let still = EncoderConfig {
        hidden_dropout: 0.0,
        activation_dropout: 0.0,
        attention_dropout: 0.0,
        feat_proj_dropout: 0.0,
        layerdrop: 0.0,
        ..encoder()
    };
    divided_is_the_same(|| {
        let config = PseudoLabelsConfig {
            encoder: still.clone(),
            normalise: false,
            clusters: vec![3, 2],
            objective: PseudoLabelsObjective {
                hidden: 8,
                spans_over: SpansOver::Rows,
                freeze_feature_encoder: false,
                ..PseudoLabelsObjective::default()
            },
        };
        PseudoLabels::new(&config, &labels, false, 1, Device::Cpu).unwrap()
    });
}

#[test]
fn used_up_memory_divides_batches_of_a_frame_level_teacher_and_the_weights_stay_the_same() {
    let tones = Tones::new();
    let trained_on = TrainingPart::of(&tones);
    let overrides = Overrides {
        hidden_dropout: Some(0.0),
        activation_dropout: Some(0.0),
        attention_dropout: Some(0.0),
        feat_proj_dropout: Some(0.0),
        layerdrop: Some(0.0),
        apply_spec_augment: Some(false),
        ..Overrides::default()
    };
    let trunk = Wav2Vec2Trunk { encoder: encoder(), overrides, ..Wav2Vec2Trunk::default() };
    let config = StatesConfig {
        trunk: TrunkConfig::Wav2Vec2(Box::new(trunk)),
        head_width: 4,
        lstm_hidden: 4,
        ..StatesConfig::default()
    };
    divided_is_the_same(|| {
        let network = StatesNetwork::new(&config, 3, 1, Device::Cpu).unwrap();
        FrameTeacher::new(network, &ClassWeights::InverseFrequency, &trained_on).unwrap()
    });
}

/// What is left out of an epoch is the batch that is not full, be it counted in rows or in seconds.
#[test]
fn whole_batches_alone_are_trained_on_where_asked() {
    let labels = Tones::new().labels();
    let filled = |seconds: f64, drop_last: bool| {
        let batching = Batching::Bucketed { seconds: Some(seconds), counted: Counted::Unpadded, noise: 0.1 };
        PretrainConfig {
            optimisation: Optimisation { batching, drop_last, ..config(8).optimisation },
            ..config(8)
        }
    };
    // 32 clips of 0.7 s at most: three batches of 6 s, and what is left over.
    let epochs = |drop_last: bool| run(&mut pseudo_labels(&labels), &filled(6.0, drop_last)).history.len();
    assert_eq!((epochs(false), epochs(true)), (2, 3));
    let quiet = &mut |_: u64| ControlFlow::Continue(());
    let refused = run_with(&mut pseudo_labels(&labels), &filled(60.0, true), None, quiet).unwrap_err();
    assert!(refused.to_string().contains("of audio and a batch 60 s: try fewer `seconds`"), "{refused}");
}

#[test]
fn mistakes_are_told() {
    let message = |config: PretrainConfig| {
        let failed = run_with(&mut contrastive(), &config, None, &mut |_| ControlFlow::Continue(()));
        failed.unwrap_err().to_string()
    };
    assert_eq!(message(config(0)), "steps is 0: expected at least 1");
    let short = Some(Crop { seconds: 0.02, at: CropAt::Random });
    assert_eq!(
        message(PretrainConfig {
            optimisation: Optimisation { crop: short, ..config(1).optimisation },
            ..config(1)
        }),
        "crop.seconds is 0.02: expected what makes a frame of the network at least"
    );
    assert_eq!(
        message(PretrainConfig { held_out: 1.0, ..config(1) }),
        "held_out is 1: expected a share from 0, below 1"
    );
}
