//! What is made from the definitions: the pages are those in the repository, and the JSON Schemas accept and refuse what the
//! program does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use affekt_cli::reference::{FILES, FileKind, files};
use affekt_config::{Diagnostics, Folder, parse, to_json};
use affekt_corpus::{Card, find_scheme};
use affekt_encoders::{EncoderCard, Hub};
use affekt_pipeline::{Environment, compile};
use jsonschema::Validator;

/// Folder of shipped files, and their kind.
const SHIPPED: [(&str, &str); 6] = [
    ("experiments", "experiment"),
    ("pipelines", "pipeline"),
    ("datasets", "corpus-card"),
    ("datasets/labels", "label-scheme"),
    ("datasets/encoders", "encoder-card"),
    ("datasets/splits", "published-split"),
];

const QUICKSTART: &str = "experiments/quickstart.yaml";
const CNN: &str = "pipelines/cnn.yaml";

/// A shipped file, a text in it, and what stands there instead.
const MUTATIONS: [(&str, &str, &str); 40] = [
    (QUICKSTART, "name: quickstart", "nam: quickstart"),
    (QUICKSTART, "corpora:", "corpus:"),
    (QUICKSTART, "synthetic:", "synthetics:"),
    (QUICKSTART, "actors: 6", "actors: 1"),
    (QUICKSTART, "actors: 6", "actors: six"),
    (QUICKSTART, "actors: 6", "actor: 6"),
    (QUICKSTART, "labels: native", "labels: [native]"),
    (QUICKSTART, "kind: group-kfold", "kind: kfold"),
    (QUICKSTART, "kind: group-kfold, ", ""),
    (QUICKSTART, "group: speaker", "group: speakers"),
    (QUICKSTART, "folds: 3", "folds: 1"),
    (QUICKSTART, "folds: 3", "folds: 2.5"),
    (QUICKSTART, "folds: 3", "test: 0.2"),
    (QUICKSTART, "seeds: [1, 2]", "seeds: [1, -2]"),
    (QUICKSTART, "seeds: [1, 2]", "seed: 1"),
    (QUICKSTART, "use: pipelines/cnn.yaml", "uses: pipelines/cnn.yaml"),
    (QUICKSTART, "primary: uar", "primary: accuracy"),
    (QUICKSTART, "primary: uar", "primary: uar, charts: true"),
    (QUICKSTART, "labels: native", "unsafe: [share-speakers]"),
    (QUICKSTART, "labels: native", "version: 2"),
    (QUICKSTART, "labels: native", "version: one"),
    ("experiments/ptapt.yaml", "source: arXiv", "sources: arXiv"),
    ("experiments/ptapt.yaml", "uar: 0.743", "uar: 74.3"),
    ("experiments/cnn-tuning.yaml", "by: ", "by: guess-"),
    (CNN, "nodes:", "steps:"),
    (CNN, "op: mfcc", "op: mfc"),
    (CNN, "op: mfcc, ", ""),
    (CNN, "n_mfcc: 128 }", "n_mfccs: 128 }"),
    (CNN, "n_mfcc: 128 }", "n_mfcc: 0 }"),
    (CNN, "copies: 2,", "copies: two,"),
    (CNN, "snr_db: [15, 30] }", "snr_db: [15] }"),
    (CNN, "per: [fold, seed]", "per: [fold, seeds]"),
    (CNN, "monitor: $monitor", "monitor: loss"),
    (CNN, "kind: early", "kind: earliest"),
    (CNN, "standardise: standardise }", "standardize: standardise }"),
    ("datasets/ravdess.yaml", "speakers: 24", "speakers: many"),
    ("datasets/ravdess.yaml", "odd: male", "odd: men"),
    ("datasets/ravdess.yaml", "kind: archive", "kind: zip"),
    ("datasets/labels/four.yaml", "classes:", "class:"),
    ("datasets/encoders/wav2vec-large.yaml", "bytes: 325000000", "bytes: 325 MB"),
];

#[test]
fn generated_pages_are_up_to_date() {
    for (path, text) in files() {
        let written = std::fs::read_to_string(root().join("docs/reference").join(&path)).unwrap_or_default();
        assert!(
            written == text,
            "docs/reference/{path} is not what the definitions say: run `cargo xtask docs`"
        );
    }
}

