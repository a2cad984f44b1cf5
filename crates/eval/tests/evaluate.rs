//! Small cases computed by hand, and predictions that must not be scored.

mod timing;

use affekt_domain::{Prediction, Role, Sex, Target, Task};
use affekt_eval::{
    Candidate, ClassDetail, Cluster, Constant, Description, Detail, EvalError, Measure, Metrics, Overall,
    PerMeasure, Training, compare, evaluate,
};

use timing::timed;

fn about(classes: &[&str]) -> Description {
    Description {
        id: "v".into(),
        params: [("lr".into(), 0.01.into())].into(),
        protocol: "random".into(),
        stamps: vec!["speakers shared between train and test".into()],
        task: Task::Classes(classes.iter().map(|class| (*class).to_owned()).collect()),
    }
}

/// Returns a measure's value, which must exist.
fn of<T: Copy>(values: &PerMeasure<T>, measure: Measure) -> T {
    *values.get(measure).unwrap()
}

/// Parses a test prediction of a or b from `corpus/speaker/utterance label predicted`.
fn row(fold: u32, seed: u64, text: &str) -> Prediction {
    row_of(&["a", "b"], fold, seed, text)
}

fn row_of(classes: &[&str], fold: u32, seed: u64, text: &str) -> Prediction {
    let [utterance, label, predicted] = text.split(' ').collect::<Vec<_>>()[..] else { panic!("{text}") };
    let (speaker, _) = utterance.rsplit_once('/').unwrap();
    Prediction {
        variant: "v".into(),
        utterance: utterance.into(),
        corpus: speaker.split('/').next().unwrap().into(),
        speaker: speaker.into(),
        session: None,
        sex: None,
        style: None,
        fold,
        seed,
        role: Role::Test,
        truth: Some(Target::Class(label.into())),
        outputs: classes.iter().map(|class| f32::from(u8::from(*class == predicted))).collect(),
    }
}

/// Two folds × two seeds over classes a and b; fold 2 has no b.
fn two_folds() -> Vec<Prediction> {
    let seed = |seed, second: &str| {
        [
            row(1, seed, "N/1/1 a a"),
            row(1, seed, &format!("N/1/2 a {second}")),
            row(1, seed, "S/1/1 b b"),
            row(2, seed, "N/2/1 a a"),
            row(2, seed, "N/2/2 a b"),
        ]
    };
    [seed(1, "a"), seed(2, "b")].concat()
}

#[test]
fn by_hand() {
    let metrics = evaluate(about(&["a", "b"]), &two_folds(), None).unwrap();
    let uar: Vec<f64> = metrics.cells.iter().map(|cell| of(&cell.scores, Measure::Uar)).collect();
    // Fold 1: recalls (1, 1) and (1/2, 1); fold 2 leaves the absent b out: 1/2 twice.
    assert_eq!(uar, [1.0, 0.75, 0.5, 0.5]);
    let Detail::Classes(ClassDetail { confusion, .. }) = &metrics.cells[1].detail else {
        panic!("{metrics:?}")
    };
    assert_eq!(confusion, &[[1, 1], [0, 1]]);
    let Overall::Classes(ClassDetail { confusion, .. }) = &metrics.overall else { panic!("{metrics:?}") };
    assert_eq!(confusion, &[[5, 3], [0, 2]]);

    let summary = of(&metrics.aggregate, Measure::Uar);
    assert_eq!(summary.mean, 2.75 / 4.0);
    // Means over folds 0.75 and 0.625 by seed; means over seeds 0.875 and 0.5 by fold.
    assert!((summary.std_seeds.unwrap() - 0.125 / 2.0_f64.sqrt()).abs() < 1e-15);
    assert!((summary.std_folds.unwrap() - 0.375 / 2.0_f64.sqrt()).abs() < 1e-15);
    // Pooled, b counts: (3/4 + 1)/2 and (2/4 + 1)/2.
    assert_eq!(summary.pooled, f64::midpoint(0.875, 0.75));
    assert_eq!((summary.ci95, summary.clusters), (None, 3));

    assert_eq!(metrics.groups.corpus["N"].support, 4);
    assert_eq!(of(&metrics.groups.corpus["N"].scores, Measure::Wa).pooled, 2.5 / 4.0);
    assert_eq!(of(&metrics.groups.corpus["S"].scores, Measure::Uar).mean, 1.0);
    assert!(metrics.groups.sex.is_empty());
}

