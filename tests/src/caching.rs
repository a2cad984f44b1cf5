//! What runs again after a change, and what does not.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::binaries::workspace;
use crate::lab::{Lab, Run};
use crate::{corpora, own_corpus};

/// Everything below the examples but the shards.
const BELOW: [&str; 15] = [
    "examples",
    "folds",
    "metrics",
    "predict[fold=1,seed=1]",
    "predict[fold=2,seed=1]",
    "predict[fold=3,seed=1]",
    "split[fold=1]",
    "split[fold=2]",
    "split[fold=3]",
    "standardise[fold=1]",
    "standardise[fold=2]",
    "standardise[fold=3]",
    "train[fold=1,seed=1]",
    "train[fold=2,seed=1]",
    "train[fold=3,seed=1]",
];

#[test]
fn a_setting_dirties_its_node_and_those_below() {
    let lab = Lab::finished();
    let run = lab.run("tiny", &["--set", "with.predict.batch_size=7"]).expect(0);
    let predictions = ["predict[fold=1,seed=1]", "predict[fold=2,seed=1]", "predict[fold=3,seed=1]"];
    let ran = run.ran();
    let (predicted, rest) = ran.split_at(ran.iter().position(|id| id.starts_with("predict")).unwrap());
    // The batch size changes no prediction beyond rounding: where it changes none at all, nothing below runs.
    assert_eq!(rest, predictions);
    assert!(predicted.is_empty() || predicted == ["metrics"], "{predicted:?}");

    let run = lab.run("tiny", &["--set", "with.mfcc.n_mfcc=16"]).expect(0);
    let mut expected = vec!["metrics", "mfcc[shard=0]"];
    expected.extend(predictions);
    expected.extend(["standardise[fold=1]", "standardise[fold=2]", "standardise[fold=3]"]);
    expected.extend(["train[fold=1,seed=1]", "train[fold=2,seed=1]", "train[fold=3,seed=1]"]);
    assert_eq!(run.ran(), expected);

    let run = lab.run("tiny", &["--set", "protocol.seeds=[1, 2]"]).expect(0);
    let is_new = |id: &String| id == "metrics" || id.contains("seed=2");
    assert!(run.ran().iter().all(is_new) && run.ran().len() == 7, "{:?}", run.ran());

    assert_eq!(lab.run("tiny", &[]).expect(0).ran(), [""; 0], "what was there before is still there");
}

#[test]
fn comments_order_and_defaults_written_out_dirty_nothing() {
    let lab = Lab::finished();
    let text = fs::read_to_string(lab.path("tiny.yaml")).unwrap();
    let (head, with) = text.split_once("with:\n").unwrap();
    let mut lines: Vec<&str> = with.lines().collect();
    lines.reverse();
    let with = format!("with:\n  batch_size: 32   # the pipeline's own\n{}\n", lines.join("\n"));
    lab.write("tiny.yaml", &format!("# Another question.\n{head}{with}"));
    assert_eq!(lab.run("tiny", &[]).expect(0).ran(), [""; 0]);
}

#[test]
fn touching_moving_and_packing_recordings_runs_nothing() {
    let lab = own_corpus::lab(4);
    let golden = |name: &str| workspace().join("tests/goldens/audio").join(name);
    let recording = |extension: &str| lab.path(&format!("data/Kitchen/eve/cross-0001.{extension}"));
    fs::copy(golden("pcm_16.wav"), recording("wav")).unwrap();
    let first = lab.run("kitchen", &[]).expect(0);
    assert!(!first.text("report.md").contains("eve/cross"), "the corpus is without problems");

    for (number, file) in files(&lab.path("data")).iter().enumerate() {
        let when = SystemTime::now() - Duration::from_secs(1_000 + number as u64);
        fs::File::options().append(true).open(file).unwrap().set_modified(when).unwrap();
    }
    nothing_runs(&lab.run("kitchen", &[]), &first);

    fs::rename(lab.path("data"), lab.path("elsewhere")).unwrap();
    nothing_runs(&lab.run("kitchen", &["--data", "elsewhere"]), &first);

    let recording = |extension: &str| lab.path(&format!("elsewhere/Kitchen/eve/cross-0001.{extension}"));
    fs::remove_file(recording("wav")).unwrap();
    fs::copy(golden("pcm_16.flac"), recording("flac")).unwrap();
    nothing_runs(&lab.run("kitchen", &["--data", "elsewhere"]), &first);
    nothing_runs(&lab.run("kitchen", &["--data", "elsewhere", "--paranoid"]), &first);
}

#[track_caller]
fn nothing_runs(run: &Run, first: &Run) {
    assert_eq!(run.ended.code, Some(0), "{:#?}", run.ended);
    assert_eq!(run.ran(), [""; 0]);
    assert_eq!(run.bytes("predictions.arrow"), first.bytes("predictions.arrow"));
}

#[test]
fn one_recording_more_or_less_runs_one_shard() {
    let lab = own_corpus::lab(200);
    let first = lab.run("kitchen", &[]).expect(0);
    let shards = first.ran().iter().filter(|id| id.starts_with("audio")).count();
    assert!(shards >= 3, "the corpus is too small to say anything: {shards} shards");

    corpora::say(&lab.path("data"), "bob", "cross", 101);
    let more = lab.run("kitchen", &[]).expect(0);
    one_shard_ran(&more);
    assert_eq!(more.journal.nodes("cached").iter().filter(|id| id.starts_with("audio")).count(), shards - 1);

    fs::remove_file(lab.path("data/Kitchen/bob/cross-0101.wav")).unwrap();
    let less = lab.run("kitchen", &[]).expect(0);
    assert_eq!(less.ran(), [""; 0], "the corpus is what it was at first");
    assert_eq!(less.bytes("predictions.arrow"), first.bytes("predictions.arrow"));

    fs::remove_file(lab.path("data/Kitchen/eve/hungry-0010.wav")).unwrap();
    one_shard_ran(&lab.run("kitchen", &[]).expect(0));

    // Other audio under the same name, of the same size, in the same file, with its time restored.
    corpora::say(&lab.path("aside"), "ann", "cross", 7);
    let recording = lab.path("data/Kitchen/ann/cross-0008.wav");
    let before = fs::metadata(&recording).unwrap();
    fs::copy(lab.path("aside/Kitchen/ann/cross-0007.wav"), &recording).unwrap();
    let file = fs::File::options().append(true).open(&recording).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
    let after = fs::metadata(&recording).unwrap();
    let looks = |of: &fs::Metadata| (of.ino(), of.len(), of.modified().unwrap());
    assert_eq!(looks(&before), looks(&after), "only the file system knows");
    one_shard_ran(&lab.run("kitchen", &[]).expect(0));
}

#[track_caller]
fn one_shard_ran(run: &Run) {
    let ran = run.ran();
    let (shards, rest): (Vec<&String>, Vec<&String>) = ran.iter().partition(|id| id.contains("shard="));
    let numbers: Vec<&str> = shards.iter().map(|id| id.split_once('[').unwrap().1).collect();
    assert_eq!(numbers.len(), 2, "{shards:?}");
    assert_eq!(numbers[0], numbers[1], "{shards:?}");
    let mut expected = BELOW.to_vec();
    expected.push("ingest[corpus=Kitchen]");
    expected.sort_unstable();
    assert_eq!(rest, expected);
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}
