//! Every shipped experiment, as it is shipped and with every profile, can be planned: no setting is refused, nothing that it
//! names is unknown, and every variant has nodes. Corpora and checkpoints are stand-ins.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use affekt_config::{Diagnostics, parse, to_json};
use affekt_corpus::{SyntheticBursts, SyntheticConfig, SyntheticDialogues};
use affekt_encoders::{CheckpointOrigin, EncoderCard};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Recordings of corpora that have no synthetic stand-in: enough speakers for every protocol that is shipped.
const NAMES: [(&str, &str, &[&str]); 4] = [
    ("TESS", "OAF_Fear/@_back_fear.wav", &["OAF", "YAF"]),
    ("SAVEE", "@_a01.wav", &["DC", "JE", "JK", "KL"]),
    ("CREMA-D", "AudioWAV/@_DFA_ANG_XX.wav", &["1001", "1002", "1003", "1004", "1005", "1006", "1007"]),
    ("URDU", "Angry/@_F1_A01.wav", &["SM1", "SM2", "SM3", "SF4", "SF5", "SF6", "SF7"]),
];

#[test]
fn every_shipped_experiment_can_be_planned_with_every_profile() {
    let stand_ins = StandIns::new();
    let (mut planned, mut wrong) = (0, Vec::new());
    for (name, text) in shipped("experiments") {
        let experiment = yaml(&text);
        let pipeline = experiment["use"].as_str().map(|path| yaml(&read(path)));
        let mut profiles: BTreeSet<String> = names(&experiment["profiles"]);
        profiles.extend(pipeline.iter().flat_map(|pipeline| names(&pipeline["profiles"])));
        let variants = names(&experiment["variants"]);
        // A final model is trained without a score.
        let is_judged = experiment["protocol"]["kind"] != "none";
        let as_shipped = std::iter::once(None);
        for profile in as_shipped.chain(profiles.iter().map(|profile| Some(profile.as_str()))) {
            planned += 1;
            let plan = match stand_ins.plan(&name, profile) {
                Ok(plan) => plan,
                Err(told) => {
                    wrong.push(format!("{name}, profile {profile:?}: {told}"));
                    continue;
                }
            };
            let nodes = plan["nodes"].as_array().unwrap();
            let made = |variant: &str| nodes.iter().any(|node| of_variant(&node["id"], variant));
            let absent: Vec<&String> = variants.iter().filter(|variant| !made(variant)).collect();
            let judged = nodes.iter().any(|node| node["op"] == "evaluate");
            if !absent.is_empty() || judged != is_judged {
                wrong.push(format!(
                    "{name}, profile {profile:?}: there is no evaluation, or no node of {absent:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(planned >= 28, "only {planned} were planned");
}

/// Whether a node's name says that it is of a variant, alone or among others.
fn of_variant(id: &Value, variant: &str) -> bool {
    let id = id.as_str().unwrap();
    let axis = id.split(['[', ',']).find_map(|axis| axis.strip_prefix("variant="));
    axis.is_some_and(|shared| shared.trim_end_matches(']').split('+').any(|name| name == variant))
}

/// A folder with a stand-in for every corpus and every checkpoint that has a card.
struct StandIns {
    folder: TempDir,
}

impl StandIns {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let voices = SyntheticConfig { actors: 6, statements: 1, repetitions: 1, seed: 1, rate_hz: 8_000 };
        affekt_corpus::generate(&data, &voices).unwrap();
        affekt_corpus::generate_dialogues(&data, &SyntheticDialogues::few(1, 1, 8_000)).unwrap();
        let bursts = SyntheticBursts { parts: [4, 4, 4], seed: 1, rate_hz: 8_000, test_labels: false };
        affekt_corpus::generate_bursts(&data, &bursts).unwrap();
        for (corpus, path, speakers) in NAMES {
            for (at, speaker) in (1..).zip(speakers) {
                let path = data.join(corpus).join(path.replace('@', speaker));
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                let samples: Vec<f32> = (0..800).map(|n| (n * at % 100) as f32 / 200.0).collect();
                affekt_audio::write_wav_i16(&path, &samples, 8_000).unwrap();
            }
        }
        // openSMILE's functionals, which are read when they are needed.
        for set in ["eGeMAPS", "ComParE"] {
            let folder = data.join("HUME-VB/features").join(set);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("all.csv"), "name,one\n10000,1\n").unwrap();
        }
        let stand_ins = Self { folder };
        stand_ins.add_model();
        for (name, text) in shipped("datasets/encoders") {
            stand_ins.add_checkpoint(&name, &text);
        }
        stand_ins
    }

    /// Adds a model where `final.yaml` leaves its own.
    fn add_model(&self) {
        let folder = self.folder.path().join("runs/final/latest/model");
        fs::create_dir_all(&folder).unwrap();
        let steps = json!([
            { "op": "audio", "version": 1, "params": { "rate_hz": 16_000, "seconds": 3.0, "fill": "zeros" } },
            { "op": "mfcc", "version": 1, "params": { "n_fft": 2048, "hop_length": 512, "n_mels": 128, "n_mfcc": 128 } },
        ]);
        let card = json!({ "task": { "classes": ["angry", "happy"] } });
        let model = json!({
            "version": 1, "experiment": "final", "node": "train", "steps": steps, "card": card, "weights": [],
        });
        fs::write(folder.join("affekt.json"), model.to_string()).unwrap();
    }

    /// Adds files where the checkpoint of a card would lie. Planning reads what kind of network it is and no weights.
    fn add_checkpoint(&self, name: &str, card: &str) {
        let diagnostics = Diagnostics::new();
        let card = EncoderCard::parse(name, card, &diagnostics).unwrap_or_else(|| panic!("{diagnostics}"));
        match card.origin {
            CheckpointOrigin::Hub { repository, revision } => {
                let folder = format!("models--{}", repository.to_string().replace('/', "--"));
                let folder = self.folder.path().join("hub").join(folder).join("snapshots").join(revision);
                fs::create_dir_all(&folder).unwrap();
                fs::write(folder.join("config.json"), json!({ "model_type": "wav2vec2" }).to_string())
                    .unwrap();
                fs::write(folder.join("model.safetensors"), name).unwrap();
            }
            CheckpointOrigin::File { url } => {
                let folder = self.folder.path().join("torch/hub/checkpoints");
                fs::create_dir_all(&folder).unwrap();
                fs::write(folder.join(url.rsplit('/').next().unwrap()), name).unwrap();
            }
        }
    }

    /// The plan of an experiment that is carried by the program, or why there is none.
    fn plan(&self, name: &str, profile: Option<&str>) -> Result<Value, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_affekt"));
        command
            .args(["plan", &format!("experiments/{name}"), "--device", "cpu", "--json"])
            .args(profile.map(|profile| format!("--set=profile={profile}")))
            .current_dir(&self.folder)
            .env_remove("AFFEKT_CACHE")
            .env("AFFEKT_DATA", "data")
            .env("HF_HUB_CACHE", "hub")
            .env("TORCH_HOME", "torch");
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            return serde_json::from_slice(&output.stdout).map_err(|error| error.to_string());
        }
        Err(told + &String::from_utf8_lossy(&output.stdout))
    }
}

/// The YAML files of a folder of the repository, by their names.
fn shipped(folder: &str) -> BTreeMap<String, String> {
    let paths = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn yaml(text: &str) -> Value {
    let diagnostics = Diagnostics::new();
    to_json(&parse("x.yaml", text, &diagnostics).unwrap())
}

/// The keys of a mapping; none if it is not there.
fn names(mapping: &Value) -> BTreeSet<String> {
    mapping.as_object().into_iter().flat_map(|mapping| mapping.keys().cloned()).collect()
}