#[test]
fn speakers_and_sessions_by_hand() {
    let mut rows = two_folds();
    // N/1 has only a: right in fold 1 twice with seed 1, once with seed 2. N/2 is always half right, S/1 right.
    let speakers = evaluate(about(&["a", "b"]), &rows, None).unwrap().groups.speaker;
    let names: Vec<&str> = speakers.keys().map(String::as_str).collect();
    assert_eq!(names, ["N/1", "N/2", "S/1"]);
    let one = speakers["N/1"].scores;
    let (uar, wa) = (of(&one, Measure::Uar), of(&one, Measure::Wa));
    assert_eq!((speakers["N/1"].support, uar.pooled, uar.mean, wa.pooled), (2, 0.75, 0.75, 0.75));
    // F1 with seed 1 is 1 (b is nowhere), with seed 2 (2·1/3 + 0)/2.
    assert_eq!(of(&one, Measure::MacroF1).pooled, f64::midpoint(1.0, 1.0 / 3.0));
    let pooled = |name: &str, measure| of(&speakers[name].scores, measure).pooled;
    assert_eq!((pooled("N/2", Measure::Wa), pooled("S/1", Measure::Uar)), (0.5, 1.0));

    // Only N has sessions: N/1 in the first, N/2 in the second.
    assert!(evaluate(about(&["a", "b"]), &rows, None).unwrap().groups.session.is_empty());
    rows.iter_mut().filter(|row| row.corpus == "N").for_each(|row| {
        row.session = Some(if row.speaker == "N/1" { "N/first" } else { "N/second" }.into());
    });
    let sessions = evaluate(about(&["a", "b"]), &rows, None).unwrap().groups.session;
    assert_eq!(
        sessions
            .into_iter()
            .map(|(name, group)| (name, of(&group.scores, Measure::Wa).pooled))
            .collect::<Vec<_>>(),
        [("N/first".into(), 0.75), ("N/second".into(), 0.5)]
    );
    // Seed by seed: N/1 is right twice of two times, then once; N/2 once of two times.
    let metrics = evaluate(about(&["a", "b"]), &rows, None).unwrap();
    assert_eq!(metrics.sessions.of("N/first", Measure::Wa).unwrap().seeds, [1.0, 0.5]);
    let mean = metrics.sessions.mean(Measure::Wa).unwrap();
    assert_eq!((mean.seeds, mean.mean, mean.std), (vec![0.75, 0.5], 0.625, Some(0.125)));
    let metrics = Metrics::new("e".into(), vec![metrics]);
    let text = metrics.to_json().unwrap();
    assert_eq!(serde_json::from_str::<Metrics>(&text).unwrap(), metrics);
    assert!(text.contains("\"N/first\": [{\n        \"seed\": 1,"), "{text}");
}

