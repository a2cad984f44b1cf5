//! The worker's ops as the runner uses them.

use std::path::Path;

use affekt_config::{Diagnostics, Section, parse};
use affekt_graph::{Item, NodeId, Port, Store};
use affekt_models::{CnnConfig, NormAxis, ParallelCnnConfig, Positions, TransformerConfig};
use affekt_ops::standardise::Fitted;
use affekt_table::features::FeatureWriter;
use affekt_table::rows::Row;
use affekt_train::{ClassWeights, Monitor, Schedule, Stages, Steps, Stopping};

use super::*;

/// What the planner makes of a node, and what it complains of.
fn planned(text: &str) -> (serde_json::Value, String) {
    let diagnostics = Diagnostics::new();
    let node = parse("train.yaml", text, &diagnostics).unwrap();
    let mut section = Section::open(&node, &diagnostics, "node `train`").unwrap();
    let params = (train::DEFINITION.params)(&mut section);
    section.close();
    (params, diagnostics.to_string())
}

fn read(text: &str) -> TrainParams {
    let (params, complaints) = planned(text);
    assert_eq!(complaints, "");
    serde_json::from_value(params).unwrap()
}

/// The planner writes parameters in its own words, without libtorch: they must be ours, defaults and all.
#[test]
fn the_planner_and_the_worker_agree() {
    let plain = read("{ network: { kind: cnn }, training: {} }");
    assert_eq!(plain.network, NetworkConfig::Cnn(CnnConfig::default()));
    assert_eq!(plain.training, TrainConfig::default());
    assert!(!plain.select_on_test);

    let other = read(
        "network: { kind: cnn, channels: [8], pools: [2], dropout: 0, norm_axis: channel }\n\
         training: { lr: 1e-2, weight_decay: 0.1, batch_size: 8, max_epochs: 3, clip_norm: 2,\n\
         \x20           stopping: { kind: fixed }, class_weights: [2, 0.5],\n\
         \x20           schedule: { kind: linear, warmup: 100, hold: 0.05, floor: 0.1 } }\n",
    );
    let stages = Stages { warmup: Steps::Count(100), hold: Steps::Share(0.05), floor: 0.1 };
    let expected = TrainConfig {
        lr: 1e-2,
        weight_decay: 0.1,
        batch_size: 8,
        max_epochs: 3,
        stopping: Stopping::Fixed,
        class_weights: ClassWeights::Given(vec![2.0, 0.5]),
        clip_norm: Some(2.0),
        schedule: Schedule::Linear(stages),
        ..TrainConfig::default()
    };
    assert_eq!(other.training, expected);
    let monitored =
        read("{ network: { kind: cnn }, training: { stopping: { monitor: dev-uar, patience: 3 } } }");
    let monitor = Monitor::DevUar;
    assert_eq!(monitored.training.stopping, Stopping::Early { monitor, patience: 3 });

    let training =
        |text: &str| read(&format!("{{ network: {{ kind: cnn }}, training: {{ {text} }} }}")).training;
    let cosine = Stages { warmup: Steps::Share(0.5), hold: Steps::Count(0), floor: 0.0 };
    let schedules = [
        ("constant", Schedule::Constant),
        ("cosine, warmup: 0.5", Schedule::Cosine(cosine)),
        ("step, every: 5", Schedule::Step { every: 5, factor: 0.1 }),
    ];
    for (text, expected) in schedules {
        assert_eq!(training(&format!("schedule: {{ kind: {text} }}")).schedule, expected);
    }
    for (text, expected) in [
        ("none", ClassWeights::None),
        ("balanced", ClassWeights::Balanced),
        ("inverse-frequency", ClassWeights::InverseFrequency),
    ] {
        assert_eq!(training(&format!("class_weights: {text}")).class_weights, expected);
    }
    for (text, expected) in [
        ("none", Refit::None),
        ("best-epochs", Refit::BestEpochs),
        ("best-epochs-with-dev", Refit::BestEpochsWithDev),
    ] {
        assert_eq!(training(&format!("refit: {text}")).refit, expected);
    }
}

