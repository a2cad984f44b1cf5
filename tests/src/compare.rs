//! `compare`: runs of one experiment and of others, ranked where they may be, with reasons where not.

use std::fs;

use serde_json::Value;

use crate::lab::{Lab, Run};

fn name(run: &Run) -> String {
    format!("tiny/{}:default", run.folder.file_name().unwrap().to_str().unwrap())
}

#[test]
fn runs_are_ranked_or_told_apart() {
    let lab = Lab::finished();
    let slow = lab.run("tiny", &["--set", "with.lr=1e-5"]).expect(0);
    let seeds = lab.run("tiny", &["--set", "protocol.seeds=[1, 2]"]).expect(0);
    let recordings = fs::read_dir(lab.path("data/RAVDESS/Actor_01")).unwrap().flatten();
    let lost = recordings.map(|recording| recording.path()).max().unwrap();
    fs::remove_file(lost).unwrap();
    let fewer = lab.run("tiny", &[]).expect(0);

    let folders: Vec<&str> = [&slow, &seeds, &fewer].iter().map(|run| run.folder.to_str().unwrap()).collect();
    let baseline = name(&slow);
    let words = [&["compare"], &folders[..], &["--json", "--baseline", &baseline]].concat();
    let json = lab.xtask(&words).expect(0).json();
    assert_eq!(json["version"], 1);
    let names = |group: &Value| -> Vec<String> {
        let ranks = group["variants"].as_array().unwrap().iter();
        ranks.map(|rank| rank["name"].as_str().unwrap().to_owned()).collect()
    };
    let [ranked, apart] = &json["groups"].as_array().unwrap()[..] else { panic!("{json:#}") };
    let mut together = names(ranked);
    together.sort();
    let mut expected = vec![name(&slow), name(&seeds)];
    expected.sort();
    assert_eq!((together, names(apart)), (expected, vec![name(&fewer)]));
    assert_eq!((&ranked["rows"], &apart["rows"]), (&45.into(), &44.into()));
    assert_eq!(ranked["settings"], serde_json::json!({ "dev": "next-fold", "folds": 3, "group": "speaker" }));
    assert_eq!(ranked["comparison"]["baseline"], baseline);
    assert_eq!(ranked["comparison"]["pairs"][0]["a"], name(&seeds));
    let reasons: Vec<&str> = json["apart"][0]["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| reason.as_str().unwrap())
        .collect();
    assert!(reasons.contains(&"test rows differ: 45 against 44; 1 in 1 only, 0 in 2 only"), "{reasons:?}");
    assert!(reasons[0].starts_with("incomplete corpora: "), "{reasons:?}");

    // An experiment's folder is its latest run; the same run counts once.
    let text = lab.xtask(&["compare", "runs/tiny", "runs/tiny/latest", folders[0]]).expect(0).stdout;
    for part in ["1. UAR in percent, 8 classes", "2. UAR", "1 and 2  incomplete corpora", &name(&fewer)] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    assert_eq!(text.matches(&name(&fewer)).count(), 1, "{text}");
}

#[test]
fn what_is_no_run_is_said_to_be_none() {
    let lab = Lab::finished();
    let run = lab.path("runs/tiny/latest").canonicalize().unwrap();
    lab.write("empty/notes.txt", "");
    fs::create_dir_all(lab.path("broken")).unwrap();
    fs::copy(run.join("journal.jsonl"), lab.path("broken/journal.jsonl")).unwrap();
    fs::copy(run.join("resolved.yaml"), lab.path("broken/resolved.yaml")).unwrap();
    let told = lab.xtask(&["compare", "runs/tiny", "runs/tyni", "broken", "empty"]).expect(2).stderr;
    for part in [
        "there is no folder `runs/tyni`",
        "`broken` is no finished run: it has no metrics.json, no predictions.arrow\n",
        "hint: the run did not finish: `cargo xtask run` of its experiment goes on where it stopped",
        "`empty` is no finished run",
    ] {
        assert!(told.contains(part), "no `{part}` in\n{told}");
    }
    let told = lab.xtask(&["compare", "runs/tiny", "--baseline", "other"]).expect(2).stderr;
    assert!(told.contains("the baseline `other` names no variant of these runs"), "{told}");
}
