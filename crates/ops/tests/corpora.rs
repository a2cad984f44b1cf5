//! From a folder of recordings to tables of utterances, problems and examples.
#![cfg(feature = "host")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use affekt_audio::write_wav_i16;
use affekt_config::Diagnostics;
use affekt_corpus::Card;
use affekt_domain::{ClassRules, LabelScheme, Labels, Role, Task};
use affekt_graph::{Context, Failure, Item, Job, NodeId, Ops, Port};
use affekt_ops::{CorpusFolder, HostOps};
use affekt_table::{TableFile, examples, manifest, problems};
use serde_json::{Value, json};

const CARD: &str = "
name: show
title: t
licence: l
citation: c
origin: o
obtain: x
path: '(?P<part>[a-z]+)/(?P<who>\\d)(?P<mood>[a-z]+)'
speaker: '{who}'
label: '{mood}'
labels: { sad: sad, cross: angry }
part: '{part}'
";

struct Unwatched;

impl Context for Unwatched {
    fn progress(&mut self, _: u64, _: u64, _: &str) {}

    fn cancelled(&self) -> bool {
        false
    }
}

/// Runs an op; its outputs lie in `folder` under their names.
fn run(ops: &HostOps, folder: &Path, op: &str, params: Value, inputs: Vec<Port>) -> Result<(), Failure> {
    let definition = affekt_ops::find(op).unwrap();
    let outputs: BTreeMap<String, PathBuf> =
        definition.outputs.iter().map(|port| (port.name.to_owned(), folder.join(port.name))).collect();
    let job = Job {
        node: NodeId::from(op),
        op: op.to_owned(),
        version: definition.version,
        params,
        inputs,
        outputs,
        seed: None,
        numerics: BTreeMap::new(),
        state: None,
    };
    ops.run(&job, &mut Unwatched)
}

/// The ops over a corpus of these files, for which `None` stands for a recording.
fn ops(folder: &Path, files: &[(&str, Option<&str>)]) -> HostOps {
    let corpus = folder.join("show");
    for (nth, (path, text)) in files.iter().enumerate() {
        let path = corpus.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match text {
            Some(text) => fs::write(&path, text).unwrap(),
            None => write_wav_i16(&path, &[0.1 * (nth + 1) as f32; 50], 16_000).unwrap(),
        }
    }
    let card = Card::parse("show.yaml", CARD, &Diagnostics::new()).unwrap();
    HostOps::new(vec![CorpusFolder { card, folder: corpus }], &folder.join("store"), false)
}

#[test]
fn recordings_problems_and_official_parts_go_into_tables() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let ops = ops(
        folder,
        &[("test/1sad.wav", None), ("train/2cross.wav", None), ("train/3sad.wav", Some("no sound"))],
    );
    run(&ops, folder, "ingest", json!({ "corpus": "show" }), vec![]).unwrap();
    let read = |name: &str| TableFile::open_path(&folder.join(name)).unwrap();
    let utterances = manifest::read(&read("manifest")).unwrap();
    let parts: Vec<_> = utterances.iter().map(|one| (one.id.as_str(), one.samples, one.part)).collect();
    assert_eq!(
        parts,
        [("show/test/1sad", 50, Some(Role::Test)), ("show/train/2cross", 50, Some(Role::Train))]
    );
    let problems = problems::read(&read("problems")).unwrap();
    let [problem] = &problems[..] else { panic!("{problems:#?}") };
    assert_eq!((problem.path.as_str(), problem.dropped), ("train/3sad.wav", true));

    let scheme =
        LabelScheme { name: "native".into(), labels: Labels::Classes(ClassRules::default()), note: None };
    let path = folder.join("manifest");
    let digest = affekt_graph::hash_bytes(&fs::read(&path).unwrap());
    let manifests = vec![Port { name: "manifests".into(), items: vec![Item { digest, path }] }];
    run(&ops, folder, "examples", json!({ "schemes": { "show": scheme } }), manifests).unwrap();
    let examples = examples::read(&read("examples")).unwrap();
    assert_eq!(examples.task, Task::Classes(vec!["angry".into(), "sad".into()]));
    assert_eq!(
        examples.examples.into_iter().map(|example| example.utterance).collect::<Vec<_>>(),
        utterances
    );
}

#[test]
fn a_corpus_of_which_nothing_is_left_fails() {
    let folder = tempfile::tempdir().unwrap();
    let pointer = Some("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n");
    let ops = ops(folder.path(), &[("test/1sad.wav", pointer), ("train/2sad.wav", pointer)]);
    let failure = run(&ops, folder.path(), "ingest", json!({ "corpus": "show" }), vec![]).unwrap_err();
    let Failure::Failed { message } = failure else { panic!("{failure:?}") };
    assert_eq!(
        message,
        "no recording of show can be used, 2 are left out; `test/1sad.wav`, for one: a stand-in of Git LFS for the \
         audio; run `git lfs pull` where it was cloned: left out"
    );
    assert!(!folder.path().join("manifest").exists());
}
