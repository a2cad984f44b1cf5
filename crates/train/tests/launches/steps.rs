//! The training steps of shipped experiments, with networks so narrow that they can be counted in seconds: layers, losses,
//! optimisers, masks and batching are what the YAML files say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;

use affekt_config::Diagnostics;
use affekt_domain::{Role, Task};
use affekt_encoders::Hub;
use affekt_models::InputShape;
use affekt_models::states::{StatesConfig, StatesNetwork, TrunkConfig, Wav2VecTrunk};
use affekt_pipeline::{Environment, compile};
use affekt_spec::encoder::{EncoderConfig, Wav2VecConfig};
use affekt_spec::network::NetworkConfig;
use affekt_spec::training::{Batching, Objective, Optimisation, PretrainConfig};
use affekt_torch::{OperatorCounter, OperatorCounts, Random};
use affekt_train::pretraining::{
    Contrastive, ContrastiveConfig, FrameLabels, FrameTeacher, Pretraining, PretrainingLearner, PseudoLabels,
    PseudoLabelsConfig, pretrain,
};
use affekt_train::{Dataset, Precision, Progress, Target, TrainConfig, Training, TrainingPart, train};
use serde::de::DeserializeOwned;
use tch::Device;

/// A step that is counted.
pub struct Step {
    /// What it is called in tables.
    pub name: &'static str,
    count: fn() -> Counted,
}

/// Those of the systems that a table is made of.
pub const STEPS: &[Step] = &[
    Step { name: "V-FT", count: || fine_tuning(Precision::Fp32, &Noise::clips()) },
    Step { name: "V-FT, fp16", count: || fine_tuning(Precision::Fp16, &Noise::clips_of_one_length()) },
    Step { name: "TAPT", count: contrastive },
    Step { name: "P-TAPT, frame-level teacher", count: frame_teacher },
    Step { name: "P-TAPT, pseudo-labels", count: pseudo_labels },
    Step { name: "B3", count: parallel_cnn },
];

/// What was counted of [`COUNTED`] steps.
#[derive(Debug, Default)]
pub struct Counted {
    /// The step with the most launches: one in which no layer was dropped.
    pub largest: OperatorCounts,
    /// Waits of all steps together.
    pub waits: BTreeMap<String, u64>,
}

/// Steps that are counted: the losses of as many are read at a time.
pub const COUNTED: usize = 32;

/// Steps before them, in which memory is taken and kernels are proven.
const WARM_UP: usize = 3;

/// Rows of a batch of clips, and of a dataset that no epoch of which ends before the last step.
const BATCH: usize = 4;
const ROWS: usize = BATCH * (WARM_UP + COUNTED + 1);

impl Step {
    /// Counts what it is made of.
    pub fn count(&self) -> Counted {
        affekt_torch::device::set_threads(1);
        (self.count)()
    }
}

impl Counted {
    /// Waits of all steps.
    pub fn wait_count(&self) -> u64 {
        self.waits.values().sum()
    }
}

/// A table of names, the most frequent first.
impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OperatorCounts { launches, copies, .. } = &self.largest;
        let mut launches: Vec<_> = launches.iter().map(|(name, times)| (times, name)).collect();
        launches.sort_by(|(a, a_name), (b, b_name)| b.cmp(a).then(a_name.cmp(b_name)));
        writeln!(
            f,
            "{} launches, {copies} copies; {} waits in {COUNTED} steps",
            self.largest.launch_count(),
            self.wait_count()
        )?;
        launches.iter().try_for_each(|(times, name)| writeln!(f, "{times:8} {name}"))?;
        self.waits.iter().try_for_each(|(name, times)| writeln!(f, "{times:8} waits: {name}"))
    }
}

/// Counts the steps between calls of [`Self::hear`].
#[derive(Default)]
struct Listener {
    steps: usize,
    counter: Option<OperatorCounter>,
    counted: Counted,
}