#[test]
fn settings_of_training_that_make_no_sense_are_said() {
    for (training, complaint) in [
        (
            "refit: best-epochs, stopping: { kind: fixed }",
            "`refit: best-epochs` repeats what early stopping found",
        ),
        (
            "schedule: { kind: linear, warmup: 1.5 }",
            "expected a whole number of steps, or a share of all steps below 1",
        ),
        ("schedule: { warmup: 5 }", "needs `kind`"),
        ("schedule: { kind: step }", "needs `every`"),
        ("schedule: { kind: constant, warmup: 5 }", "unknown key `warmup`"),
        ("class_weights: [1, 0]", "expected a number between 1e-6 and 1000000"),
        ("class_weights: balance", "did you mean `balanced`?"),
        ("clip_norm: 0", "expected a number between 1e-6 and 1000000"),
        ("select_on_test: true", "unknown key `select_on_test`"),
    ] {
        let (_, found) = planned(&format!("{{ network: {{ kind: cnn }}, training: {{ {training} }} }}"));
        assert!(found.contains(complaint), "{training}: {found}");
    }
    // Only the compiler of an experiment may say so, never a pipeline.
    let (_, found) = planned("{ network: { kind: cnn }, training: {}, select_on_test: true }");
    assert!(found.contains("unknown key `select_on_test`"), "{found}");
}

/// Nobody watches or interrupts.
struct Unwatched;

impl Context for Unwatched {
    fn progress(&mut self, _: u64, _: u64, _: &str) {}

    fn cancelled(&self) -> bool {
        false
    }
}

/// A store with features of twelve utterances of two classes, each with a noisy copy.
struct Bench {
    folder: tempfile::TempDir,
    store: Store,
    features: Item,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let path = folder.path().join("features");
        let mut writer = FeatureWriter::create(&path, &[4, 4]).unwrap();
        for utterance in 0..12 {
            for copy in 0..2 {
                let value =
                    |i: i32| (utterance % 2 * 3) as f32 + ((utterance * 7 + i * 5 + copy) % 11) as f32 * 0.1;
                writer.push(&name(utterance), copy, &(0..16).map(value).collect::<Vec<_>>()).unwrap();
            }
        }
        writer.finish().unwrap();
        let features = adopt(&store, &path);
        Self { folder, store, features }
    }

    /// Four utterances, from this one on.
    fn rows(&self, role: Role, fold: u32, first: i32) -> Item {
        let row = |utterance| Row {
            utterance: name(utterance),
            target: Some(Target::Class(["a", "b"][utterance as usize % 2].into())),
            corpus: "C".into(),
            speaker: format!("C/{role:?}"),
            session: None,
            sex: None,
        };
        let task = Task::Classes(vec!["a".into(), "b".into()]);
        let rows = Rows { role, fold, task, rows: (first..first + 4).map(row).collect() };
        let path = self.folder.path().join("rows");
        rows::write(&path, &rows).unwrap();
        adopt(&self.store, &path)
    }

    /// A network trained in fold 1: its card and history.
    fn train(
        &self,
        training: &str,
        select_on_test: bool,
        inputs: Vec<(&str, Item)>,
    ) -> Result<(Card, Vec<affekt_domain::Epoch>), Failure> {
        let network = "{ kind: cnn, channels: [2], pools: [2], norm_axis: channel }";
        let (mut params, complaints) = planned(&format!(
            "{{ network: {network}, training: {{ batch_size: 4, max_epochs: 3, {training} }} }}"
        ));
        assert_eq!(complaints, "");
        if select_on_test {
            params["select_on_test"] = true.into();
        }
        let port = |name: &str, item| Port { name: name.into(), items: vec![item] };
        let mut ports =
            vec![port("features", self.features.clone()), port("train", self.rows(Role::Train, 1, 0))];
        ports.extend(inputs.into_iter().map(|(name, item)| port(name, item)));
        let path = |name: &str| (name.to_owned(), self.folder.path().join(name));
        let job = Job {
            node: NodeId::from("train"),
            op: "train".into(),
            version: train::DEFINITION.version,
            params,
            inputs: ports,
            outputs: BTreeMap::from([path("model"), path("history")]),
            seed: Some(1),
            numerics: BTreeMap::from([("threads".to_owned(), "1".to_owned())]),
            state: None,
        };
        WorkerOps.run(&job, &mut Unwatched)?;
        let open = |name: &str| {
            let item = adopt(&self.store, &job.outputs[name]);
            Object::open(&item.path, item.digest)
        };
        let history = table::read(&open("history")?, affekt_table::history::read)?;
        Ok((model::read(&open("model")?)?.0, history))
    }
}

fn name(utterance: i32) -> String {
    format!("C/{utterance:02}")
}

fn adopt(store: &Store, path: &Path) -> Item {
    let digest = store.adopt("artefact", path).unwrap().digest;
    Item { digest, path: store.object_path(digest) }
}

fn message<T>(result: Result<T, Failure>) -> String {
    result.err().expect("it must fail").to_string()
}

