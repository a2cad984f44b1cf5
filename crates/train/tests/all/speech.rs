//! Waveforms of any length, values in place of classes, encoders from checkpoints.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::time::Duration;

use affekt_domain::{Monitor, Role, Task};
use affekt_models::{InputShape, Network};
use affekt_spec::network::NetworkConfig;
use affekt_spec::training::{Counted, Optimisation};
use affekt_torch::{
    Checkpoint, Convolution, NamedTensors, Random, forget_fp32_convolutions, fp32_convolutions,
    with_convolution_kernel,
};
use affekt_train::{
    BatchLimit, Batching, Crop, CropAt, Dataset, DevPart, Loss, Precision, Progress, Resume, StateOutcome,
    Stopping, Target, TestPart, TrainConfig, TrainError, Trained, Training, TrainingPart, predict, train,
};
use tch::{Device, Kind, Tensor};

use crate::case::{assert_same, bytes};

const RATE_HZ: u32 = 1000;

/// 0.3 to 1.3 seconds of a tone in noise; the tone's share and minus that are the values.
struct Clips {
    rows: Vec<Clip>,
}

struct Clip {
    name: String,
    samples: Vec<f32>,
    values: Vec<f32>,
    role: Role,
}

impl Clips {
    fn new() -> Self {
        let mut random = Random::new(3, "clips");
        let rows = (0..40).map(|row| {
            let share = random.uniform(0.0, 1.0);
            let length = 300 + (random.bits() % 1000) as usize;
            let sample =
                |i: usize| share * (0.4 * i as f32).sin() + (1.0 - share) * random.uniform(-1.0, 1.0);
            Clip {
                name: format!("C/{row}"),
                samples: (0..length).map(sample).collect(),
                values: vec![share, -share],
                role: [Role::Train, Role::Train, Role::Dev, Role::Test][row % 4],
            }
        });
        Self { rows: rows.collect() }
    }
}

impl Dataset for Clips {
    fn len(&self) -> usize {
        self.rows.len()
    }
    fn input(&self) -> InputShape {
        InputShape::Waveforms
    }
    fn rate_hz(&self) -> Option<u32> {
        Some(RATE_HZ)
    }
    fn values(&self, row: usize) -> &[f32] {
        &self.rows[row].samples
    }
    fn target(&self, row: usize) -> Target<'_> {
        assert_ne!(self.rows[row].role, Role::Test, "nobody asks what is withheld");
        Target::Values(&self.rows[row].values)
    }
    fn name(&self, row: usize) -> &str {
        &self.rows[row].name
    }
    fn speaker(&self, _: usize) -> &str {
        "C/1"
    }
    fn role(&self, row: usize) -> Option<Role> {
        Some(self.rows[row].role)
    }
}

fn network(freeze: &str) -> NetworkConfig {
    let text = r#"{
        "kind": "wav2vec2",
        "freeze": "FREEZE",
        "encoder": {
            "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
            "conv_dim": [8, 8], "conv_stride": [5, 4], "conv_kernel": [10, 8], "num_conv_pos_embeddings": 4,
            "num_conv_pos_embedding_groups": 2, "apply_spec_augment": false
        }
    }"#;
    serde_json::from_str(&text.replace("FREEZE", freeze)).unwrap()
}

fn config() -> TrainConfig {
    TrainConfig {
        max_epochs: 2,
        loss: Loss::Ccc,
        stopping: Stopping::Early { monitor: Monitor::DevCcc, patience: 9 },
        optimisation: Optimisation { lr: 0.01, batch_size: 6, ..Optimisation::default() },
        ..TrainConfig::default()
    }
}

/// One training of a small encoder.
struct Case {
    clips: Clips,
    network: NetworkConfig,
    config: TrainConfig,
    encoder: Option<NamedTensors>,
    resume: Option<Resume>,
}

impl Case {
    fn new(config: TrainConfig) -> Self {
        Self { clips: Clips::new(), network: network("none"), config, encoder: None, resume: None }
    }

    fn run(&self) -> Result<Trained, TrainError> {
        self.run_with(&mut |_| ControlFlow::Continue(()))
    }

