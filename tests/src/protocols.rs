//! Protocols whose folds depend on the examples: what is known before a corpus was read, what after, and that nothing
//! else differs from protocols that know their folds.

use std::collections::BTreeSet;
use std::fs;

use crate::journal::Journal;
use crate::lab::{Lab, Running, TINY, signal};

const KFOLD: &str = "kind: group-kfold, group: speaker, folds: 3, dev: next-fold";
const LEAVE_ONE_OUT: &str = "kind: leave-one-group-out, group: speaker, dev: next-group";

/// A lab in which nothing has run, with a corpus that it makes itself.
fn lab() -> Lab {
    let lab = Lab::empty();
    let made = "ravdess: { synthetic: { actors: 3, statements: 1, repetitions: 1, rate_hz: 8000 } }";
    lab.write("tiny.yaml", &TINY.replace("ravdess:", made).replace(KFOLD, LEAVE_ONE_OUT));
    lab
}

/// What the plan says of every node, shards left out.
fn plan(lab: &Lab) -> Vec<String> {
    let words = ["plan", "tiny.yaml", "--device", "cpu", "--json"];
    let plan = lab.xtask(&words).expect(0).json();
    let rows = plan["nodes"].as_array().unwrap().iter();
    let shown = |row: &serde_json::Value| {
        let [id, state, reason] = ["id", "state", "reason"].map(|key| row[key].as_str().unwrap());
        format!("{id} {state} {reason}").trim_end().to_owned()
    };
    rows.map(shown).filter(|row| !row.contains("shard=")).collect()
}

#[test]
fn a_plan_knows_as_much_as_the_store() {
    let lab = lab();
    let unread = plan(&lab);
    assert_eq!(
        unread[1..],
        [
            "examples may-run awaits `ingest[corpus=RAVDESS]`",
            "folds may-run awaits `examples`",
            "split[fold=*] may-run awaits `folds`",
            "audio may-run awaits `examples`",
            "mfcc may-run awaits `examples`",
            "standardise[fold=*] may-run awaits `folds`",
            "train[fold=*,seed=1] may-run awaits `folds`",
            "predict[fold=*,seed=1] may-run awaits `folds`",
            "metrics may-run awaits `predict[fold=*,seed=1]`",
        ]
    );
    let before = |words: &[&str]| lab.xtask(words).expect(2).stderr;
    for told in [
        before(&["explain", "tiny.yaml", "train[fold=2,seed=1]"]),
        before(&["path", "tiny.yaml", "train[fold=2,seed=1].history"]),
    ] {
        assert_eq!(
            told,
            "error: whether there is a node `train[fold=2,seed=1]` is not known yet: `train[fold=*,seed=1]` awaits \
             `folds`\nhint: run the experiment, or `--only folds` of it, and ask again\n"
        );
    }
    let told = before(&["explain", "tiny.yaml", "train[fold=2,seed=7]"]);
    assert!(told.contains("unknown node `train[fold=2,seed=7]`"), "{told}");

    assert_eq!(lab.run("tiny", &["--only", "folds"]).expect(0).ran().len(), 3);
    let read = plan(&lab);
    let states: Vec<&str> = read.iter().map(|row| row.split(' ').nth(1).unwrap()).collect();
    assert_eq!(states[..3], ["cached"; 3]);
    let splits: Vec<&String> = read.iter().filter(|row| row.starts_with("split")).collect();
    assert_eq!(splits.len(), 3, "{read:?}");
    assert!(splits.iter().all(|row| row.contains("] run")), "{splits:?}");
    assert!(!read.iter().any(|row| row.contains('*')), "{read:?}");
}

#[test]
fn one_fold_can_be_had_alone() {
    let lab = lab();
    let run = lab.run("tiny", &["--only", "train[fold=2,seed=1]"]).expect(0);
    let ran: Vec<String> = run.ran().into_iter().filter(|id| !id.contains("shard=")).collect();
    let expected = [
        "examples",
        "folds",
        "ingest[corpus=RAVDESS]",
        "split[fold=2]",
        "standardise[fold=2]",
        "train[fold=2,seed=1]",
    ];
    assert_eq!(ran, expected);
    let explained = lab.xtask(&["explain", "tiny.yaml", "train[fold=2,seed=1]", "--device", "cpu"]).expect(0);
    assert!(explained.stdout.starts_with("train[fold=2,seed=1]: cached\n"), "{}", explained.stdout);
    let path = ["path", "tiny.yaml", "train[fold=2,seed=1].history", "--device", "cpu"];
    assert!(fs::metadata(lab.xtask(&path).expect(0).stdout.trim()).unwrap().is_file());
    let all = lab.xtask(&["path", "tiny.yaml", "train[fold=*,seed=1]"]).expect(2).stderr;
    assert!(all.contains("`train[fold=*,seed=1]` is many nodes"), "{all}");
    assert!(all.contains("`train[fold=1,seed=1]`, `train[fold=2,seed=1]`, `train[fold=3,seed=1]`"), "{all}");
    // Now it is known that there is no fourth fold.
    let told = lab.xtask(&["run", "tiny.yaml", "--only", "train[fold=4,seed=1]"]).expect(2).stderr;
    assert!(told.contains("unknown node `train[fold=4,seed=1]`\nhint: did you mean `train[fold="), "{told}");
    assert_eq!(lab.run("tiny", &["--only", "train"]).expect(0).ran().len(), 6, "two folds are left");
}

