//! Scales of plots: the end of an axis, its grid, and positions on it.

use serde::Serialize;

use crate::text::percent;

/// Returns the position of a fraction on a line from 0 to 100 percent. CCC below 0 is placed at 0.
pub(crate) fn place(fraction: f64) -> String {
    percent(fraction.clamp(0.0, 1.0))
}

/// Rounds up to 1, 1.5, 2, 3, 4, 5, 6, 8 or 10 times a power of ten.
pub(crate) fn nice(value: f64) -> f64 {
    let power = 10.0_f64.powf(value.max(1e-6).log10().floor());
    let steps = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|top| *top >= value).unwrap_or(value)
}

/// The frame of a plot, in its own units.
#[derive(Serialize, Clone, Copy)]
pub(crate) struct Frame {
    pub width: f64,
    pub height: f64,
    // `left`, `right`, `top` and `bottom` bound the plot area.
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
}

/// A grid line.
#[derive(Serialize)]
pub(crate) struct Tick {
    /// Position on the axis, from 0 to 1.
    #[serde(skip)]
    pub share: f64,
    /// Position in percent.
    at: String,
    /// The label.
    pub label: String,
}

/// An axis from one grid line to another.
pub(crate) struct Grid {
    low: f64,
    high: f64,
    step: f64,
}

impl Grid {
    /// Creates an axis that covers `values` in percent, of which there must be one.
    pub fn of_percents(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = ends(values);
        let step = match high - low {
            ..30.0 => 5.0,
            30.0..60.0 => 10.0,
            _ => 20.0,
        };
        let low = (low / step).floor() * step;
        Self { low, high: ((high / step).ceil() * step).clamp(low + step, 100.0_f64.max(low + step)), step }
    }

    /// Creates an axis that covers `values`, of which there must be one.
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = ends(values);
        let span = if high > low { high - low } else { high.abs().max(1e-3) };
        // Three to six lines.
        let power = 10.0_f64.powf((span / 5.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power);
        let step = step.into_iter().find(|step| span / step <= 5.0).unwrap_or(span);
        let low = (low / step).floor() * step;
        Self { low, high: ((high / step).ceil() * step).max(low + step), step }
    }

    pub fn ticks(&self) -> Vec<Tick> {
        let number = ((self.high - self.low) / self.step).round() as u32;
        let decimals = (-self.step.log10().floor()).max(0.0) as usize;
        let label = |i: u32| self.low + f64::from(i) * self.step;
        let text = |value: f64| format!("{value:.decimals$}").replace('-', "−");
        let tick = |value: f64| Tick { share: self.share(value), at: self.place(value), label: text(value) };
        (0..=number).map(|i| tick(label(i))).collect()
    }

    /// Returns the position of a value, from 0 to 1.
    pub fn share(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// Returns the position of a value, in percent of the axis.
    pub fn place(&self, value: f64) -> String {
        format!("{:.2}", 100.0 * self.share(value))
    }
}

/// An axis from the least to the greatest value; logarithmic if all are positive and the greatest is more than
/// [`LOGARITHMIC`] times the least.
pub(crate) struct Spread {
    low: f64,
    high: f64,
    pub is_logarithmic: bool,
}

/// The ratio of values above which a linear axis would not separate them.
const LOGARITHMIC: f64 = 50.0;

impl Spread {
    /// Creates the axis of `values`, of which there must be one.
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = ends(values);
        Self { low, high, is_logarithmic: low > 0.0 && high / low > LOGARITHMIC }
    }

    /// Returns the position of a value, from 0 to 1; a single value is in the middle.
    pub fn share(&self, value: f64) -> f64 {
        let on = |value: f64| if self.is_logarithmic { value.ln() } else { value };
        let (low, high) = (on(self.low), on(self.high));
        if high > low { (on(value) - low) / (high - low) } else { 0.5 }
    }
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nice_numbers() {
        assert_eq!([-0.2, 0.654].map(place), ["0.0", "65.4"]);
        assert_eq!([0.07, 1.0, 1.2, 23.0].map(nice), [0.08, 1.0, 1.5, 30.0]);
    }
    #[test]
    fn grids_of_percents_end_on_their_lines() {
        let grid = |values: &[f64]| {
            let grid = Grid::of_percents(values.iter().copied());
            (labels(&grid), grid.place(values[0]))
        };
        assert_eq!(grid(&[66.0, 81.0]), ("65 70 75 80 85".into(), "5.00".into()));
        assert_eq!(grid(&[70.0, 25.0]), ("20 30 40 50 60 70".into(), "100.00".into()));
        assert_eq!(grid(&[102.0, 98.0]), ("95 100".into(), "100.00".into()));
        assert_eq!(grid(&[50.0]), ("50 55".into(), "0.00".into()));
        assert_eq!(grid(&[-12.0, 90.0]).0, "−20 0 20 40 60 80 100");
    }

    #[test]
    fn grids_of_numbers_have_round_lines() {
        let grid = |values: &[f64]| labels(&Grid::of(values.iter().copied()));
        assert_eq!(grid(&[0.41, 1.93]), "0.0 0.5 1.0 1.5 2.0");
        assert_eq!(grid(&[0.012, 0.0135]), "0.0120 0.0125 0.0130 0.0135");
        assert_eq!(grid(&[-3.0, 40.0]), "−10 0 10 20 30 40");
        assert_eq!(grid(&[2.0]), "2.0 2.5");
    }

    fn labels(grid: &Grid) -> String {
        grid.ticks().into_iter().map(|tick| tick.label).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn orders_of_magnitude_are_spread_evenly() {
        let rates = Spread::of([1e-5, 1e-2].into_iter());
        assert!(rates.is_logarithmic && (rates.share(1e-4) - 1.0 / 3.0).abs() < 1e-12);
        let sizes = Spread::of([16.0, 64.0].into_iter());
        assert!(!sizes.is_logarithmic && (sizes.share(32.0) - 1.0 / 3.0).abs() < 1e-12);
        assert!(!Spread::of([0.0, 100.0].into_iter()).is_logarithmic);
        assert_eq!(Spread::of([3.0].into_iter()).share(3.0), 0.5);
    }
}
