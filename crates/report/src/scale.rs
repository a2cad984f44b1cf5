//! Where the axis of a plot ends, and where a figure stands on it.

use crate::text::percent;

/// The place of a fraction on a line from 0 to 100 percent. CCC may lie below 0: it then stands at 0.
pub(crate) fn place(fraction: f64) -> String {
    percent(fraction.clamp(0.0, 1.0))
}

/// The next of 1, 1.5, 2, 3, 4, 5, 6, 8, 10 times a power of ten.
pub(crate) fn nice(value: f64) -> f64 {
    let power = 10.0_f64.powf(value.max(1e-6).log10().floor());
    let steps = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|top| *top >= value).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nice_numbers() {
        assert_eq!([-0.2, 0.654].map(place), ["0.0", "65.4"]);
        assert_eq!([0.07, 1.0, 1.2, 23.0].map(nice), [0.08, 1.0, 1.5, 30.0]);
    }
}