#[test]
fn a_fold_that_turns_out_not_to_be_there_is_said_to_be_unknown() {
    let lab = lab();
    let run = lab.run("tiny", &["--only", "train[fold=4,seed=1]"]).expect(2);
    assert!(run.ended.stderr.contains("unknown node `train[fold=4,seed=1]`"), "{}", run.ended.stderr);
    assert!(!run.ran().iter().any(|id| id.starts_with("split")), "{:?}", run.ran());
}

#[test]
fn folds_that_grew_are_like_folds_that_were_known() {
    let lab = lab();
    let grown = lab.run("tiny", &[]).expect(0);
    assert_eq!(fs::read_dir(grown.folder.join("tensorboard/default")).unwrap().count(), 3);
    assert_eq!(lab.run("tiny", &[]).expect(0).ran(), [""; 0]);
    assert!(plan(&lab).iter().all(|row| row.ends_with(" cached")));

    // Before its folds have grown again, a step is expected to take as long as all of them did.
    let words = ["plan", "tiny.yaml", "--device", "cpu", "--json", "--cache", "another"];
    let elsewhere = lab.xtask(&words).expect(0).json();
    let rows = elsewhere["nodes"].as_array().unwrap();
    let step = rows.iter().find(|row| row["id"] == "predict[fold=*,seed=1]").unwrap();
    let took = grown.journal.rows.iter().filter(|row| row["event"] == "node" && row["op"] == "predict");
    let took: f64 = took.map(|row| row["seconds"].as_f64().unwrap()).sum();
    assert!((step["estimate_s"].as_f64().unwrap() - took).abs() < 1e-9, "{step} and {took}");

    let known = lab.run("tiny", &["--set", &format!("protocol={{ {KFOLD}, seeds: [1] }}")]).expect(0);
    let names = |journal: &Journal| -> BTreeSet<String> {
        journal.nodes("ran").into_iter().chain(journal.nodes("cached")).collect()
    };
    assert_eq!(names(&grown.journal), names(&known.journal));

    // A setting without effect on the parts: they are cut again, come out the same, and nothing is trained.
    let again = lab.run("tiny", &["--set", "protocol.split_seed=1"]).expect(0);
    assert_eq!(again.ran(), ["folds", "metrics", "split[fold=1]", "split[fold=2]", "split[fold=3]"]);
    assert_eq!(again.bytes("predictions.arrow"), grown.bytes("predictions.arrow"));
}

#[test]
fn a_run_killed_after_its_folds_grew_goes_on() {
    let undisturbed = lab().run("tiny", &[]).expect(0).bytes("predictions.arrow");
    let lab = lab();
    let mut running = lab.start("tiny", &[]);
    let is_training =
        |_: &Running<'_>, journal: &Journal| journal.nodes("ran").iter().any(|id| id.starts_with("train"));
    running.wait_until(is_training);
    signal(running.pid(), libc::SIGKILL);
    let killed = running.end();
    assert_eq!(killed.ended.code, None, "{:#?}", killed.ended);
    let next = lab.run("tiny", &[]).expect(0);
    assert!(next.ran().iter().all(|id| !killed.ran().contains(id)), "{:?}", next.ran());
    assert_eq!(next.bytes("predictions.arrow"), undisturbed);
}

#[test]
fn a_split_that_was_written_down() {
    let lab = Lab::tiny();
    let named = "protocol: { kind: file, path: split.csv, seeds: [1] }";
    lab.write("tiny.yaml", &TINY.replace(&format!("protocol: {{ {KFOLD}, seeds: [1] }}"), named));
    let mut rows = String::from("file,fold,split\n");
    for (actor, roles) in [("01", ["test", "train"]), ("02", ["train", "dev"]), ("03", ["dev", "test"])] {
        for entry in fs::read_dir(lab.path(&format!("data/RAVDESS/Actor_{actor}"))).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            rows += &format!("Actor_{actor}/{name},2,{}\nActor_{actor}/{name},7,{}\n", roles[0], roles[1]);
        }
    }
    lab.write("split.csv", &rows);
    let planned: Vec<String> = lab.plan("tiny", &[]).into_iter().map(|(id, _)| id).collect();
    assert!(planned.contains(&"train[fold=7,seed=1]".to_owned()), "the table names its folds: {planned:?}");
    let run = lab.run("tiny", &[]).expect(0);
    assert_eq!(run.ran().iter().filter(|id| id.starts_with("train")).count(), 2, "{:?}", run.ran());

    lab.write("split.csv", &rows.replacen(",2,test", ",2,tset", 1).replacen(",7,train", ",seven,train", 1));
    let told = lab.xtask(&["plan", "tiny.yaml"]).expect(2).stderr;
    assert!(told.contains("error: unknown role `tset`\n --> split.csv:2:1\n"), "{told}");
    assert!(told.contains("error: `seven` is not a fold\n --> split.csv:3:1\n"), "{told}");
}
