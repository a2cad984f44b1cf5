//! Spans of masked frames come as often, and as long, as transformers draws them: both ways, for clips of several lengths.

use affekt_models::wav2vec2::Spans;
use affekt_spec::network::SpansOver;
use affekt_torch::Random;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    draws: usize,
    lengths: Vec<i64>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    share: f64,
    length: usize,
    least: usize,
    over: SpansOver,
    /// For each clip, the share of draws that mask at most so many frames.
    at_most: Vec<Vec<f64>>,
    /// For each clip, how often there are so many separate runs of masked frames.
    runs: Vec<Vec<f64>>,
}

const DRAWS: usize = 4000;

fn runs(row: &[bool]) -> usize {
    usize::from(row[0]) + row.windows(2).filter(|pair| !pair[0] && pair[1]).count()
}

/// The largest distance of two cumulative distributions.
fn distance(ours: &[f64], theirs: &[f64]) -> f64 {
    ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn cumulative(shares: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    shares.iter().map(|share| (sum += share, sum).1).collect()
}

#[test]
fn spans_are_distributed_as_those_of_transformers() {
    let text = include_str!("../../../tests/goldens/wav2vec2/spans.json");
    let golden: Golden = serde_json::from_str(text).unwrap();
    let total = *golden.lengths.iter().max().unwrap();
    // Kolmogorov and Smirnov's bound for two samples, at one in ten thousand.
    let (ours, theirs) = (DRAWS as f64, golden.draws as f64);
    let bound = (-(0.5e-4_f64).ln() / 2.0).sqrt() * ((ours + theirs) / (ours * theirs)).sqrt();
    for case in &golden.cases {
        let spans = Spans { share: case.share, length: case.length, least: case.least };
        let mut at_most = vec![vec![0.0; total as usize + 1]; golden.lengths.len()];
        let mut separate = vec![vec![0.0; 12]; golden.lengths.len()];
        let mut random = Random::new(1, "spans");
        for _ in 0..DRAWS {
            let mask = spans.mask(&golden.lengths, total, case.over, &mut random);
            for (clip, row) in Vec::<Vec<bool>>::try_from(mask).unwrap().into_iter().enumerate() {
                at_most[clip][row.iter().filter(|masked| **masked).count()] += 1.0 / ours;
                separate[clip][runs(&row).min(11)] += 1.0 / ours;
            }
        }
        for clip in 0..golden.lengths.len() {
            let label = format!("{} {} {:?} clip {clip}", case.share, case.length, case.over);
            let counts = distance(&cumulative(&at_most[clip]), &case.at_most[clip]);
            assert!(counts < bound, "{label}: counts are {counts} apart, bound {bound}");
            let runs = distance(&cumulative(&separate[clip]), &cumulative(&case.runs[clip]));
            assert!(runs < bound, "{label}: runs are {runs} apart, bound {bound}");
        }
    }
}