#[test]
fn styles_cut_through_speakers() {
    let mut rows = two_folds();
    assert!(evaluate(about(&["a", "b"]), &rows, None).unwrap().groups.style.is_empty());
    let whole = evaluate(about(&["a", "b"]), &rows, None).unwrap();
    // Of each of N's speakers one utterance is scripted, one improvised; S has no styles.
    rows.iter_mut().filter(|row| row.corpus == "N").for_each(|row| {
        let style = if row.utterance.ends_with("/1") { "scripted" } else { "improvised" };
        row.style = Some(style.into());
    });
    let metrics = evaluate(about(&["a", "b"]), &rows, None).unwrap();
    let wa = |style: &str| {
        let group = metrics.groups.style[style];
        let wa = of(&group.scores, Measure::Wa);
        (group.support, wa.mean, wa.pooled)
    };
    assert_eq!(metrics.groups.style.len(), 2);
    assert_eq!(wa("scripted"), (2, 1.0, 1.0));
    // Right in fold 1 with seed 1, and in no other cell.
    assert_eq!(wa("improvised"), (2, 0.25, 0.25));
    // Nothing else moves: intervals resample speakers, not speakers' styles.
    assert_eq!((metrics.aggregate, metrics.groups.speaker), (whole.aggregate, whole.groups.speaker));
}

/// The spreads and the other figures of every measure, by the definitions checked for UAR in `by_hand`.
#[test]
fn every_measure_is_summed_up_alike() {
    let aggregate = evaluate(about(&["a", "b"]), &two_folds(), None).unwrap().aggregate;
    // Accuracy by cell: 1, 2/3 | 1/2, 1/2. Means over folds 3/4, 7/12; over seeds 5/6, 1/2. Pooled 4/5 and 3/5.
    // F1 by cell: 1, 2/3 | (2/3 + 0)/2 twice. Means over folds 2/3, 1/2; over seeds 5/6, 1/3. Pooled, a has
    // 2·3/(4 + 3) and 2·2/(4 + 2), b 2/3 and 2·1/(1 + 3).
    let f1s = [f64::midpoint(6.0 / 7.0, 2.0 / 3.0), f64::midpoint(2.0 / 3.0, 0.5)];
    for (summary, mean, over_seeds, over_folds, pooled) in [
        (of(&aggregate, Measure::Wa), 8.0 / 12.0, 2.0 / 12.0, 1.0 / 3.0, 0.7),
        (of(&aggregate, Measure::MacroF1), 7.0 / 12.0, 1.0 / 6.0, 0.5, f64::midpoint(f1s[0], f1s[1])),
    ] {
        // The sample deviation of two values is their distance over √2.
        let expected = [mean, over_seeds / 2.0_f64.sqrt(), over_folds / 2.0_f64.sqrt(), pooled];
        let ours = [summary.mean, summary.std_seeds.unwrap(), summary.std_folds.unwrap(), summary.pooled];
        for (ours, expected) in ours.into_iter().zip(expected) {
            assert!((ours - expected).abs() < 1e-15, "{summary:?}: expected {expected}");
        }
    }
}

/// Averages over all ways of guessing, each equally likely.
#[test]
fn chance_is_what_guessing_gives() {
    let classes = ["a", "b", "c"];
    let truth = ["a", "a", "a", "b"];
    let (mut uar, mut wa, mut guesses) = (0.0, 0.0, 0.0);
    for guess in 0..3_usize.pow(4) {
        let row = |(i, label): (usize, &&str)| {
            let said = classes[guess / 3_usize.pow(i as u32) % 3];
            row_of(&classes, 1, 1, &format!("N/{i}/1 {label} {said}"))
        };
        let rows: Vec<_> = truth.iter().enumerate().map(row).collect();
        let metrics = evaluate(about(&classes), &rows, None).unwrap();
        assert_eq!(metrics.baselines.chance, 1.0 / 3.0);
        uar += of(&metrics.aggregate, Measure::Uar).mean;
        wa += of(&metrics.aggregate, Measure::Wa).mean;
        guesses += 1.0;
    }
    assert!((uar / guesses - 1.0 / 3.0_f64).abs() < 1e-12);
    assert!((wa / guesses - 1.0 / 3.0_f64).abs() < 1e-12);
}

