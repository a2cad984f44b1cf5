//! Small cases of predicted numbers, computed by hand, and predictions that must not be scored or compared.

mod timing;

use affekt_domain::{Prediction, Role, SplitMix64, Target, Task};
use affekt_eval::{
    Candidate, Cluster, Constant, Description, Detail, Measure, Metrics, Outcome, Overall, PerMeasure,
    Training, VariantMetrics, compare, evaluate,
};

use timing::timed;

fn task(outputs: &[&str]) -> Task {
    Task::Outputs(outputs.iter().map(|&output| output.to_owned()).collect())
}

fn about(outputs: &[&str]) -> Description {
    Description {
        id: "v".into(),
        params: [].into(),
        protocol: "official".into(),
        stamps: Vec::new(),
        task: task(outputs),
    }
}

/// Creates a test row of utterance `corpus/speaker/number`.
fn row(fold: u32, seed: u64, utterance: &str, truth: &[f32], said: &[f32]) -> Prediction {
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
        truth: Some(Target::Values(truth.into())),
        outputs: said.into(),
    }
}

/// Returns a measure's value, which must exist.
fn of<T: Copy>(values: &PerMeasure<T>, measure: Measure) -> T {
    *values.get(measure).unwrap()
}

fn evaluated(outputs: &[&str], rows: &[Prediction]) -> VariantMetrics {
    evaluate(about(outputs), rows, None).unwrap()
}

/// Two folds of one seed: x is right, y is predicted as its negative, shifted by one in fold 2.
fn two_folds() -> Vec<Prediction> {
    [
        row(1, 1, "N/1/1", &[0.0, 0.0], &[0.0, 1.0]),
        row(1, 1, "N/1/2", &[1.0, 1.0], &[1.0, 0.0]),
        row(2, 1, "S/2/1", &[1.0, 0.0], &[1.0, 2.0]),
        row(2, 1, "S/2/2", &[3.0, 1.0], &[3.0, 1.0]),
    ]
    .into()
}

#[test]
fn by_hand() {
    let metrics = evaluated(&["x", "y"], &two_folds());
    // y in fold 1: −2·¼ / (¼ + ¼). In fold 2 the means differ by 1: −2·¼ / (¼ + ¼ + 1).
    let ccc: Vec<f64> = metrics.cells.iter().map(|cell| of(&cell.scores, Measure::Ccc)).collect();
    assert_eq!(ccc, [0.0, f64::midpoint(1.0, -1.0 / 3.0)]);
    let Detail::Outputs { rows, per_output } = &metrics.cells[1].detail else { panic!("{metrics:?}") };
    assert_eq!((*rows, of(&per_output["x"], Measure::Ccc)), (2, 1.0));
    assert_eq!((of(&per_output["y"], Measure::Mse), of(&per_output["y"], Measure::Pearson)), (2.0, -1.0));

    let summary = of(&metrics.aggregate, Measure::Ccc);
    assert!((summary.mean - 1.0 / 6.0).abs() < 1e-15);
    assert_eq!((summary.std_seeds, summary.ci95, summary.clusters), (None, None, 2));
    // Pooled, y is true 0 1 0 1, said 1 0 2 1: variances ¼ and ½, covariance −¼, means ½ and 1.
    assert!((summary.pooled - f64::midpoint(1.0, -0.5)).abs() < 1e-15, "{}", summary.pooled);
    assert_eq!(of(&metrics.aggregate, Measure::Uar.or_of(&metrics.about.task)).pooled, summary.pooled);

    let Overall::Outputs { per_output } = &metrics.overall else { panic!("{metrics:?}") };
    let y = &per_output["y"];
    assert!((of(&y.aggregate, Measure::Ccc).mean + 2.0 / 3.0).abs() < 1e-15);
    assert_eq!((y.density.low, y.density.high), (0.0, 1.0));
    assert_eq!(y.density.counts.iter().flatten().sum::<u32>(), 4);

    assert_eq!(metrics.groups.corpus["N"].support, 2);
    assert_eq!(of(&metrics.groups.corpus["S"].scores, Measure::Mse).pooled, 1.0);
}

