//! What newcomers' corpora bring: cards that fit few files, tables with gaps, clips far longer than the others.

use std::fs;

use serde_json::{Value, json};

use crate::corpora;
use crate::lab::Lab;
use crate::own_corpus;

#[test]
fn a_card_that_reads_little_is_told_with_numbers_wherever_the_corpus_is_read() {
    let lab = own_corpus::lab(5);
    let all = lab.xtask(&["audit", "kitchen.yaml"]).expect(0).stdout;
    assert!(all.starts_with("Kitchen: its card reads 30 of 30 audio files\n"), "{all}");
    let json = lab.xtask(&["audit", "kitchen.yaml", "--json"]).expect(0).json();
    let expected = json!([{
        "corpus": "Kitchen", "audio_files": 30, "read": 30, "ignored": 0, "left_out": {}, "other_files": 0,
        "expected": null,
    }]);
    assert_eq!(json["corpora"], expected);

    let card = corpora::KITCHEN_CARD.replace("(?P<cook>[a-z]+)", "(?P<cook>ann)");
    lab.write("datasets/kitchen.yaml", &card);
    let told = "Kitchen: its card reads 10 of 30 audio files; 20 left out (20 × unparsed-name)";
    let audit = lab.xtask(&["audit", "kitchen.yaml"]).expect(1).stderr;
    assert!(audit.contains(told) && audit.contains("1 speaker cannot fill 3 folds"), "{audit}");
    let plan = lab.xtask(&["plan", "kitchen.yaml"]).expect(0).stderr;
    assert!(plan.contains(&format!("warning: {told}: look at `path`")), "{plan}");
    let run = lab.run("kitchen", &[]).expect(1).ended.stderr;
    assert!(run.contains(told), "{run}");

    lab.write("datasets/kitchen.yaml", corpora::KITCHEN_CARD);
    let one_class = lab.xtask(&["audit", "kitchen.yaml", "--set", "labels=seven"]).expect(1).stderr;
    let told = "Kitchen: 15 utterances left out by the label scheme `seven` (15 × hungry)";
    assert!(one_class.contains(told) && one_class.contains("all 15 labelled examples"), "{one_class}");

    lab.write("datasets/kitchen.yaml", &card.replace("(?P<cook>ann)", "(?P<cook>zoe)"));
    let none = lab.xtask(&["audit", "kitchen.yaml"]).expect(1).stderr;
    assert!(
        none.contains("none of its 30 audio files can be used; `ann/cross-0000.wav`, for example"),
        "{none}"
    );
}

/// The kitchen's card, with moods in a table.
fn tabled() -> Lab {
    let lab = own_corpus::lab(5);
    let card = corpora::KITCHEN_CARD.replace(
        "label: '{mood}'\n",
        "tables:\n  recording: '{cook}-{mood}-{number}'\n  id: take\n  files:\n    moods.csv: { label: mood }\n",
    );
    lab.write("datasets/kitchen.yaml", &card);
    lab
}

#[test]
fn recordings_without_a_label_are_left_out_and_named() {
    let lab = tabled();
    let mut rows = String::from("take,mood\n");
    for cook in ["ann", "bob", "eve"] {
        for mood in ["hungry", "cross"] {
            for number in (0..5).map(|number| 2 * number) {
                if (cook, mood, number) != ("ann", "hungry", 2) {
                    rows += &format!("{cook}-{mood}-{number:04},{mood}\n");
                }
            }
        }
    }
    lab.write("data/Kitchen/moods.csv", &rows);
    let run = lab.run("kitchen", &[]).expect(0);
    let told = "1 utterance of `Kitchen` (`Kitchen/ann/hungry-0002`) has no label: it trains nothing";
    let stderr = &run.ended.stderr;
    assert!(stderr.contains(&format!("warning: {told}")), "{stderr}");
    // Before anything is trained.
    assert!(stderr.find(told).unwrap() < stderr.find("train[fold=1,seed=1] ran").unwrap(), "{stderr}");
    let page = run.text("report.md");
    let remark = "1 utterance (`Kitchen/ann/hungry-0002`) has no label: it trains nothing";
    assert!(
        page.contains(remark) && page.contains("1 test utterance has no label, and its predictions"),
        "{page}"
    );
    let metrics: Value = serde_json::from_str(&run.text("metrics.json")).unwrap();
    let cells = metrics["variants"][0]["cells"].as_array().unwrap();
    let scored = |cell: &Value| -> u64 {
        let classes = cell["per_class"].as_object().unwrap().values();
        classes.map(|class| class["support"].as_u64().unwrap()).sum()
    };
    assert_eq!(cells.iter().map(scored).sum::<u64>(), 29);

    let audit = lab.xtask(&["audit", "kitchen.yaml", "--json"]).expect(0).json();
    let variant = &audit["variants"][0];
    assert_eq!(variant["unlabelled"], json!({ "utterances": 1, "first": ["Kitchen/ann/hungry-0002"] }));
    assert_eq!(variant["times_shared"], json!({ "speaker": 0, "audio": 0, "text": null }));
    let text = lab.xtask(&["audit", "kitchen.yaml"]).expect(0).stdout;
    assert!(text.contains("shared between roles: unknown × text, for no text is known"), "{text}");
    assert!(text.contains("without a label, and so not trained on nor scored: 1 utterances"), "{text}");
    assert!(page.contains("unknown"), "the audit's table: {page}");
}

#[test]
fn a_clip_far_longer_than_the_others_is_named_before_anything_is_trained() {
    let lab = own_corpus::lab(5);
    lab.write(
        "kitchen.yaml",
        "name: kitchen\ncorpora: { kitchen: }\n\
         protocol: { kind: group-kfold, group: speaker, folds: 3, dev: none, seeds: [1] }\n\
         use: pipelines/end2you.yaml\n\
         with: { audio.rate_hz: 1000, loss: cross-entropy, max_epochs: 1, train.training.stopping: { kind: fixed } }\n",
    );
    let lecture = vec![0.1; 61_000];
    affekt_audio::write_wav_i16(&lab.path("data/Kitchen/ann/cross-9999.wav"), &lecture, 1_000).unwrap();
    lab.xtask(&["audit", "kitchen.yaml"]).expect(0);
    let told = "far longer than the median of 0.0 s, and heard whole: `Kitchen/ann/cross-9999` has 61 s.";
    let plan = lab.xtask(&["plan", "kitchen.yaml"]).expect(0).stderr;
    assert!(plan.contains(told) && plan.contains("(`seconds` of the step `audio`)"), "{plan}");
    let run = lab.run("kitchen", &[]).ended.stderr;
    let trained = run.find("train[fold=").unwrap_or(run.len());
    assert!(run.find(told).is_some_and(|at| at < trained), "{run}");
    let plan = lab.xtask(&["plan", "kitchen.yaml", "--set", "with.audio.seconds=1"]).expect(0).stderr;
    assert!(!plan.contains("far longer"), "{plan}");
    fs::remove_file(lab.path("data/Kitchen/ann/cross-9999.wav")).unwrap();
    let plan = lab.xtask(&["plan", "kitchen.yaml"]).expect(0).stderr;
    assert!(!plan.contains("far longer"), "{plan}");
}