#[test]
fn files_from_before_there_were_comparisons_are_read() {
    let variant = evaluate(about(&["a", "b"]), &two_folds(), None).unwrap();
    let mut old = serde_json::to_value(Metrics::new("e".into(), vec![variant])).unwrap();
    assert!(old.get("comparisons").is_none());
    let groups = old["variants"][0]["groups"].as_object_mut().unwrap();
    assert!(["speaker", "session", "style"].into_iter().all(|kind| groups.remove(kind).is_some()));
    let read: Metrics = serde_json::from_value(old).unwrap();
    assert_eq!(read.comparisons, None);
    assert!(read.variants[0].groups.speaker.is_empty());
}

#[test]
fn metrics_hold_comparisons() {
    let task = about(&["a", "b"]).task;
    let rows = two_folds();
    let other: Vec<_> = rows.iter().cloned().map(|row| Prediction { variant: "w".into(), ..row }).collect();
    let candidates =
        [("v", &rows), ("w", &other)].map(|(id, predictions)| Candidate { id, task: &task, predictions });
    let comparison = compare(&candidates, Measure::Uar, None).unwrap();
    let variant = evaluate(about(&["a", "b"]), &rows, None).unwrap();
    let metrics = Metrics { comparisons: Some(comparison), ..Metrics::new("e".into(), vec![variant]) };
    let text = metrics.to_json().unwrap();
    assert_eq!(serde_json::from_str::<Metrics>(&text).unwrap(), metrics);
    assert!(text.contains("\"comparisons\": {\n    \"version\": 1,\n    \"measure\": \"uar\""), "{text}");
}

#[test]
fn one_seed_and_one_fold_have_no_spread() {
    let rows: Vec<_> = two_folds().into_iter().filter(|row| row.fold == 1 && row.seed == 1).collect();
    let summary = evaluate(about(&["a", "b"]), &rows, None).unwrap().aggregate;
    let summary = of(&summary, Measure::Wa);
    assert_eq!((summary.std_seeds, summary.std_folds), (None, None));
}

#[test]
fn five_speakers_have_an_interval() {
    let rows = |speakers: u32| -> Vec<_> {
        (0..speakers).map(|i| row(1, 1, &format!("N/{i}/1 a {}", if i == 0 { "b" } else { "a" }))).collect()
    };
    let accuracy = |speakers| {
        let metrics = evaluate(about(&["a", "b"]), &rows(speakers), None).unwrap();
        of(&metrics.aggregate, Measure::Wa)
    };
    assert_eq!(accuracy(4).ci95, None);
    // One of five speakers is always wrong: 3 of 5 draws or more hit it in 5.8 % of resamples, 4 or more in 0.7 %.
    assert_eq!(accuracy(5).ci95, Some([0.4, 1.0]));
}

#[test]
fn baselines_by_hand() {
    let rows = two_folds();
    let classes = about(&["a", "b"]);
    let baselines = |training: Option<&Training>| {
        let metrics = evaluate(classes.clone(), &rows, training)?;
        let Constant::Majority(majority) = metrics.baselines.constant else { panic!("{metrics:?}") };
        Ok((metrics.baselines.chance, majority, metrics.baselines.corpus_only.unwrap().scores))
    };
    let (chance, majority, corpus_only) = baselines(None).unwrap();
    assert_eq!((chance, majority.fitted_on), (0.5, Role::Test));
    // The test truth says a: right in 2 of 3 and 2 of 2.
    assert!((of(&majority.scores, Measure::Wa) - f64::midpoint(2.0 / 3.0, 1.0)).abs() < 1e-15);
    // In fold 1, N says a and S says b.
    assert_eq!(of(&corpus_only, Measure::Uar), 1.0);

    // Training says b overall, a in N; it has not seen S, which then gets b.
    let [a, b] = ["a", "b"].map(|class| Target::Class(class.into()));
    let training = Training::new(
        [1, 2].into_iter().flat_map(|fold| [(fold, "N", &a), (fold, "O", &b), (fold, "O", &b)]),
    );
    let (_, majority, corpus_only) = baselines(Some(&training)).unwrap();
    assert_eq!(majority.fitted_on, Role::Train);
    assert!((of(&majority.scores, Measure::Wa) - f64::midpoint(1.0 / 3.0, 0.0)).abs() < 1e-15);
    assert_eq!(of(&corpus_only, Measure::Wa), 1.0);

    let one_fold = Training::new([(1, "N", &a)]);
    let error: EvalError = baselines(Some(&one_fold)).unwrap_err();
    assert!(error.to_string().contains("fold 2"), "{error}");
}

