//! Agreement of predicted numbers with true ones: moments, and the figures computed from them.
//!
//! Lin's concordance correlation coefficient (Lin, "A concordance correlation coefficient to evaluate reproducibility",
//! Biometrics 45, 1989) with moments of the population, as challenges of the field compute it:
//!
//! `CCC = 2 · cov(t, p) / (var(t) + var(p) + (mean(t) − mean(p))²)`
//!
//! Sums are kept as means and squared deviations, and merged by the formulae of Chan, Golub and LeVeque ("Updating
//! formulae and a pairwise algorithm for computing sample variances", 1979): a constant output then has a variance of
//! exactly 0.

use crate::measure::{Measure, Scores};
use crate::statistic::{Figures, Statistic};

/// The moments of some predictions, one entry per output.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Moments {
    rows: u32,
    outputs: Vec<Output>,
}

/// The joint moments of an output's truth and prediction.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Output {
    /// The means.
    truth: f64,
    said: f64,
    /// Sums of squared deviations from the means, and of the products of both deviations.
    truth_squares: f64,
    said_squares: f64,
    products: f64,
    /// The sum of squared errors.
    errors: f64,
}

impl Moments {
    /// Creates the moments of no rows.
    pub fn new(outputs: usize) -> Self {
        Self { rows: 0, outputs: vec![Output::default(); outputs] }
    }

    /// Creates the moments of one row, with one value per output.
    pub fn of_row(truth: &[f32], said: &[f32]) -> Self {
        let output = |(&truth, &said): (&f32, &f32)| {
            let (truth, said) = (f64::from(truth), f64::from(said));
            Output { truth, said, errors: (truth - said).powi(2), ..Output::default() }
        };
        Self { rows: 1, outputs: truth.iter().zip(said).map(output).collect() }
    }

    /// Returns the moments of the same rows if `said`, one value per output, had been predicted for each.
    pub fn saying(&self, said: &[f64]) -> Self {
        let output = |(own, &said): (&Output, &f64)| Output {
            truth: own.truth,
            said,
            truth_squares: own.truth_squares,
            errors: own.truth_squares + f64::from(self.rows) * (own.truth - said).powi(2),
            ..Output::default()
        };
        Self { rows: self.rows, outputs: self.outputs.iter().zip(said).map(output).collect() }
    }

    /// Returns the means of the truth, one per output.
    pub fn truth(&self) -> Vec<f64> {
        self.outputs.iter().map(|output| output.truth).collect()
    }
}

impl Statistic for Moments {
    fn add(&mut self, other: &Self, times: u32) {
        let (old, new) = (f64::from(self.rows), f64::from(other.rows * times));
        if new == 0.0 {
            return;
        }
        let (times_as_float, share) = (f64::from(times), new / (old + new));
        for (sum, part) in self.outputs.iter_mut().zip(&other.outputs) {
            if old == 0.0 {
                (sum.truth, sum.said) = (part.truth, part.said);
            }
            let (truth, said) = (part.truth - sum.truth, part.said - sum.said);
            sum.truth += truth * share;
            sum.said += said * share;
            sum.truth_squares += times_as_float * part.truth_squares + truth * truth * old * share;
            sum.said_squares += times_as_float * part.said_squares + said * said * old * share;
            sum.products += times_as_float * part.products + truth * said * old * share;
            sum.errors += times_as_float * part.errors;
        }
        self.rows += other.rows * times;
    }

    fn clear(&mut self) {
        self.rows = 0;
        self.outputs.fill(Output::default());
    }

    fn rows(&self) -> u32 {
        self.rows
    }

    fn figures(&self) -> Figures {
        let outputs: Vec<Scores> = self.outputs.iter().map(|output| output.scores(self.rows)).collect();
        Figures { all: Scores::mean(&outputs.iter()), outputs }
    }
}