impl Listener {
    fn hear(&mut self, progress: Progress) -> ControlFlow<()> {
        let Progress::Batch { .. } = progress else { return ControlFlow::Continue(()) };
        self.steps += 1;
        if self.steps == WARM_UP {
            self.counter = Some(OperatorCounter::new());
        }
        let Some(counter) = self.counter.as_ref().filter(|_| self.steps > WARM_UP) else {
            return ControlFlow::Continue(());
        };
        let counts = counter.take();
        counts
            .waits
            .iter()
            .for_each(|(name, times)| *self.counted.waits.entry(name.clone()).or_default() += times);
        if counts.launch_count() > self.counted.largest.launch_count() {
            self.counted.largest = counts;
        }
        if self.steps < WARM_UP + COUNTED { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

/// The parameters of a step of a shipped experiment, of the first variant that `is_meant`.
fn shipped<T: DeserializeOwned>(experiment: &str, step: &str, is_meant: impl Fn(&T) -> bool) -> T {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let environment = Environment {
        folders: vec![root.clone().into()],
        settings: Vec::new(),
        device: "cpu".into(),
        libtorch: affekt_torch::device::libtorch_version().into(),
        without: BTreeSet::new(),
        without_variants: BTreeSet::new(),
        hub: Hub::of(|_| None),
    };
    let diagnostics = Diagnostics::new();
    let path = root.join(format!("experiments/{experiment}.yaml"));
    let compiled = compile(&path, &environment, &diagnostics);
    let compiled = compiled.unwrap_or_else(|| panic!("{experiment}: {diagnostics}"));
    let nodes = compiled.graph.nodes().values().filter(|node| node.id.name() == step);
    let mut params = nodes.map(|node| serde_json::from_value::<T>((*node.params).clone()).unwrap());
    params.find(is_meant).unwrap_or_else(|| panic!("{experiment} has no such step `{step}`"))
}

/// As shipped, in batches of a few clips.
fn make_small(optimisation: &mut Optimisation) {
    if let Batching::Bucketed { seconds: Some(seconds), .. } = &mut optimisation.batching {
        *seconds = BATCH as f64 * 0.43;
    }
    optimisation.batch_size = BATCH;
}

fn small_pretraining(mut config: PretrainConfig) -> PretrainConfig {
    config.steps = (WARM_UP + COUNTED + 1) as u64 * 4; // its schedule counts them
    make_small(&mut config.optimisation);
    config
}

/// BASE's layers, narrow.
fn encoder() -> EncoderConfig {
    EncoderConfig {
        hidden_size: 64,
        num_attention_heads: 4,
        intermediate_size: 64,
        conv_dim: vec![16; 7],
        codevector_dim: 16,
        proj_codevector_dim: 16,
        num_codevectors_per_group: 16,
        ..EncoderConfig::default()
    }
}

/// wav2vec's layers, narrow.
fn old_encoder() -> Wav2VecConfig {
    let narrow =
        |layers: &[[usize; 3]]| layers.iter().map(|&[_, kernel, stride]| [16, kernel, stride]).collect();
    let large = Wav2VecConfig::large();
    Wav2VecConfig {
        conv_feature_layers: narrow(&large.conv_feature_layers),
        conv_aggregator_layers: narrow(&large.conv_aggregator_layers),
        ..large
    }
}

fn fine_tuning(precision: Precision, clips: &Noise) -> Counted {
    let mut params: affekt_ops::train::Params = shipped("vft", "finetune", |_| true);
    let NetworkConfig::Wav2Vec2(network) = &mut params.network else { panic!("{:?}", params.network) };
    network.encoder = encoder().into();
    supervised(&params, precision, clips, 4)
}

/// B3 as published, at its true size.
fn parallel_cnn() -> Counted {
    let published = |params: &affekt_ops::train::Params| {
        params.training.optimisation.defaults == affekt_spec::LibraryDefaults::Keras
    };
    let params = shipped("parallel-cnn", "train", published);
    supervised(&params, params.training.optimisation.precision, &Noise::spectra(), 7)
}

fn supervised(
    params: &affekt_ops::train::Params,
    precision: Precision,
    dataset: &dyn Dataset,
    classes: usize,
) -> Counted {
    let mut listener = Listener::default();
    let mut config = TrainConfig { stopping: affekt_train::Stopping::Fixed, ..params.training.clone() };
    make_small(&mut config.optimisation);
    config.optimisation.precision = precision;
    let training = Training {
        network: &params.network,
        config: &config,
        encoder: None,
        task: &Task::Classes((0..classes).map(|class| class.to_string()).collect()),
        seed: 1,
        trained_on: &TrainingPart::of(dataset),
        selected_on: None,
        refitted_on: None,
        standardiser: None,
        device: Device::Cpu,
        resume: None,
    };
    let broken_off = train(&training, &mut |progress| listener.hear(progress));
    assert!(matches!(broken_off, Err(affekt_train::TrainError::Cancelled(1))), "{broken_off:?}");
    listener.counted
}

fn contrastive() -> Counted {
    let params: affekt_ops::pretrain::Params = shipped("tapt", "tapt", |_| true);
    let Objective::Contrastive(objective) = params.objective else { panic!("{:?}", params.objective) };
    let config = ContrastiveConfig { encoder: encoder(), normalise: false, objective };
    let clips = Noise::clips();
    let mut learner = Contrastive::new(&config, false, 1, Device::Cpu).unwrap();
    pretrained(&mut learner, params.training, &clips)
}

fn pseudo_labels() -> Counted {
    let params: affekt_ops::pretrain::Params = shipped("ptapt", "ptapt", |_| true);
    let Objective::PseudoLabels(objective) = params.objective else { panic!("{:?}", params.objective) };
    let clusters: affekt_ops::kmeans::Params = shipped("ptapt", "clusters", |_| true);
    let clusters = clusters.clusters.iter().map(|&k| k as usize).collect();
    let config = PseudoLabelsConfig { encoder: encoder(), normalise: false, clusters, objective };
    let clips = Noise::clips();
    let labels = Labels::of(&clips, &config);
    let mut learner = PseudoLabels::new(&config, &labels, false, 1, Device::Cpu).unwrap();
    pretrained(&mut learner, params.training, &clips)
}

fn frame_teacher() -> Counted {
    let params: affekt_ops::state_model::Params = shipped("ptapt", "state_model", |_| true);
    let trunk = Wav2VecTrunk { encoder: old_encoder(), ..Wav2VecTrunk::default() };
    let config = StatesConfig {
        trunk: TrunkConfig::Wav2Vec(trunk),
        normalise: false,
        head_width: params.network.head,
        lstm_hidden: 16,
    };
    let clips = Noise::clips();
    let network = StatesNetwork::new(&config, 4, 1, Device::Cpu).unwrap();
    let mut learner = FrameTeacher::new(network, &params.class_weights, &TrainingPart::of(&clips)).unwrap();
    // What is held out is looked at between epochs.
    pretrained(&mut learner, PretrainConfig { held_out: 0.0, ..params.training }, &clips)
}

fn pretrained(learner: &mut impl PretrainingLearner, config: PretrainConfig, clips: &Noise) -> Counted {
    let mut listener = Listener::default();
    let pretraining = Pretraining {
        config: &small_pretraining(config),
        seed: 1,
        trained_on: &TrainingPart::of(clips),
        device: Device::Cpu,
        resume: None,
    };
    let broken_off = pretrain(&pretraining, learner, &mut |progress| listener.hear(progress));
    assert!(matches!(broken_off, Err(affekt_train::TrainError::Cancelled(1))), "{broken_off:?}");
    listener.counted
}

/// Noise in classes that take turns.
struct Noise {
    rows: Vec<Vec<f32>>,
    input: InputShape,
    classes: i64,
}

impl Noise {
    /// Clips of about half a second, each of another length, in four classes.
    fn clips() -> Self {
        Self::clips_of(|row| 7000 + 16 * (row * 37 % ROWS))
    }

    fn clips_of_one_length() -> Self {
        Self::clips_of(|_| 8000)
    }

    fn clips_of(length: impl Fn(usize) -> usize) -> Self {
        Self { rows: noise("clips", length), input: InputShape::Waveforms, classes: 4 }
    }

    /// MFCC, in seven classes.
    fn spectra() -> Self {
        Self { rows: noise("spectra", |_| 128 * 94), input: InputShape::Frames([128, 94]), classes: 7 }
    }
}

fn noise(stream: &str, length: impl Fn(usize) -> usize) -> Vec<Vec<f32>> {
    let mut random = Random::new(1, stream);
    (0..ROWS).map(|row| (0..length(row)).map(|_| random.uniform(-1.0, 1.0)).collect()).collect()
}

impl Dataset for Noise {
    fn len(&self) -> usize {
        self.rows.len()
    }
    fn input(&self) -> InputShape {
        self.input
    }
    fn rate_hz(&self) -> Option<u32> {
        (self.input == InputShape::Waveforms).then_some(16_000)
    }
    fn values(&self, row: usize) -> &[f32] {
        &self.rows[row]
    }
    fn target(&self, row: usize) -> Target<'_> {
        Target::Class(row as i64 % self.classes)
    }
    fn name(&self, _: usize) -> &str {
        "noise"
    }
    fn speaker(&self, _: usize) -> &str {
        "nobody"
    }
    fn role(&self, _: usize) -> Option<Role> {
        Some(Role::Train)
    }
}

/// Clusters of frames, by row and clustering.
struct Labels(Vec<Vec<Vec<u16>>>);

impl Labels {
    fn of(clips: &Noise, config: &PseudoLabelsConfig) -> Self {
        let mut random = Random::new(1, "clusters");
        let mut of_clip = |clip: &Vec<f32>| {
            let frames = config.encoder.frames(clip.len());
            let mut draw = |&clusters: &usize| (0..frames).map(|_| random.below(clusters) as u16).collect();
            config.clusters.iter().map(&mut draw).collect()
        };
        Self(clips.rows.iter().map(&mut of_clip).collect())
    }
}

impl FrameLabels for Labels {
    fn of(&self, row: usize, clustering: usize) -> &[u16] {
        &self.0[row][clustering]
    }
}
