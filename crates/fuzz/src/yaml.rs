//! What people write: experiments, pipelines and cards, compiled as a plan compiles them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use affekt_cli::out::say;
use affekt_config::{Diagnostics, Folder, decode};
use affekt_corpus::{Card, scan};
use affekt_encoders::{EncoderCard, Hub};
use affekt_pipeline::{Environment, compile};

use crate::target::{Subject, files, in_repository};

/// What YAML, and its mistakes, are made of.
const WORDS: [&str; 34] = [
    "\n  ",
    "\n- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "*a",
    "&a ",
    "<<: ",
    "!!binary ",
    "|\n",
    ">\n",
    "? ",
    "---\n",
    "...\n",
    "# ",
    "~",
    "null",
    "sweep: { product: { with.lr: [1, 2] } }",
    "variants: { a: {} }",
    "per: [fold, seed]",
    "$lr",
    "in: audio",
    "op: train",
    "seeds: [1, 2]",
    "folds: 3",
    "tune: { kind: hyperband }",
    "profiles: { tiny: {} }",
    "unsafe: []",
    "protocol: { kind: file, path: split.csv }",
    "use: ../../../etc/passwd",
    "defaults: { a: 1 }",
    "when: {}",
];

/// An experiment that stands for others where their pipelines or cards are read.
const EXPERIMENT: &str = "name: own\ncorpora: { ravdess: }\nlabels: native\n\
    protocol: { kind: group-kfold, group: speaker, folds: 3, seeds: [1] }\nuse: own-pipeline.yaml\n";

/// Experiments, with the shipped pipelines and cards.
pub fn experiment(folder: &Path) -> Subject {
    let experiments = folder.join("experiments");
    let path = experiments.join("own.yaml");
    let environment = environment(folder);
    let shipped = EXPERIMENT.replace("own-pipeline.yaml", "pipelines/cnn.yaml");
    let without_protocol: String =
        shipped.split_inclusive('\n').filter(|line| !line.starts_with("protocol")).collect();
    let mut pool = texts(&["experiments"]);
    let seeds: Vec<String> = (0..2000).map(|seed: u32| seed.to_string()).collect();
    for protocol in [
        "{ kind: group-kfold, group: speaker, folds: 1000000000, seeds: [1] }".to_owned(),
        format!("{{ kind: group-kfold, group: speaker, folds: 1000, seeds: [{}] }}", seeds.join(", ")),
    ] {
        pool.push(format!("{without_protocol}protocol: {protocol}\n").into_bytes());
    }
    let axis = |name: &str| format!("{name}: [{}]", seeds[1..300].join(", "));
    let axes = ["with.lr", "with.batch_size", "with.max_epochs", "with.patience"].map(axis).join(", ");
    pool.push(format!("{shipped}sweep: {{ product: {{ {axes} }} }}\n").into_bytes());
    let many = |name: &str, one: &dyn Fn(usize) -> String| {
        let all: Vec<String> = (0..300).map(one).collect();
        format!("{shipped}{name}: {{ {} }}\n", all.join(", ")).into_bytes()
    };
    pool.push(many("variants", &|n| format!("v{n}: {{ with.lr: {n}e-6 }}")));
    pool.push(many("variants", &|n| format!("v{n}: {{ with.unknown{n}: 1 }}")));
    pool.push(many("with", &|n| format!("unknown{n}: {n}")));
    pool.push(format!("{shipped}with: {}", "[".repeat(100_000)).into_bytes());
    pool.push(format!("{shipped}with: {}", "{a: ".repeat(20_000)).into_bytes());
    pool.push(format!("{shipped}{}: 1\n", "a".repeat(100_000)).into_bytes());
    let subject = Subject::new(pool, &WORDS, move |bytes| {
        fs::create_dir_all(&experiments).expect("the folder can be written to");
        fs::write(&path, bytes).expect("the folder can be written to");
        compiled(&path, &environment);
    });
    // Every seed and variant is several nodes.
    Subject { bytes_per_byte: 8192, ..subject }
}