#[test]
fn one_corpus_has_no_corpus_baseline() {
    let rows: Vec<_> = two_folds().into_iter().filter(|row| row.corpus == "N").collect();
    assert_eq!(evaluate(about(&["a", "b"]), &rows, None).unwrap().baselines.corpus_only, None);
}

#[test]
fn dev_rows_and_other_variants_are_passed_over() {
    let rows = two_folds();
    let expected = evaluate(about(&["a", "b"]), &rows, None).unwrap();
    let mut more = rows.clone();
    more.push(Prediction { role: Role::Dev, ..row(1, 1, "N/9/1 a b") });
    more.push(Prediction { variant: "w".into(), ..row(1, 1, "N/9/2 a b") });
    assert_eq!(evaluate(about(&["a", "b"]), &more, None).unwrap(), expected);

    let error = evaluate(about(&["a", "b"]), &more[10..11], None).unwrap_err();
    assert!(error.to_string().contains("no predictions of role test"), "{error}");
}

/// A blind test part: its truth is withheld, and the dev part is scored instead.
#[test]
fn where_the_test_truth_is_withheld_dev_is_scored() {
    let rows = two_folds();
    let blind: Vec<_> = rows.iter().cloned().map(|row| Prediction { truth: None, ..row }).collect();
    let dev = |row: Prediction| Prediction { role: Role::Dev, utterance: row.utterance + "d", ..row };
    let all = [blind.clone(), rows.iter().cloned().map(dev).collect()].concat();
    let on_test = evaluate(about(&["a", "b"]), &rows, None).unwrap();
    let on_dev = evaluate(about(&["a", "b"]), &all, None).unwrap();
    assert_eq!((on_test.part, on_test.withheld), (Role::Test, 0));
    assert_eq!((on_dev.part, on_dev.withheld), (Role::Dev, 5));
    assert_eq!(on_dev.aggregate, on_test.aggregate);
    assert_eq!(on_dev.baselines.constant.baseline().fitted_on, Role::Dev);
    let told = ["speakers shared between train and test", "dev part: the test labels are withheld"];
    assert_eq!(on_dev.about.stamps, told);
    let json = serde_json::to_value([&on_test, &on_dev]).unwrap();
    assert!(json[0].get("part").is_none() && json[0].get("withheld").is_none());
    assert_eq!((&json[1]["part"], &json[1]["withheld"]), (&"dev".into(), &5.into()));

    // One test row with a truth is a test part, and nothing else counts.
    let some = [&all[..], &[row(1, 1, "N/7/7 a b")]].concat();
    let some = evaluate(about(&["a", "b"]), &some, None).unwrap();
    assert_eq!((some.part, some.withheld, of(&some.aggregate, Measure::Wa).mean), (Role::Test, 5, 0.0));

    let error = evaluate(about(&["a", "b"]), &blind, None).unwrap_err().to_string();
    assert!(error.contains("withheld") && error.contains("on the dev part too"), "{error}");
}

