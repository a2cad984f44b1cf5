//! McNemar's test: whether the rows on which only one of two variants is right are unevenly divided between them.

use serde::{Deserialize, Serialize};

use crate::rows::ScoredRows;

/// The test over the seeds that two variants share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct McNemar {
    /// The p-value of the only seed; of several, twice their median (at most 1). Seeds are tested on the same rows,
    /// so that their p-values depend on each other, and this is valid for any dependence (Rüger, "Das maximale
    /// Signifikanzniveau des Tests: Lehne H₀ ab, wenn k unter n gegebenen Tests zur Ablehnung führen", 1978).
    pub p: f64,
    /// The p-value corrected for the number of pairs.
    pub p_holm: f64,
    /// Each seed's test, in order.
    pub seeds: Vec<SeedMcNemar>,
}

/// The test for one seed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SeedMcNemar {
    /// The seed.
    pub seed: u64,
    /// Number of utterances that only `a` recognises.
    pub only_a: u32,
    /// Number of utterances that only `b` recognises.
    pub only_b: u32,
    /// The exact two-sided p-value.
    pub p: f64,
}

/// Tests two variants with the same rows. Adds to `notes` why the test is impossible, or which seeds it leaves out.
pub(crate) fn mcnemar(a: &ScoredRows<'_>, b: &ScoredRows<'_>, notes: &mut Vec<String>) -> Option<McNemar> {
    if a.tests_again() {
        notes.push("no McNemar test: utterances are tested in more than one fold".into());
        return None;
    }
    let mut seeds = Vec::new();
    for (&seed, own) in &a.seeds {
        let Some(other) = b.seeds.get(&seed) else { continue };
        let count = |only_a: bool| {
            own.iter().zip(other).filter(|(a, b)| a.is_right == only_a && b.is_right != only_a).count() as u32
        };
        let (only_a, only_b) = (count(true), count(false));
        seeds.push(SeedMcNemar { seed, only_a, only_b, p: exact(only_a, only_b) });
    }
    if seeds.is_empty() {
        notes.push("no McNemar test: no seed in common".into());
        return None;
    }
    if seeds.len() < a.seeds.len().max(b.seeds.len()) {
        let shared: Vec<String> = seeds.iter().map(|test| test.seed.to_string()).collect();
        notes.push(format!("McNemar's test over the seeds in common: {}", shared.join(", ")));
    }
    let p = combined(seeds.iter().map(|test| test.p).collect());
    Some(McNemar { p, p_holm: p, seeds })
}

/// Computes twice the smaller tail of the binomial distribution of `only_a + only_b` fair coins, at most 1.
fn exact(only_a: u32, only_b: u32) -> f64 {
    let (few, coins) = (only_a.min(only_b), only_a + only_b);
    // C(coins, few) / 2^coins: the binomial coefficient would overflow and the power underflow, so they are computed
    // alternately. Halving is exact, and no logarithm makes the last bits depend on the machine's library.
    let (mut most_likely, mut halvings) = (1.0_f64, 0);
    for i in 1..=few {
        most_likely *= f64::from(coins - few + i) / f64::from(i);
        while most_likely > 1.0 && halvings < coins {
            most_likely /= 2.0;
            halvings += 1;
        }
    }
    most_likely *= 0.5_f64.powi((coins - halvings) as i32);
    // The tail's other terms, each from the one before: C(n, k − 1) / C(n, k) = k / (n − k + 1).
    let (mut term, mut tail) = (1.0, 1.0);
    for k in (1..=few).rev() {
        term *= f64::from(k) / f64::from(coins - k + 1);
        tail += term;
    }
    (2.0 * most_likely * tail).min(1.0)
}

/// Combines p-values that may depend on each other. There is at least one.
fn combined(mut p: Vec<f64>) -> f64 {
    p.sort_by(f64::total_cmp);
    match p[..] {
        [only] => only,
        _ => (p[(p.len() - 1) / 2] + p[p.len() / 2]).min(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_by_hand() {
        for (only_a, only_b, expected) in [
            (0, 0, 1.0),
            (1, 1, 1.0),
            (1, 0, 1.0),
            // (1 + 6) / 2⁶, both tails.
            (1, 5, 14.0 / 64.0),
            (5, 1, 14.0 / 64.0),
            // 2 / 2¹⁰.
            (10, 0, 2.0 / 1024.0),
            // (1 + 8 + 28) / 2⁸, both tails.
            (2, 6, 74.0 / 256.0),
        ] {
            let p = exact(only_a, only_b);
            assert!((p - expected).abs() < 1e-15, "{only_a}, {only_b}: {p}");
        }
    }

    #[test]
    fn seeds_by_hand() {
        assert_eq!(combined(vec![0.3]), 0.3);
        assert_eq!(combined(vec![0.25, 0.125]), 0.375);
        assert_eq!(combined(vec![0.9, 0.1, 0.2]), 0.4);
        assert_eq!(combined(vec![0.9, 0.1, 0.8]), 1.0);
    }
}