#[test]
fn baselines_say_the_mean() {
    let rows = two_folds();
    let [low, high] = [[1.0, 0.0], [3.0, 0.0]].map(|values| Target::Values(values.into()));
    let training = Training::new([1, 2].into_iter().flat_map(|fold| [(fold, "N", &low), (fold, "O", &high)]));
    let baselines = evaluate(about(&["x", "y"]), &rows, Some(&training)).unwrap().baselines;
    let Constant::Mean(mean) = baselines.constant else { panic!("{baselines:?}") };
    assert_eq!((baselines.chance, mean.fitted_on), (0.0, Role::Train));
    assert_eq!((of(&mean.scores, Measure::Ccc), of(&mean.scores, Measure::Pearson)), (0.0, 0.0));
    // Saying 2 and 0: errors (4 + 1)/2 and ½ in fold 1, (1 + 1)/2 and ½ in fold 2.
    assert_eq!(of(&mean.scores, Measure::Mse), f64::midpoint(1.5, 0.75));
    // N gets its own 1, S the mean of all.
    assert_eq!(of(&baselines.corpus_only.unwrap().scores, Measure::Mse), f64::midpoint(0.5, 0.75));
}

#[test]
fn groups_of_one_row_have_an_error_alone() {
    let mut rows = two_folds();
    rows.push(row(2, 1, "S/3/1", &[1.0, 1.0], &[1.0, 1.0]));
    let speakers = evaluated(&["x", "y"], &rows).groups.speaker;
    let group = &speakers["S/3"];
    assert_eq!((group.support, group.scores.get(Measure::Ccc)), (1, None));
    assert_eq!(of(&group.scores, Measure::Mse).pooled, 0.0);
    assert!(serde_json::to_value(group).unwrap().get("ccc").is_none());

    // A fold of one row has no agreement either, and a variant of nothing else has none to tell.
    let metrics = evaluated(&["x", "y"], &[&rows[..2], &rows[4..]].concat());
    assert_eq!(metrics.cells[1].scores.get(Measure::Ccc), None);
    assert_eq!(of(&metrics.aggregate, Measure::Ccc).mean, 0.0);
    let error = evaluate(about(&["x", "y"]), &rows[1..3], None).unwrap_err().to_string();
    assert!(error.contains("one row per cell"), "{error}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |row: Prediction| evaluate(about(&["x"]), &[row], None).unwrap_err().to_string();
    let place = "of `N/1/1` (fold 1, seed 1) is none of variant `v`";
    assert_eq!(
        refused(row(1, 1, "N/1/1", &[0.0, 1.0], &[0.0])),
        format!("the truth {place}: 2 values for 1 outputs")
    );
    assert_eq!(
        refused(row(1, 1, "N/1/1", &[0.0], &[f32::NAN])),
        format!("the prediction {place}: `x` is NaN, expected a finite number")
    );
    // Nor does a logit that is not finite determine a class, whichever is the highest.
    for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let of_class =
            Prediction { truth: Some(Target::Class("a".into())), ..row(1, 1, "N/1/1", &[], &[3.0, wrong]) };
        let about = Description { task: Task::Classes(vec!["a".into(), "b".into()]), ..about(&["x"]) };
        let error = evaluate(about, &[of_class], None).unwrap_err().to_string();
        assert_eq!(error, format!("the prediction {place}: `b` is {wrong}, expected a finite number"));
    }
    let class = Prediction { truth: Some(Target::Class("a".into())), ..row(1, 1, "N/1/1", &[], &[0.0]) };
    assert_eq!(refused(class), format!("the truth {place}: a class where values are predicted"));
}

/// Predicts ten utterances of each of `speakers` with an error of at most `noise`.
fn noisy(id: &str, speakers: usize, noise: f64, random: &mut SplitMix64) -> Vec<Prediction> {
    let mut rows = Vec::new();
    for speaker in 0..speakers {
        for i in 0..10 {
            let truth = ((speaker * 7 + i * 3) % 11) as f32 / 10.0;
            let said = truth + (noise * (random.below(2001) as f64 / 1000.0 - 1.0)) as f32;
            let utterance = format!("N/{speaker:02}/{i}");
            rows.push(Prediction { variant: id.into(), ..row(1, 1, &utterance, &[truth], &[said]) });
        }
    }
    rows
}

#[test]
fn variants_are_compared_by_the_bootstrap_alone() {
    let mut random = SplitMix64(4);
    let (good, bad) = (noisy("good", 12, 0.2, &mut random), noisy("bad", 12, 0.9, &mut random));
    let same: Vec<_> = good.iter().cloned().map(|row| Prediction { variant: "same".into(), ..row }).collect();
    let task = task(&["x"]);
    let candidates = [("good", &good), ("bad", &bad), ("same", &same)];
    let candidates = candidates.map(|(id, predictions)| Candidate { id, task: &task, predictions });
    let pairs = compare(&candidates, Measure::Ccc, None).unwrap().pairs;
    let compared = |place: usize| match &pairs[place].outcome {
        Outcome::Compared(compared) => compared,
        Outcome::NotComparable(reason) => panic!("{reason}"),
    };
    let bootstrap = compared(0).bootstrap.unwrap();
    assert!(compared(0).difference > 0.1 && bootstrap.ci95[0] > 0.0, "{bootstrap:?}");
    assert_eq!((bootstrap.p, bootstrap.p_holm), (2.0 / 2001.0, 6.0 / 2001.0));
    assert!(compared(0).mcnemar.is_none() && compared(0).notes.is_empty());
    // A variant does not differ from itself, to the last bit.
    let bootstrap = compared(1).bootstrap.unwrap();
    assert_eq!((compared(1).difference, bootstrap.ci95, bootstrap.p), (0.0, [0.0, 0.0], 1.0));
}