/// If speakers are unknown, utterances are resampled, and the figures say so.
#[test]
fn utterances_are_resampled_where_there_are_no_speakers() {
    let told = evaluate(about(&["a", "b"]), &two_folds(), None).unwrap();
    assert_eq!(of(&told.aggregate, Measure::Uar).cluster, Cluster::Speaker);
    assert!(serde_json::to_value(told).unwrap()["aggregate"]["uar"].get("cluster").is_none());

    let unknown = |i: usize| [1, 2].map(|seed| row(1, seed, &format!("H/?{i}/1 a {}", ["a", "b"][i % 2])));
    let mut rows: Vec<_> = (0..20).flat_map(unknown).collect();
    let blind = evaluate(about(&["a", "b"]), &rows, None).unwrap();
    let summary = of(&blind.aggregate, Measure::Wa);
    assert_eq!((summary.clusters, summary.cluster), (20, Cluster::Utterance));
    assert!(summary.ci95.is_some() && blind.groups.speaker.is_empty());
    assert_eq!(serde_json::to_value(summary).unwrap()["cluster"], "utterance");

    rows.extend(two_folds().into_iter().filter(|row| row.fold == 1));
    let mixed = evaluate(about(&["a", "b"]), &rows, None).unwrap();
    let summary = of(&mixed.aggregate, Measure::Wa);
    assert_eq!((summary.clusters, summary.cluster), (22, Cluster::Mixed));
    let speakers: Vec<_> = mixed.groups.speaker.into_keys().collect();
    assert_eq!(speakers, ["N/1", "S/1"]);
}

#[test]
fn contradictions_are_refused() {
    let unknown = evaluate(about(&["a", "b"]), &[row(3, 7, "N/1/1 c a")], None).unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "the truth of `N/1/1` (fold 3, seed 7) is none of variant `v`: class `c` is not one of a, b"
    );
    let short = Prediction { outputs: vec![1.0], ..row(3, 7, "N/1/1 a a") };
    let short = evaluate(about(&["a", "b"]), &[short], None).unwrap_err();
    assert_eq!(
        short.to_string(),
        "the prediction of `N/1/1` (fold 3, seed 7) is none of variant `v`: 1 values for 2 outputs"
    );
    let twice =
        evaluate(about(&["a", "b"]), &[row(1, 1, "N/1/1 a a"), row(1, 1, "N/1/1 a b")], None).unwrap_err();
    assert!(twice.to_string().contains("twice"), "{twice}");
}

#[test]
fn order_does_not_matter_and_bytes_are_equal() {
    let json = |rows: &[Prediction]| {
        let variant = evaluate(about(&["a", "b"]), rows, None).unwrap();
        Metrics::new("e".into(), vec![variant]).to_json().unwrap()
    };
    let rows = two_folds();
    let reversed: Vec<_> = rows.iter().rev().cloned().collect();
    let text = json(&rows);
    assert_eq!(text, json(&reversed));

    let back: Metrics = serde_json::from_str(&text).unwrap();
    assert_eq!(back.to_json().unwrap(), text);
    assert!(text.contains("\"ci95\": null"));
    assert!(text.contains("\"stamps\": [\"speakers shared between train and test\"]"));
}

/// 12 000 utterances of 121 speakers × 3 seeds take 0.05 s of CPU.
#[test]
fn large_experiments_take_no_time() {
    let classes = ["a", "b", "c", "d", "e", "f", "g"];
    let rows: Vec<Prediction> = (0..36_000_usize)
        .map(|i| {
            let (utterance, seed) = (i / 3, i % 3);
            let speaker = utterance * 31 % 121;
            let (label, predicted) =
                (classes[utterance % 7], classes[(utterance + utterance * seed % 5) % 7]);
            let text = format!("C{}/{speaker}/{utterance} {label} {predicted}", speaker % 4);
            let sex = Some(if speaker % 2 == 0 { Sex::Female } else { Sex::Male });
            Prediction { sex, ..row_of(&classes, 1 + speaker as u32 % 5, seed as u64, &text) }
        })
        .collect();
    let (metrics, seconds) = timed(|| evaluate(about(&classes), &rows, None).unwrap());
    assert_eq!((metrics.cells.len(), of(&metrics.aggregate, Measure::Uar).clusters), (15, 121));
    assert!(seconds < 1.0, "{seconds} s");
}