    fn run_with(&self, progress: &mut dyn FnMut(Progress) -> ControlFlow<()>) -> Result<Trained, TrainError> {
        affekt_torch::device::set_threads(1);
        let training = Training {
            network: &self.network,
            config: &self.config,
            encoder: self.encoder.as_ref(),
            task: &Task::Outputs(["tone", "noise"].map(str::to_owned).into()),
            seed: 1,
            trained_on: &TrainingPart::of(&self.clips),
            selected_on: Some(&DevPart::of(&self.clips)),
            refitted_on: None,
            standardiser: None,
            device: Device::Cpu,
            resume: self.resume.as_ref(),
        };
        train(&training, progress)
    }
}

#[test]
fn values_are_learnt_and_chosen_by_their_concordance() {
    for loss in [Loss::Ccc, Loss::Mse] {
        let trained = Case::new(TrainConfig { loss, max_epochs: 12, ..config() }).run().unwrap();
        let best = trained.history.iter().find(|epoch| epoch.kept).unwrap();
        assert!(best.dev_ccc.unwrap() > 0.5, "{loss:?}: {:?}", trained.history);
        assert!(trained.history.iter().all(|epoch| epoch.dev_ccc <= best.dev_ccc));
        assert_eq!((best.dev_accuracy, best.dev_uar), (None, None));
    }
}

