//! Intervals against the bootstrap as it is defined, draw by draw and row by row.

use std::ops::ControlFlow;

use affekt_domain::{Prediction, Role, SplitMix64, Target, Task};
use affekt_eval::{
    Candidate, Comparison, Description, EvalError, Measure, Overall, RESAMPLES, compare, compare_watched,
    evaluate,
};

const OUTPUTS: usize = 2;
const ROWS: usize = 150;

fn task() -> Task {
    Task::Outputs((0..OUTPUTS).map(|output| format!("o{output}")).collect())
}

/// Predictions of `ROWS` utterances, each of an unknown speaker, or of `speakers`.
fn variant(id: &str, noise: f32, random: &mut SplitMix64, speakers: Option<usize>) -> Vec<Prediction> {
    let mut truths = SplitMix64(4);
    let number = |random: &mut SplitMix64| random.below(10_000) as f32 / 1e4;
    let row = |i: usize| {
        let truth: Vec<f32> = (0..OUTPUTS).map(|_| number(&mut truths)).collect();
        let outputs = truth.iter().map(|truth| 0.5 * truth + noise * number(random)).collect();
        Prediction {
            variant: id.into(),
            utterance: format!("C/{i:04}"),
            corpus: "C".into(),
            speaker: speakers
                .map_or_else(|| format!("C/?{i:04}"), |speakers| format!("C/{:03}", i % speakers)),
            session: None,
            sex: None,
            style: None,
            fold: 1,
            seed: 1,
            role: Role::Test,
            truth: Some(Target::Values(truth)),
            outputs,
        }
    };
    (0..ROWS).map(row).collect()
}

/// The concordance correlation coefficient of an output over some rows, in two passes.
fn ccc(rows: &[&Prediction], output: usize) -> f64 {
    let pairs = || {
        rows.iter().map(|row| {
            let truth = row.truth.as_ref().and_then(Target::values).unwrap()[output];
            (f64::from(truth), f64::from(row.outputs[output]))
        })
    };
    let n = rows.len() as f64;
    let means = [pairs().map(|(t, _)| t).sum::<f64>() / n, pairs().map(|(_, p)| p).sum::<f64>() / n];
    let sum =
        |of: &dyn Fn(f64, f64) -> f64| pairs().map(|(t, p)| of(t - means[0], p - means[1])).sum::<f64>() / n;
    2.0 * sum(&|t, p| t * p) / (sum(&|t, _| t * t) + sum(&|_, p| p * p) + (means[0] - means[1]).powi(2))
}

/// The CCC of every output in each of the first draws, `[draws][OUTPUTS]`: clusters are drawn one by one, and their rows
/// written out.
fn by_definition(rows: &[Prediction], draws: usize) -> Vec<Vec<f64>> {
    let mut speakers: Vec<&str> = rows.iter().map(|row| row.speaker.as_str()).collect();
    speakers.sort_unstable();
    speakers.dedup();
    let of = |speaker: &&str| rows.iter().filter(|row| row.speaker == *speaker).collect::<Vec<_>>();
    let clusters: Vec<Vec<&Prediction>> = speakers.iter().map(of).collect();
    let mut random = SplitMix64(0x5eed_0f5b_ea4e_2501);
    let draw = |_| {
        let drawn = (0..clusters.len()).flat_map(|_| &clusters[random.below(clusters.len())]);
        let drawn: Vec<&Prediction> = drawn.copied().collect();
        (0..OUTPUTS).map(|output| ccc(&drawn, output)).collect()
    };
    (0..draws).map(draw).collect()
}

