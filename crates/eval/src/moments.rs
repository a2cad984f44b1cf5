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
    fn add(&mut self, other: &Self) {
        let (old, new) = (f64::from(self.rows), f64::from(other.rows));
        if new == 0.0 {
            return;
        }
        let share = new / (old + new);
        for (sum, part) in self.outputs.iter_mut().zip(&other.outputs) {
            if old == 0.0 {
                (sum.truth, sum.said) = (part.truth, part.said);
            }
            let (truth, said) = (part.truth - sum.truth, part.said - sum.said);
            sum.truth += truth * share;
            sum.said += said * share;
            sum.truth_squares += part.truth_squares + truth * truth * old * share;
            sum.said_squares += part.said_squares + said * said * old * share;
            sum.products += part.products + truth * said * old * share;
            sum.errors += part.errors;
        }
        self.rows += other.rows;
    }

    fn rows(&self) -> u32 {
        self.rows
    }

    fn figures(&self) -> Figures {
        let outputs: Vec<Scores> = self.outputs.iter().map(|output| output.scores(self.rows)).collect();
        Figures { all: Scores::mean(&outputs.iter()), outputs }
    }

    fn columns(&self) -> usize {
        1 + SUMS * self.outputs.len()
    }

    /// Writes the number of rows, then each output's [`Output::sums`] of deviations from the total's means. Deviations of
    /// what is constant are exactly 0.
    fn write(&self, total: &Self, row: &mut Vec<f64>) {
        row.push(f64::from(self.rows));
        for (output, total) in self.outputs.iter().zip(&total.outputs) {
            row.extend(output.sums(f64::from(self.rows), total));
        }
    }

    fn drawn(&self, sums: &[f64]) -> Option<Figures> {
        let (&rows, sums) = sums.split_first()?;
        let drawn = self.outputs.iter().zip(sums.chunks_exact(SUMS));
        let outputs = drawn.map(|(total, sums)| Output::of_sums(rows, sums, total)).collect();
        let drawn = Self { rows: rows as u32, outputs };
        (drawn.rows > 0).then(|| drawn.figures())
    }
}

/// The number of sums of an output.
const SUMS: usize = 6;

/// The part of a sum of squares about a mean of other rows that may be rounding, where nothing varies.
const ROUNDING: f64 = 1e-12;

impl Output {
    /// Returns the sums of both deviations from `origin`'s means, of their squares and products, and of squared errors.
    fn sums(&self, rows: f64, origin: &Self) -> [f64; SUMS] {
        let (truth, said) = (self.truth - origin.truth, self.said - origin.said);
        [
            rows * truth,
            rows * said,
            self.truth_squares + rows * truth * truth,
            self.said_squares + rows * said * said,
            self.products + rows * truth * said,
            self.errors,
        ]
    }

    /// Computes the moments of `rows` rows from such sums.
    fn of_sums(rows: f64, sums: &[f64], origin: &Self) -> Self {
        let (truth, said) = (sums[0] / rows, sums[1] / rows);
        let about_mean = |squares: f64, mean: f64| {
            let own = squares - rows * mean * mean;
            if own > ROUNDING * squares { own } else { 0.0 }
        };
        let (truth_squares, said_squares) = (about_mean(sums[2], truth), about_mean(sums[3], said));
        let varies = truth_squares > 0.0 && said_squares > 0.0;
        Self {
            truth: origin.truth + truth,
            said: origin.said + said,
            truth_squares,
            said_squares,
            products: if varies { sums[4] - rows * truth * said } else { 0.0 },
            errors: sums[5],
        }
    }

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
        rows.iter().for_each(|(truth, said)| sum.add(&Moments::of_row(&[*truth], &[*said])));
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
        joined.add(&of(&rows[9..]));
        assert_eq!(joined.rows(), 40);
        for measure in [Measure::Ccc, Measure::Mse, Measure::Pearson] {
            let [a, b] = [&joined, &of(&rows)].map(|sum| *sum.figures().all.get(measure).unwrap());
            assert!((a - b).abs() <= 1e-10 * b.abs(), "{measure:?}: {a} {b}");
        }
        let before = joined.clone();
        joined.add(&Moments::new(1));
        assert_eq!(joined, before);
    }

    /// The figures of a draw that has each part `times` times.
    fn drawn(parts: &[(&[(f32, f32)], u32)]) -> Option<Figures> {
        let mut total = Moments::new(1);
        parts.iter().for_each(|(rows, _)| total.add(&of(rows)));
        let mut sums = vec![0.0; total.columns()];
        for (rows, times) in parts {
            let mut row = Vec::new();
            of(rows).write(&total, &mut row);
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*times) * value);
        }
        total.drawn(&sums)
    }

    #[test]
    fn a_draw_has_the_figures_of_its_rows() {
        // Far from 0 beside how they vary.
        let rows: Vec<(f32, f32)> =
            (0..60).map(|i| (1e4 + (i * 7 % 11) as f32, 9e3 + (i * 5 % 13) as f32)).collect();
        let parts = [(&rows[..9], 2), (&rows[9..30], 0), (&rows[30..], 1)];
        let twice = of(&[&rows[..9], &rows[..9], &rows[30..]].concat());
        let (drawn, twice) = (drawn(&parts).unwrap().all, twice.figures().all);
        for measure in [Measure::Ccc, Measure::Mse, Measure::Pearson] {
            let [a, b] = [drawn, twice].map(|scores| *scores.get(measure).unwrap());
            assert!((a - b).abs() <= 1e-12 * b.abs(), "{measure:?}: {a} {b}");
        }
    }

    #[test]
    fn what_does_not_vary_in_a_draw_has_no_correlation_in_it() {
        let (constant, varying) = (vec![(0.3, 0.1); 9], [(0.7, 0.2), (0.1, 0.9)]);
        let figures = drawn(&[(&constant, 3), (&varying, 0)]).unwrap().all;
        let [ccc, pearson] = [Measure::Ccc, Measure::Pearson].map(|measure| figures.get(measure));
        assert_eq!((ccc, pearson), (Some(&0.0), Some(&0.0)));
        let alike = vec![(0.3, 0.3); 7];
        let figures = drawn(&[(&alike, 2), (&varying, 0)]).unwrap().all;
        assert_eq!(figures.get(Measure::Ccc), Some(&0.0));
        assert!(drawn(&[(&constant, 0), (&varying, 0)]).is_none());
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