/// Pipelines, used by an experiment.
pub fn pipeline(folder: &Path) -> Subject {
    let path = folder.join("own.yaml");
    let environment = environment(folder);
    fs::write(&path, EXPERIMENT).expect("the folder can be written to");
    let own = folder.join("own-pipeline.yaml");
    Subject::new(texts(&["pipelines"]), &WORDS, move |bytes| {
        fs::write(&own, bytes).expect("the folder can be written to");
        compiled(&path, &environment);
    })
}

/// Cards of corpora, of encoders and of label schemes, and a corpus read by such a card.
pub fn card(folder: &Path) -> Subject {
    let datasets = folder.join("datasets");
    let corpus = folder.join("corpus");
    for name in
        ["Actor_01/03-01-05-01-01-01-01.wav", "Angry/SM1_F10_A010.wav", "OAF_back_angry.wav", "notes.txt"]
    {
        let path = corpus.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&corpus)).expect("the folder can be written to");
        fs::write(path, "none").expect("the folder can be written to");
    }
    for kind in ["encoders", "labels"] {
        fs::create_dir_all(datasets.join(kind)).expect("the folder can be written to");
    }
    let path = folder.join("own.yaml");
    let pipeline = fs::read(in_repository("pipelines/cnn.yaml")).expect("it is part of the repository");
    fs::write(folder.join("own-pipeline.yaml"), pipeline).expect("the folder can be written to");
    let experiment = EXPERIMENT.replace("ravdess:", "own:").replace("native", "own");
    fs::write(&path, experiment).expect("the folder can be written to");
    let environment = environment(folder);
    let words = [
        "path: '(?P<a>.*)'",
        "(?P<speaker>",
        "(a{1000}){1000}",
        "(x+x+)+y",
        "\\p{L}",
        "tables: {}",
        "files: {}",
        "../*",
        "*/*/*/*/*",
        "**",
        "odd: male",
        "replace: {}",
        "expect: { files: 1 }",
        "fetch: { kind: archive }",
    ];
    let pool = texts(&["datasets"]).into_iter().map(|text| {
        let text = String::from_utf8_lossy(&text).into_owned();
        let named = text.lines().map(|line| if line.starts_with("name: ") { "name: own" } else { line });
        named.collect::<Vec<_>>().join("\n").into_bytes()
    });
    let words: Vec<&str> = WORDS.into_iter().chain(words).collect();
    Subject::new(pool.collect(), &words, move |bytes| {
        for place in ["own.yaml", "encoders/own.yaml", "labels/own.yaml"] {
            fs::write(datasets.join(place), bytes).expect("the folder can be written to");
        }
        compiled(&path, &environment);
        let Ok(text) = decode(bytes.to_vec()) else { return };
        let diagnostics = Diagnostics::new();
        let encoder = EncoderCard::parse("datasets/encoders/own.yaml", &text, &diagnostics);
        assert!(encoder.is_some() || diagnostics.has_errors(), "refused without a word");
        let diagnostics = Diagnostics::new();
        let card = Card::parse("datasets/own.yaml", &text, &diagnostics);
        assert!(card.is_some() || diagnostics.has_errors(), "refused without a word");
        if let Some(Err(error)) = card.map(|card| scan(&card, &corpus)) {
            say!("{error}");
        }
    })
}

fn compiled(path: &Path, environment: &Environment) {
    let diagnostics = Diagnostics::new();
    let compiled = compile(path, environment, &diagnostics);
    assert!(compiled.is_some() || diagnostics.has_errors(), "refused without a word");
    say!("{diagnostics}");
}

fn environment(folder: &Path) -> Environment {
    Environment {
        folders: vec![Folder::from(folder.to_owned()), in_repository("").into()],
        settings: Vec::new(),
        device: "cpu".into(),
        libtorch: "2.11.0".into(),
        without: BTreeSet::new(),
        without_variants: BTreeSet::new(),
        hub: Hub::of(|_| None),
    }
}

fn texts(folders: &[&str]) -> Vec<Vec<u8>> {
    files(folders, &[".yaml"]).into_iter().map(|(_, bytes)| bytes).collect()
}
