//! From a folder of recordings to tables of utterances, problems and examples.

use affekt_domain::{ClassRules, LabelScheme, Labels, Role, Task};
use affekt_graph::Failure;
use affekt_table::{examples, manifest, problems};
use serde_json::json;

use crate::bench::Bench;

const RULES: &str = "
path: '(?P<part>[a-z]+)/(?P<who>\\d)(?P<mood>[a-z]+)'
speaker: '{who}'
label: '{mood}'
labels: { sad: sad, cross: angry }
part: '{part}'
";

#[test]
fn recordings_problems_and_official_parts_go_into_tables() {
    let bench = Bench::of_corpus(
        RULES,
        &[("test/1sad.wav", None), ("train/2cross.wav", None), ("train/3sad.wav", Some("no sound"))],
    );
    let outputs = bench.run("ingest", json!({ "corpus": "show" }), &[]).unwrap();
    let utterances = manifest::read(&bench.open(&outputs["manifest"])).unwrap();
    let parts: Vec<_> = utterances.iter().map(|one| (one.id.as_str(), one.samples, one.part)).collect();
    assert_eq!(
        parts,
        [("show/test/1sad", 50, Some(Role::Test)), ("show/train/2cross", 50, Some(Role::Train))]
    );
    let problems = problems::read(&bench.open(&outputs["problems"])).unwrap();
    let [problem] = &problems[..] else { panic!("{problems:#?}") };
    assert_eq!((problem.path.as_str(), problem.dropped), ("train/3sad.wav", true));

    let scheme = LabelScheme {
        name: "native".into(),
        styles: None,
        labels: Labels::Classes(ClassRules::default()),
        note: None,
    };
    let params = json!({ "schemes": { "show": scheme } });
    let labelled = bench.run("examples", params, &[("manifests", &[&outputs["manifest"]])]).unwrap();
    let examples = examples::read(&bench.open(&labelled["examples"])).unwrap();
    assert_eq!(examples.task, Task::Classes(vec!["angry".into(), "sad".into()]));
    assert_eq!(
        examples.examples.into_iter().map(|example| example.utterance).collect::<Vec<_>>(),
        utterances
    );
}

#[test]
fn a_corpus_of_which_nothing_is_left_fails() {
    let pointer = Some("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n");
    let bench = Bench::of_corpus(RULES, &[("test/1sad.wav", pointer), ("train/2sad.wav", pointer)]);
    let failure = bench.run("ingest", json!({ "corpus": "show" }), &[]).unwrap_err();
    let Failure::Failed { message } = failure else { panic!("{failure:?}") };
    assert_eq!(
        message,
        "no recording of show can be used, 2 are left out; `test/1sad.wav`, for one: a stand-in of Git LFS for the \
         audio; run `git lfs pull` where it was cloned: left out"
    );
    assert!(!bench.path("manifest").exists());
}