#[test]
fn other_numbers_are_not_compared() {
    let mut random = SplitMix64(4);
    let one = noisy("one", 6, 0.2, &mut random);
    let other = |change: &dyn Fn(&mut Prediction)| {
        let mut rows: Vec<_> =
            one.iter().cloned().map(|row| Prediction { variant: "other".into(), ..row }).collect();
        rows.iter_mut().for_each(change);
        rows
    };
    let (x, y) = (task(&["x"]), task(&["y"]));
    let note = |task: &Task, predictions: &[Prediction], measure| {
        let candidates = [
            Candidate { id: "one", task: &x, predictions: &one },
            Candidate { id: "other", task, predictions },
        ];
        let pair = compare(&candidates, measure, None).unwrap().pairs.remove(0);
        (pair.measure, pair.note())
    };
    assert_eq!(note(&y, &other(&|_| ()), Measure::Ccc).1, "not comparable: different outputs: x against y");
    let moved = other(&|row| {
        if row.utterance == "N/03/4" {
            row.truth = Some(Target::Values(vec![0.25]));
        }
    });
    assert_eq!(
        note(&x, &moved, Measure::Ccc).1,
        "not comparable: different labels: `N/03/4` is x 0 in one, x 0.25 in the other"
    );
    let classes = Task::Classes(vec!["a".into()]);
    let classed = other(&|row| row.truth = Some(Target::Class("a".into())));
    assert_eq!(
        note(&classes, &classed, Measure::Ccc).1,
        "not comparable: different tasks: numbers against classes"
    );
    // Where the experiment's measure is not the task's, the task's own is.
    assert_eq!(note(&x, &other(&|_| ()), Measure::Uar), (Some(Measure::Ccc), String::new()));
    // Dev rows in place of withheld test rows.
    let blind = [other(&|row| row.truth = None), other(&|row| row.role = Role::Dev)].concat();
    assert_eq!(note(&x, &blind, Measure::Ccc).1, "not comparable: different parts: test against dev");
}

#[test]
fn order_does_not_matter_and_bytes_are_equal() {
    let mut random = SplitMix64(2);
    let mut rows = noisy("v", 7, 0.4, &mut random);
    let json =
        |rows: &[Prediction]| Metrics::new("e".into(), vec![evaluated(&["x"], rows)]).to_json().unwrap();
    let text = json(&rows);
    for _ in 0..3 {
        (1..rows.len()).rev().for_each(|i| rows.swap(i, random.below(i + 1)));
        assert_eq!(json(&rows), text);
    }
    let back: Metrics = serde_json::from_str(&text).unwrap();
    assert_eq!(back.to_json().unwrap(), text);
    assert!(text.contains("\"outputs\": [\"x\"]") && !text.contains("\"classes\""));
}

/// 20 000 bursts without speakers, ten outputs.
#[test]
fn large_parts_take_seconds() {
    let outputs: Vec<String> = (0..10).map(|i| format!("o{i}")).collect();
    let mut random = SplitMix64(1);
    let rows: Vec<Prediction> = (0..20_000)
        .map(|i| {
            let truth: Vec<f32> = (0..10).map(|_| random.below(100) as f32 / 100.0).collect();
            let said: Vec<f32> = truth.iter().map(|t| 0.5 * t + random.below(50) as f32 / 100.0).collect();
            row(1, 1, &format!("H/?{i}/1"), &truth, &said)
        })
        .collect();
    let (metrics, seconds) =
        timed(|| evaluate(Description { task: Task::Outputs(outputs), ..about(&[]) }, &rows, None).unwrap());
    let summary = of(&metrics.aggregate, Measure::Ccc);
    assert_eq!((summary.clusters, summary.cluster), (20_000, Cluster::Utterance));
    let [low, high] = summary.ci95.unwrap();
    assert!(low < summary.pooled && summary.pooled < high && high - low < 0.02, "{summary:?}");
    assert!(seconds < 30.0, "{seconds} s");
}