impl Output {
    /// Computes the scores of `rows` predictions. A single one only has an error. The correlation of constant values
    /// is 0.
    fn scores(&self, rows: u32) -> Scores {
        let n = f64::from(rows);
        let gap = self.truth - self.said;
        Scores::new(|measure| match measure {
            Measure::Mse => Some(self.errors / n),
            Measure::Ccc if rows > 1 => {
                Some(ratio(2.0 * self.products, self.truth_squares + self.said_squares + n * gap * gap))
            }
            Measure::Pearson if rows > 1 => {
                Some(ratio(self.products, (self.truth_squares * self.said_squares).sqrt()))
            }
            _ => None,
        })
    }
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: &[(f32, f32)]) -> Moments {
        let mut sum = Moments::new(1);
        rows.iter().for_each(|(truth, said)| sum.add(&Moments::of_row(&[*truth], &[*said]), 1));
        sum
    }

    fn scores(rows: &[(f32, f32)]) -> [Option<f64>; 3] {
        let all = of(rows).figures().all;
        [Measure::Ccc, Measure::Mse, Measure::Pearson].map(|measure| all.get(measure).copied())
    }

    #[test]
    fn by_hand() {
        // Truth 1, 2, 3: mean 2, variance 2/3. Said 2, 4, 6: mean 4, variance 8/3; covariance 4/3.
        // CCC = (8/3) / (2/3 + 8/3 + 4) = 8/22; errors 1, 4, 9.
        let [ccc, mse, pearson] = scores(&[(1.0, 2.0), (2.0, 4.0), (3.0, 6.0)]).map(Option::unwrap);
        assert!((ccc - 4.0 / 11.0).abs() < 1e-15, "{ccc}");
        assert!((mse - 14.0 / 3.0).abs() < 1e-15, "{mse}");
        assert!((pearson - 1.0).abs() < 1e-15, "{pearson}");
        assert_eq!(scores(&[(0.25, 0.25), (0.5, 0.5)]), [Some(1.0), Some(0.0), Some(1.0)]);
        assert_eq!(scores(&[(0.0, 1.0), (1.0, 0.0)]), [Some(-1.0), Some(1.0), Some(-1.0)]);
    }

    #[test]
    fn what_does_not_vary_has_no_correlation() {
        // 0.1 and 0.3 are no binary fractions: sums of them round.
        let constant: Vec<(f32, f32)> = (0..1000).map(|i| (i as f32 / 7.0, 0.1)).collect();
        let [ccc, mse, pearson] = scores(&constant);
        assert_eq!((ccc, pearson), (Some(0.0), Some(0.0)));
        assert!(mse.unwrap() > 1.0);
        let swapped: Vec<(f32, f32)> = constant.iter().map(|&(truth, said)| (said, truth)).collect();
        assert_eq!(scores(&swapped)[0], Some(0.0));
        assert_eq!(scores(&[(0.3, 0.1); 9])[0], Some(0.0));
        assert_eq!(scores(&[(0.3, 0.3); 9])[0], Some(0.0));
    }

    #[test]
    fn one_row_has_an_error_alone() {
        assert_eq!(scores(&[(1.0, 3.0)]), [None, Some(4.0), None]);
    }

    #[test]
    fn parts_add_up() {
        let rows: Vec<(f32, f32)> =
            (0..40).map(|i| (1e4 + (i * 7 % 11) as f32, (i * 5 % 13) as f32)).collect();
        let mut joined = of(&rows[..9]);
        joined.add(&of(&rows[9..]), 2);
        let twice = of(&[&rows[..], &rows[9..]].concat());
        assert_eq!(joined.rows(), 71);
        for measure in [Measure::Ccc, Measure::Mse, Measure::Pearson] {
            let [a, b] = [&joined, &twice].map(|sum| *sum.figures().all.get(measure).unwrap());
            assert!((a - b).abs() <= 1e-10 * b.abs(), "{measure:?}: {a} {b}");
        }
        let before = joined.clone();
        joined.add(&of(&rows), 0);
        assert_eq!(joined, before);
        joined.clear();
        joined.add(&before, 1);
        assert_eq!(joined, before);
    }

    #[test]
    fn saying_one_thing_is_predicting_it() {
        let rows = [(0.2, 0.9), (0.5, 0.1), (0.9, 0.4)];
        let constant = rows.map(|(truth, _)| (truth, 0.25));
        let [said, predicted] =
            [of(&rows).saying(&[0.25]), of(&constant)].map(|moments| moments.figures().all);
        assert_eq!(said.get(Measure::Ccc), Some(&0.0));
        let mse = |scores: Scores| *scores.get(Measure::Mse).unwrap();
        assert!((mse(said) - mse(predicted)).abs() < 1e-15);
    }
}