fn interval(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    [0.025, 0.975].map(|quantile| {
        let at = quantile * (values.len() - 1) as f64;
        let (low, high) = (values[at.floor() as usize], values[at.ceil() as usize]);
        low + (high - low) * at.fract()
    })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[track_caller]
fn assert_close(found: [f64; 2], expected: [f64; 2]) {
    for (found, expected) in found.into_iter().zip(expected) {
        assert!((found - expected).abs() < 1e-11, "{found}, expected {expected}");
    }
}

/// The same draws, so not only within the error of drawing.
#[test]
fn intervals_are_those_of_the_definition() {
    for speakers in [None, Some(20)] {
        let mut random = SplitMix64(7);
        let tables = [("a", 0.2), ("b", 0.6)].map(|(id, noise)| variant(id, noise, &mut random, speakers));
        let defined = tables.each_ref().map(|rows| by_definition(rows, RESAMPLES));

        let about = Description {
            id: "a".into(),
            params: [].into(),
            protocol: "official".into(),
            stamps: Vec::new(),
            task: task(),
        };
        let metrics = evaluate(about, &tables[0], None).unwrap();
        let all = metrics.aggregate.get(Measure::Ccc).unwrap();
        assert_eq!(all.clusters, speakers.unwrap_or(ROWS));
        assert_close(all.ci95.unwrap(), interval(defined[0].iter().map(|draw| mean(draw)).collect()));
        let Overall::Outputs { per_output } = metrics.overall else { panic!("classes") };
        for (output, metrics) in per_output.values().enumerate() {
            let found = metrics.aggregate.get(Measure::Ccc).unwrap().ci95.unwrap();
            assert_close(found, interval(defined[0].iter().map(|draw| draw[output]).collect()));
        }

        let comparison = compared(&tables).unwrap();
        assert_eq!(comparison.resamples, RESAMPLES);
        let [pair] = &comparison.pairs[..] else { panic!("{:?}", comparison.pairs) };
        let differences = defined[0].iter().zip(&defined[1]).map(|(a, b)| mean(a) - mean(b));
        assert_close(pair.compared().unwrap().bootstrap.unwrap().ci95, interval(differences.collect()));
    }
}

fn compared(tables: &[Vec<Prediction>]) -> Result<Comparison, EvalError> {
    let task = task();
    let candidates: Vec<Candidate> = tables
        .iter()
        .map(|rows| Candidate { id: &rows[0].variant, task: &task, predictions: rows })
        .collect();
    compare(&candidates, Measure::Ccc, None)
}

#[test]
fn a_comparison_says_how_far_it_is_and_can_be_stopped() {
    let mut random = SplitMix64(7);
    let tables = ["a", "b"].map(|id| variant(id, 0.2, &mut random, Some(20)));
    let task = task();
    let candidates =
        tables.each_ref().map(|rows| Candidate { id: &rows[0].variant, task: &task, predictions: rows });
    let mut heard = Vec::new();
    let comparison = compare_watched(&candidates, Measure::Ccc, None, &mut |done, total| {
        heard.push((done, total));
        ControlFlow::Continue(())
    });
    assert_eq!(comparison.unwrap(), compare(&candidates, Measure::Ccc, None).unwrap());
    assert!(heard.len() > 10 && heard.is_sorted(), "{heard:?}");
    assert_eq!(heard.last(), Some(&(RESAMPLES, RESAMPLES)));

    let mut calls = 0;
    let stopped = compare_watched(&candidates, Measure::Ccc, None, &mut |_, _| {
        calls += 1;
        if calls == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((stopped, calls), (Err(EvalError::Cancelled), 3));
}

/// Twenty variants on four different sets of rows: 40 pairs of 190 can be compared, and draws are as many as those need.
#[test]
fn pairs_that_cannot_be_compared_need_no_draws() {
    let mut random = SplitMix64(7);
    let tables: Vec<Vec<Prediction>> = (0..20)
        .map(|v| {
            let mut rows = variant(&format!("v{v:02}"), 0.2, &mut random, Some(20));
            rows.truncate(80 + v % 4);
            rows
        })
        .collect();
    let comparison = compared(&tables).unwrap();
    let comparable = comparison.pairs.iter().filter(|pair| pair.compared().is_some()).count();
    assert_eq!((comparison.pairs.len(), comparable, comparison.resamples), (190, 40, 40 * 130));
}
