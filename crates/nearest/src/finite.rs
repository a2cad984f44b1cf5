//! Which values can be computed with.

/// The largest magnitude of a value: squared and summed over any width it stays finite in f32.
pub const LARGEST: f32 = 1e15;

/// Returns the place of the first value that is not finite or beyond [`LARGEST`].
#[must_use]
pub fn first_beyond(values: &[f32]) -> Option<usize> {
    let sound = |value: &f32| value.abs() <= LARGEST;
    // Without a way out of the loop, it is done many values at a time.
    if values.iter().fold(true, |all, value| all & sound(value)) {
        return None;
    }
    values.iter().position(|value| !sound(value))
}
