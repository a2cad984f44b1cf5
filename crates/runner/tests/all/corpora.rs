//! From a folder of recordings to tables of utterances, problems and examples.

use affekt_domain::{ClassRules, Fold, LabelScheme, Labels, Role, Task};
use affekt_graph::{Failure, Ops};
use affekt_table::folds::Folds;
use affekt_table::waveforms::Waveforms;
use affekt_table::{examples, manifest, problems, ratings, rows};
use serde_json::json;

use crate::bench::{Bench, Inputs, Unwatched, params, source};

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
    assert_eq!(ratings::read(&bench.open(&outputs["ratings"])).unwrap(), [], "nobody is said to have judged");

    let scheme = LabelScheme {
        name: "native".into(),
        styles: None,
        column: None,
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

const RATED: &str = "
path: '(?P<style>[a-z]+)/(?P<who>\\d)(?P<mood>[a-z]+)'
speaker: '{who}'
style: '{style}'
labels: { sad: sad }
tables:
  recording: '{who}{mood}'
  id: name
  files:
    said.txt:
      lines: '^(?P<name>\\w+) is (?P<label>\\w+)'
      label: label
      ratings: ['^(?P<rater>\\w+): (?P<labels>.*)']
";

/// The card's lines of single people end in a table; styles of speech in the rows of every role.
#[test]
fn ratings_and_styles_go_into_tables() {
    let said =
        |of_bob: &str| format!("1sad is sad\nann: sad\nbob: {of_bob}\n2sad is sad\n9sad is sad\nann: sad\n");
    let bench = |said: &str| {
        Bench::of_corpus(
            RATED,
            &[("played/1sad.wav", None), ("free/2sad.wav", None), ("said.txt", Some(said))],
        )
    };
    let (first, other) = (bench(&said("tired; sad")), bench(&said("sad")));
    let outputs = first.run("ingest", json!({ "corpus": "show" }), &[]).unwrap();
    let judged = ratings::read(&first.open(&outputs["ratings"])).unwrap();
    let judged: Vec<_> =
        judged.iter().map(|it| (it.utterance.as_str(), it.rater.as_str(), it.labels.join(" + "))).collect();
    let sad = "show/played/1sad";
    assert_eq!(judged, [(sad, "show/ann", "sad".to_owned()), (sad, "show/bob", "tired + sad".to_owned())]);

    // Who judged otherwise makes it another corpus, though not another manifest.
    let fingerprint = |bench: &Bench| {
        let node = source(&bench.job("ingest", json!({ "corpus": "show" }), &[]));
        bench.ops().fingerprint(&node, true, &mut Unwatched::default()).unwrap().unwrap()
    };
    assert_ne!(fingerprint(&first), fingerprint(&other));
    let others = other.run("ingest", json!({ "corpus": "show" }), &[]).unwrap();
    assert_eq!(others["manifest"].digest, outputs["manifest"].digest);

    let scheme =
        json!({ "name": "native", "labels": { "classes": { "rename": {}, "corpora": {} } }, "note": null });
    let params = json!({ "schemes": { "show": scheme } });
    let labelled = first.run("examples", params, &[("manifests", &[&outputs["manifest"]])]).unwrap();
    let path = first.path("two.arrow");
    let roles = [("show/played/1sad", Role::Train), ("show/free/2sad", Role::Test)];
    let fold = Fold::new(1, roles.map(|(utterance, role)| (utterance.to_owned(), role))).unwrap();
    let parted = Folds { protocol: "{}".into(), stamps: Vec::new(), folds: vec![fold] };
    affekt_table::folds::write(&path, &parted).unwrap();
    let parted = first.adopt(&path);
    let inputs: &Inputs = &[("examples", &[&labelled["examples"]]), ("folds", &[&parted])];
    let split = first.run("split", json!({ "fold": 1 }), inputs).unwrap();
    for (role, style) in [(Role::Train, "played"), (Role::Test, "free")] {
        let table = rows::read(&first.open(&split[role.name()]), role).unwrap();
        assert_eq!(table.rows.iter().map(|row| row.style.as_deref()).collect::<Vec<_>>(), [Some(style)]);
    }
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

const CUT: &str = "
path: '(?P<file>\\w+)'
speaker: { unknown: nobody knows }
labels: { sad: sad }
tables:
  recording: '{file}'
  id: cut
  segments: { path: cuts.csv, recording: file, id: cut, start: from, end: to }
  files: { cuts.csv: { label: mood, metadata: [place] } }
";

/// Utterances that are parts of one recording are heard as such, and a recording that changes is noticed.
#[test]
fn segments_of_a_recording_become_waveforms_of_their_own() {
    // 50 samples at 16 kHz.
    let cuts = "file,cut,from,to,mood,place\na,one,0,0.0005,sad,kitchen\na,two,0.001,0.0015,sad,\nb,three,0,1,sad,\n";
    let bench = Bench::of_corpus(CUT, &[("a.wav", None), ("b.wav", None), ("cuts.csv", Some(cuts))]);
    let file = bench.path("show/a.wav");
    let samples: Vec<f32> = (0..50).map(|n| n as f32 / 64.0).collect();
    affekt_audio::write_wav_i16(&file, &samples, 16_000).unwrap();

    let ops = bench.ops();
    let job = bench.job("ingest", json!({ "corpus": "show" }), &[]);
    ops.run(&job, &mut Unwatched::default()).unwrap();
    let utterances = manifest::read(&bench.open(&bench.adopt(&job.outputs["manifest"]))).unwrap();
    let told: Vec<_> = utterances.iter().map(|one| (one.id.as_str(), one.samples)).collect();
    assert_eq!(told, [("show/a/one", 8), ("show/a/two", 8), ("show/b/three", 50)]);
    assert_eq!(utterances[0].metadata, [("place".to_owned(), "kitchen".to_owned())].into());

    let recordings: Vec<_> = utterances.iter().map(|one| json!([one.id, one.audio])).collect();
    let mut audio = params("audio", "seconds: whole").unwrap();
    audio["recordings"] = json!(recordings);
    let job = bench.job("audio", audio, &[]);
    ops.run(&job, &mut Unwatched::default()).unwrap();
    let waveforms = Waveforms::open(bench.open(&bench.adopt(&job.outputs["waveforms"]))).unwrap();
    assert_eq!(waveforms.samples(0).unwrap(), &samples[..8]);
    assert_eq!(waveforms.samples(1).unwrap(), &samples[16..24]);
    assert_eq!(waveforms.samples(2).unwrap().len(), 50);

    affekt_audio::write_wav_i16(&file, &samples[..10], 16_000).unwrap();
    let Err(Failure::Failed { message }) = ops.run(&job, &mut Unwatched::default()) else {
        panic!("the file is another")
    };
    assert!(message.ends_with("a.wav changed since the corpus was read; run again"), "{message}");
}