#[test]
fn shipped_files_are_valid_and_name_their_schema() {
    for (folder, name) in SHIPPED {
        let validator = validator(kind(name));
        let shipped = Folder::from(root().join(folder)).yaml_files();
        assert!(!shipped.is_empty());
        for file in shipped {
            let text = file.read().unwrap();
            assert_eq!(complaints(&validator, &text), [""; 0], "{folder}: {}", file.stem());
            let up = "../".repeat(1 + folder.matches('/').count());
            let line =
                format!("# yaml-language-server: $schema={up}docs/reference/schema/{name}.schema.json\n");
            assert!(text.starts_with(&line), "{folder}: {} does not begin with {line}", file.stem());
        }
    }
}

#[test]
fn what_the_program_refuses_the_schema_refuses() {
    for (path, from, to) in MUTATIONS {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        let mutated = text.replacen(from, to, 1);
        assert_ne!(text, mutated, "{path} has no `{from}`");
        let folder = path.rsplit_once('/').unwrap().0;
        let name = SHIPPED.iter().find(|(shipped, _)| *shipped == folder).unwrap().1;
        assert_ne!(
            complaints(&validator(kind(name)), &mutated),
            [""; 0],
            "the schema accepts `{to}` in {path}"
        );
        assert_ne!(refusals(path, name, &mutated), "", "the program accepts `{to}` in {path}");
    }
}

#[test]
fn a_later_version_is_refused_with_what_to_install() {
    let path = "datasets/labels/four.yaml";
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    let told = refusals(path, "label-scheme", &format!("{text}version: 2\n"));
    assert!(told.contains("this file is of version 2; this program reads version 1"), "{told}");
    assert!(told.contains("hint: install a newer Affekt"), "{told}");
    assert_eq!(refusals(path, "label-scheme", &format!("{text}version: 1\n")), "");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn kind(name: &str) -> &'static FileKind {
    FILES.iter().find(|kind| kind.name == name).unwrap()
}

fn validator(kind: &FileKind) -> Validator {
    jsonschema::validator_for(&serde_json::from_str(&kind.json_schema()).unwrap()).unwrap()
}

/// Returns what the schema has to say of a file's text.
fn complaints(validator: &Validator, text: &str) -> Vec<String> {
    let diagnostics = Diagnostics::new();
    let Some(node) = parse("x.yaml", text, &diagnostics).filter(|_| !diagnostics.has_errors()) else {
        return vec![diagnostics.to_string()];
    };
    let json = to_json(&node);
    validator.iter_errors(&json).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Returns what the program says of a file with this text, in the place of the shipped one.
fn refusals(path: &str, kind: &str, text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, text).unwrap();
    let diagnostics = Diagnostics::new();
    let stem = file.file_stem().unwrap().to_str().unwrap();
    let folders = [folder.path().join("datasets").into(), root().join("datasets").into()];
    match kind {
        "experiment" => compiled(&file, &diagnostics),
        "pipeline" => {
            let experiments = folder.path().join("experiments");
            std::fs::create_dir_all(&experiments).unwrap();
            std::fs::copy(root().join(QUICKSTART), experiments.join("quickstart.yaml")).unwrap();
            compiled(&experiments.join("quickstart.yaml"), &diagnostics);
        }
        "corpus-card" => _ = Card::parse(path, text, &diagnostics),
        "label-scheme" => _ = find_scheme(&folders, stem, &diagnostics),
        "encoder-card" => _ = EncoderCard::parse(path, text, &diagnostics),
        other => panic!("{other}"),
    }
    diagnostics.to_string()
}

fn compiled(file: &Path, diagnostics: &Diagnostics) {
    let environment = Environment {
        folders: vec![file.parent().unwrap().join("..").into(), root().into()],
        settings: Vec::new(),
        device: "cpu".into(),
        libtorch: "2.11.0".into(),
        without: BTreeSet::new(),
        without_variants: BTreeSet::new(),
        hub: Hub::of(|_| None),
    };
    let _ = compile(file, &environment, diagnostics);
}
