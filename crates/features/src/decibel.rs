//! Power on a logarithmic scale.

/// `librosa.power_to_db` in place, with its defaults (`ref=1`, `amin=1e-10`, `top_db=80`): 10 log₁₀(p) with p at
/// least 1e-10, and nothing more than 80 dB below the largest value.
pub fn power_to_db(power: &mut [f32]) {
    const LEAST_POWER: f32 = 1e-10;
    const RANGE_DB: f32 = 80.0;
    // The logarithm to base 2 is the fastest one, and as exact.
    const DB_PER_OCTAVE: f32 = 10.0 * std::f32::consts::LOG10_2;
    let mut largest = f32::NEG_INFINITY;
    for value in &mut *power {
        *value = DB_PER_OCTAVE * value.max(LEAST_POWER).log2();
        largest = largest.max(*value);
    }
    let floor = largest - RANGE_DB;
    for value in power {
        *value = value.max(floor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_of_eighty_decibels() {
        let mut db = [1e-3, 1e2, 0.0, 1e-5];
        power_to_db(&mut db);
        for (db, expected) in db.into_iter().zip([-30.0, 20.0, -60.0, -50.0]) {
            assert!((db - expected).abs() < 1e-5, "{db} dB instead of {expected}");
        }
        let mut silence = [0.0; 2];
        power_to_db(&mut silence);
        assert!(silence.iter().all(|db| (db + 100.0).abs() < 1e-5), "{silence:?}");
    }
}