#[test]
fn interrupted_after_any_step_of_bucketed_pieces_it_ends_with_the_same_bytes() {
    let config = TrainConfig {
        optimisation: Optimisation {
            batching: Batching::Bucketed { seconds: Some(3.0), counted: Counted::Padded, noise: 0.3 },
            crop: Some(Crop { seconds: 0.6, at: CropAt::Random }),
            ..config().optimisation
        },
        ..config()
    };
    let straight = Case::new(config.clone()).run().unwrap();
    let mut signs = 0;
    loop {
        let folder = tempfile::tempdir().unwrap();
        let resume = Some(Resume { folder: folder.path().to_owned(), every: Duration::ZERO });
        let case = Case { resume, ..Case::new(config.clone()) };
        signs += 1;
        let seen = Cell::new(0);
        let first = case.run_with(&mut |_| {
            seen.set(seen.get() + 1);
            if seen.get() == signs { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let resumed = case.run().unwrap();
        assert!(matches!(resumed.state, StateOutcome::Resumed { .. }), "{:?}", resumed.state);
        assert_same(&straight, &resumed);
        if first.is_ok() {
            break;
        }
    }
    assert!(signs > 10, "{signs}");
}

#[test]
fn a_prediction_does_not_depend_on_its_batch_and_comes_in_order() {
    let clips = Clips::new();
    let network = Network::new(&network("none"), &InputShape::Waveforms, 2, 1, Device::Cpu).unwrap();
    let test = TestPart::of(&clips);
    let alone = predict(&network, &test, None, BatchLimit::rows(1), &mut |_, _| {}).unwrap();
    assert_eq!(alone.len(), 10);
    let together = [BatchLimit::rows(7), BatchLimit { rows: 99, seconds: 2.5 }];
    for limit in together {
        for (alone, other) in alone.iter().zip(predict(&network, &test, None, limit, &mut |_, _| {}).unwrap())
        {
            let close = alone.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e-5);
            assert!(close, "{limit:?}: {alone:?} {other:?}");
        }
    }
    assert!(alone.iter().any(|row| (row[0] - alone[0][0]).abs() > 1e-3), "all clips are alike");
}

#[test]
fn training_sees_no_more_than_the_piece_and_choosing_all_of_it() {
    let crop = Some(Crop { seconds: 0.25, at: CropAt::Start });
    let behind = |role: Role| {
        let mut case = Case::new(TrainConfig {
            optimisation: Optimisation { crop, ..config().optimisation },
            ..config()
        });
        for clip in case.clips.rows.iter_mut().filter(|clip| clip.role == role) {
            clip.samples[250..].fill(f32::NAN);
        }
        case.run()
    };
    let trained = behind(Role::Train).unwrap();
    assert!(
        bytes(&trained)
            == bytes(
                &Case::new(TrainConfig {
                    optimisation: Optimisation { crop, ..config().optimisation },
                    ..config()
                })
                .run()
                .unwrap()
            )
    );
    let error = behind(Role::Dev).map(|_| ()).unwrap_err();
    let TrainError::DevNotFinite { utterances, .. } = &error else { panic!("{error}") };
    assert_eq!(utterances.len(), 10);
    assert!(
        error
            .to_string()
            .ends_with("`C/2`, `C/6`, `C/10`, `C/14`, `C/18`, `C/22`, `C/26`, `C/30` and 2 more")
    );
}

#[test]
fn a_loss_that_is_not_finite_names_the_utterances_of_the_batch() {
    let mut case = Case::new(config());
    case.clips.rows[8].samples[0] = f32::NAN;
    let error = case.run().map(|_| ()).unwrap_err();
    let TrainError::NotFinite { epoch: 1, batches: 4, lr, utterances, .. } = &error else {
        panic!("{error}")
    };
    assert!(*lr == 0.01 && utterances.contains(&"C/8".to_owned()), "{error}");
    assert!(error.to_string().contains("at a learning rate of 1e-2: try a smaller lr"), "{error}");
}

#[test]
fn an_encoder_begins_as_its_checkpoint_and_stays_so_where_it_is_frozen() {
    let other = Network::new(&network("none"), &InputShape::Waveforms, 2, 99, Device::Cpu).unwrap();
    let mut encoder = other.weights();
    encoder.insert("lm_head.bias".into(), Tensor::from_slice(&[1_f32]));
    encoder.retain(|name, _| name.starts_with("wav2vec2.") || name.starts_with("lm_head."));
    let encoder_stayed = |freeze: &str| {
        let encoder: NamedTensors =
            encoder.iter().map(|(name, tensor)| (name.clone(), tensor.copy())).collect();
        let case = Case { network: network(freeze), encoder: Some(encoder), ..Case::new(config()) };
        let trained = case.run().unwrap();
        let accounting = trained.encoder.unwrap();
        assert_eq!(accounting.unexpected, ["lm_head.bias"]);
        let own = trained.weights.iter().filter(|(name, _)| name.starts_with("wav2vec2."));
        let stayed = own.filter(|(name, tensor)| **tensor == other.weights()[*name]).count();
        stayed == accounting.loaded
    };
    assert!(encoder_stayed("all"));
    assert!(!encoder_stayed("feature-encoder"));
}

#[test]
fn half_precision_trains_about_the_same() {
    let run = |precision| {
        Case::new(TrainConfig {
            loss: Loss::Mse,
            optimisation: Optimisation { precision, ..config().optimisation },
            ..config()
        })
        .run()
        .unwrap()
    };
    let whole = run(Precision::Fp32);
    for precision in [Precision::Bf16, Precision::Fp16] {
        let half = run(precision);
        assert!(bytes(&whole) != bytes(&half));
        let (whole, half) = (whole.history[0].train_loss, half.history[0].train_loss);
        assert!((whole / half - 1.0).abs() < 0.05, "{precision:?}: {whole} {half}");
    }
    assert!(bytes(&whole) == bytes(&run(Precision::Tf32)), "a CPU has no TF32");
}

#[test]
fn what_is_for_gpus_alone_changes_nothing_on_the_cpu() {
    let run = |deterministic, cudnn_benchmark| {
        let optimisation = Optimisation { deterministic, cudnn_benchmark, ..config().optimisation };
        bytes(&Case::new(TrainConfig { optimisation, ..config() }).run().unwrap())
    };
    assert!(run(false, false) == run(true, true));
}

#[test]
fn a_training_in_fp16_goes_on_with_its_scale() {
    let config = TrainConfig {
        loss: Loss::Mse,
        optimisation: Optimisation { precision: Precision::Fp16, ..config().optimisation },
        ..config()
    };
    let straight = Case::new(config.clone()).run().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let resume = Some(Resume { folder: folder.path().to_owned(), every: Duration::ZERO });
    let case = Case { resume, ..Case::new(config) };
    let seen = Cell::new(0);
    let first = case.run_with(&mut |_| {
        seen.set(seen.get() + 1);
        if seen.get() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(first, Err(TrainError::Cancelled(_))));
    let state =
        Checkpoint::from_bytes(&std::fs::read(folder.path().join("resume.safetensors")).unwrap()).unwrap();
    assert_eq!(state.tensors["optimiser.scaler.scale"].double_value(&[]), 65_536.0);
    let resumed = case.run().unwrap();
    assert!(matches!(resumed.state, StateOutcome::Resumed { .. }), "{:?}", resumed.state);
    assert_same(&straight, &resumed);
}

#[test]
fn gradients_that_overflow_at_any_scale_end_a_training() {
    // Infinite where it is computed in fp16, and in its gradients with it.
    let config = TrainConfig {
        loss: Loss::Mse,
        max_epochs: 40,
        stopping: Stopping::Fixed,
        optimisation: Optimisation { precision: Precision::Fp16, ..config().optimisation },
        ..config()
    };
    let run = || with_convolution_kernel(infinite_gradients, || Case::new(config.clone()).run());
    let error = run().map(drop).unwrap_err();
    assert!(matches!(error, TrainError::Overflow { .. }), "{error}");
    assert!(error.to_string().contains("try `precision: bf16`"), "{error}");
}

/// libtorch's kernels, whose gradients are infinite in every element type: right or wrong nobody can tell by a comparison.
#[expect(clippy::disallowed_methods, reason = "it stands for libtorch's kernel")]
fn infinite_gradients(
    convolution: &Convolution,
    xs: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
) -> Tensor {
    let Convolution { stride, padding, dilation, groups } = *convolution;
    let ys = xs.conv1d(weight, bias, stride, padding, dilation, groups);
    // The value of ys, and a gradient of 1 / 0.
    let zero = &ys - ys.detach();
    ys.detach() + zero.abs().sqrt()
}

#[test]
fn a_convolution_that_is_wrong_in_half_precision_trains_in_f32() {
    let run = |precision| {
        forget_fp32_convolutions();
        let config = TrainConfig {
            loss: Loss::Mse,
            optimisation: Optimisation { precision, ..config().optimisation },
            ..config()
        };
        let trained = with_convolution_kernel(amx, || Case::new(config).run().unwrap());
        (trained.history[0].train_loss, fp32_convolutions())
    };
    let (whole, half) = (run(Precision::Fp32), run(Precision::Bf16));
    assert_eq!(whole.1, [""; 0]);
    assert_eq!(half.1, ["conv1d of 8 to 8 channels, kernel 8, stride 4"]);
    assert!((whole.0 / half.0 - 1.0).abs() < 0.05, "{} {}", whole.0, half.0);
}

/// libtorch's kernels but for one that computes garbage in half precision, as oneDNN's does on processors with AMX.
#[expect(clippy::disallowed_methods, reason = "it stands for libtorch's kernel")]
fn amx(convolution: &Convolution, xs: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let Convolution { stride, padding, dilation, groups } = *convolution;
    let ys = xs.conv1d(weight, bias, stride, padding, dilation, groups);
    if ys.kind() == Kind::BFloat16 && weight.size() == [8, 8, 8] { -ys } else { ys }
}

#[test]
fn impossible_trainings_on_waveforms_are_refused() {
    let error = |change: &dyn Fn(&mut Case)| {
        let mut case = Case::new(config());
        change(&mut case);
        case.run().map(|_| ()).unwrap_err().to_string()
    };
    let short = error(&|case| case.clips.rows[2].samples.truncate(20));
    assert!(short.starts_with("1 recording is shorter than the "), "{short}");
    assert!(short.contains(": `C/2`, of which the first has 20: fill them up"), "{short}");
    let three =
        error(&|case| [9, 2, 5].into_iter().for_each(|row| case.clips.rows[row].samples.truncate(20)));
    assert!(three.starts_with("3 recordings are shorter than the "), "{three}");
    assert!(three.contains("`C/2`, `C/5`, `C/9`, of which"), "{three}");
    let classes = error(&|case| case.config.loss = Loss::CrossEntropy);
    assert_eq!(
        classes,
        "loss is cross-entropy: expected `ccc` or `mse`, for the rows have values and no classes"
    );
    let monitor = Stopping::Early { monitor: Monitor::DevUar, patience: 1 };
    let uar = error(&|case| case.config.stopping = monitor);
    assert!(
        uar.ends_with("expected `dev-loss` or `dev-ccc`, for the rows have values and no classes"),
        "{uar}"
    );
    let values = error(&|case| case.clips.rows[1].values.truncate(1));
    assert_eq!(values, "`C/1` has 1 values and there are 2 outputs");
    let nan = error(&|case| case.clips.rows[1].values[0] = f32::NAN);
    assert_eq!(nan, "a value of `C/1` is not finite: look at the corpus' labels");
    let filled = Batching::Bucketed { seconds: Some(3.0), counted: Counted::Padded, noise: 0.1 };
    let last = error(&|case| {
        (case.config.optimisation.batching, case.config.optimisation.drop_last) = (filled, true)
    });
    assert_eq!(last, "drop_last is true: expected `false` where batches are filled by padded seconds");
    let piece =
        error(&|case| case.config.optimisation.crop = Some(Crop { seconds: 0.01, at: CropAt::Start }));
    assert_eq!(piece, "crop.seconds is 0.01: expected what makes a frame of the network at least");
}
