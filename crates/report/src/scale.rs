//! Where the axis of a plot ends.

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
        assert_eq!([0.07, 1.0, 1.2, 23.0].map(nice), [0.08, 1.0, 1.5, 30.0]);
    }
}