#[test]
fn test_rows_choose_nothing_unless_the_experiment_says_so() {
    let bench = Bench::new();
    let with = |role, first| vec![("dev", bench.rows(role, 1, first))];
    let refused = message(bench.train("", false, with(Role::Test, 8)));
    assert!(refused.contains("rows/dev") && refused.contains("rows/test"), "{refused}");
    let (card, allowed) = bench.train("", true, with(Role::Test, 8)).unwrap();
    assert_eq!((card.training_rows, allowed.len()), (8, 3));
    // What chose is what was given, whatever its role.
    let (_, same) = bench.train("", false, with(Role::Dev, 8)).unwrap();
    assert_eq!(allowed, same);
    let refused = message(bench.train("", true, with(Role::Train, 8)));
    assert!(refused.contains("rows/train"), "{refused}");
    let refused = message(bench.train("refit: best-epochs-with-dev", true, with(Role::Test, 8)));
    assert!(refused.contains("would train on the test rows that chose the epoch"), "{refused}");
}

#[test]
fn training_anew_with_dev_takes_the_copies_too() {
    let bench = Bench::new();
    let dev = || vec![("dev", bench.rows(Role::Dev, 1, 4))];
    let (card, history) = bench.train("refit: best-epochs-with-dev", false, dev()).unwrap();
    assert_eq!((card.stage, card.training_rows), (Stage::Refit, 16));
    assert_eq!(card.epochs as usize, history.len());
    assert_eq!(history.iter().filter(|epoch| epoch.stage == Stage::Refit).count() as u32, card.kept_epoch);
    let (card, _) = bench.train("refit: best-epochs", false, dev()).unwrap();
    assert_eq!((card.stage, card.training_rows), (Stage::Refit, 8));
    let (card, _) = bench.train("", false, dev()).unwrap();
    assert_eq!((card.stage, card.training_rows), (Stage::Search, 8));
}

#[test]
fn a_standardiser_belongs_to_a_fold() {
    let bench = Bench::new();
    let standardiser = |fold| {
        let path = bench.folder.path().join("standardiser");
        let fitted = Fitted { version: standardise::VERSION, fold, standardiser: Standardiser::Utterance };
        std::fs::write(&path, serde_json::to_vec(&fitted).unwrap()).unwrap();
        adopt(&bench.store, &path)
    };
    let train = |fold| {
        let inputs = vec![("dev", bench.rows(Role::Dev, 1, 4)), ("standardise", standardiser(fold))];
        bench.train("", false, inputs)
    };
    assert_eq!(train(1).unwrap().0.standardise, Some(Standardiser::Utterance));
    assert_eq!(message(train(2)), "a standardiser of fold 2 must not be used to train in fold 1");
}

#[test]
fn they_agree_on_networks() {
    let network = |text: &str| read(&format!("network: {text}\ntraining: {{}}\n")).network;
    assert_eq!(network("{ kind: two-cnns }"), NetworkConfig::TwoCnns(CnnConfig::default()));
    let published = NetworkConfig::ParallelCnn(ParallelCnnConfig::default());
    assert_eq!(network("{ kind: parallel-cnn }"), published);
    // A section that is left out and an empty one are the same node.
    let node = |network: &str| planned(&format!("{{ network: {network}, training: {{}} }}"));
    assert_eq!(node("{ kind: parallel-cnn }"), node("{ kind: parallel-cnn, transformer: {} }"));

    let shared = "channels: [8], pools: [2], dropout: 0.1, norm_axis: channel";
    let cnn = CnnConfig { channels: vec![8], pools: vec![2], dropout: 0.1, norm_axis: NormAxis::Channel };
    assert_eq!(network(&format!("{{ kind: cnn, {shared} }}")), NetworkConfig::Cnn(cnn.clone()));
    let text = "layers: 2, heads: 8, feed_forward: 64, dropout: 0.2, positions: sinusoidal";
    let positions = Positions::Sinusoidal;
    let transformer = TransformerConfig { layers: 2, heads: 8, feed_forward: 64, dropout: 0.2, positions };
    assert_eq!(
        network(&format!("{{ kind: parallel-cnn, {shared}, transformer: {{ {text} }} }}")),
        NetworkConfig::ParallelCnn(ParallelCnnConfig { cnn, transformer })
    );
    let (_, complaints) = planned("{ network: { kind: two-cnns, transformer: {} }, training: {} }");
    assert!(complaints.contains("unknown key `transformer`"), "{complaints}");
}
