//! Power on a logarithmic scale.

use affekt_spec::Spec;

/// The power that is 0 dB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum Reference {
    /// The maximum (`ref=np.max`): nothing is above 0 dB, however loud a recording is.
    Max,
    /// 1 (`ref=1.0`): differences in loudness between recordings remain.
    One,
}

/// Converts power to decibels in place, like `librosa.power_to_db` with `amin=1e-10`: 10 log₁₀(p / reference) with p
/// and reference at least 1e-10, clipped at `top_db` below the largest value, if given.
///
/// Complete silence is at the maximum everywhere: 0 dB relative to it, -100 dB relative to 1.
pub fn power_to_db(power: &mut [f32], reference: Reference, top_db: Option<f32>) {
    const LEAST_POWER: f32 = 1e-10;
    // The logarithm to base 2 is the fastest, and equally accurate.
    const DB_PER_OCTAVE: f32 = 10.0 * std::f32::consts::LOG10_2;
    let mut largest = f32::NEG_INFINITY;
    for value in &mut *power {
        *value = DB_PER_OCTAVE * value.max(LEAST_POWER).log2();
        largest = largest.max(*value);
    }
    let floor = top_db.map_or(f32::NEG_INFINITY, |top_db| largest - top_db);
    let zero = match reference {
        Reference::Max => largest,
        Reference::One => 0.0,
    };
    for value in power {
        *value = value.max(floor) - zero;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POWER: [f32; 4] = [1e-3, 1e2, 0.0, 1e-5];

    fn check(power: &[f32], reference: Reference, top_db: Option<f32>, expected: &[f32]) {
        let mut db = power.to_vec();
        power_to_db(&mut db, reference, top_db);
        for (db, expected) in db.into_iter().zip(expected) {
            assert!((db - expected).abs() < 1e-5, "{reference:?}, {top_db:?}: {db} dB instead of {expected}");
        }
    }

    #[test]
    fn reference_and_range() {
        check(&POWER, Reference::One, Some(80.0), &[-30.0, 20.0, -60.0, -50.0]);
        check(&POWER, Reference::Max, Some(80.0), &[-50.0, 0.0, -80.0, -70.0]);
        check(&POWER, Reference::One, None, &[-30.0, 20.0, -100.0, -50.0]);
        check(&POWER, Reference::Max, Some(60.0), &[-50.0, 0.0, -60.0, -60.0]);
        check(&[0.0; 2], Reference::One, Some(80.0), &[-100.0; 2]);
        check(&[0.0; 2], Reference::Max, Some(80.0), &[0.0; 2]);
    }
}
