//! Power on a logarithmic scale.

#[cfg(target_arch = "x86_64")]
use affekt_simd::Level;
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
    #[cfg(target_arch = "x86_64")]
    match Level::highest() {
        // SAFETY: the processor has it.
        Level::Avx512 | Level::Vnni => return unsafe { power_to_db_avx512(power, reference, top_db) },
        // SAFETY: as above.
        Level::Avx2 => return unsafe { power_to_db_avx2(power, reference, top_db) },
        Level::Portable => {}
    }
    power_to_db_any(power, reference, top_db);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
fn power_to_db_avx512(power: &mut [f32], reference: Reference, top_db: Option<f32>) {
    power_to_db_any(power, reference, top_db);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn power_to_db_avx2(power: &mut [f32], reference: Reference, top_db: Option<f32>) {
    power_to_db_any(power, reference, top_db);
}

/// Nothing here is rounded otherwise in wider registers.
#[inline(always)]
fn power_to_db_any(power: &mut [f32], reference: Reference, top_db: Option<f32>) {
    const LEAST_POWER: f32 = 1e-10;
    // The logarithm to base 2 is the fastest, and equally accurate.
    const DB_PER_OCTAVE: f32 = 10.0 * std::f32::consts::LOG10_2;
    for value in &mut *power {
        *value = DB_PER_OCTAVE * log2(if *value > LEAST_POWER { *value } else { LEAST_POWER });
    }
    let largest = largest(power);
    let floor = top_db.map_or(f32::NEG_INFINITY, |top_db| largest - top_db);
    let zero = match reference {
        Reference::Max => largest,
        Reference::One => 0.0,
    };
    for value in power {
        *value = if *value > floor { *value } else { floor } - zero;
    }
}

/// Computes the logarithm to base 2 of a normal number, to two units of its last place: of the mantissa m in √½..√2 by
/// ln m = 2 artanh((m − 1) / (m + 1)), whose series converges quickly.
#[inline(always)]
fn log2(value: f32) -> f32 {
    const ROOT_OF_HALF: u32 = std::f32::consts::FRAC_1_SQRT_2.to_bits();
    const MANTISSA_BITS: u32 = 23;
    const FACTOR: f32 = 2.0 * std::f32::consts::LOG2_E;
    let bits = value.to_bits();
    let exponent = bits.wrapping_sub(ROOT_OF_HALF) as i32 >> MANTISSA_BITS;
    let mantissa = f32::from_bits(bits.wrapping_sub((exponent << MANTISSA_BITS) as u32));
    let part = (mantissa - 1.0) / (mantissa + 1.0);
    let square = part * part;
    let series =
        1.0 + square * (1.0 / 3.0 + square * (1.0 / 5.0 + square * (1.0 / 7.0 + square * (1.0 / 9.0))));
    exponent as f32 + FACTOR * part * series
}

#[inline(always)]
fn largest(values: &[f32]) -> f32 {
    const LANES: usize = 32;
    let mut most = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            most[lane] = if chunk[lane] > most[lane] { chunk[lane] } else { most[lane] };
        }
    }
    most.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
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

    #[test]
    fn logarithms_are_accurate() {
        for step in 0..100_000 {
            let value = 1e-10 * 1.000_5_f32.powi(step);
            if !value.is_finite() {
                break;
            }
            let (found, expected) = (f64::from(log2(value)), f64::from(value).log2());
            assert!(
                (found - expected).abs() <= 2.0 * f64::from(f32::EPSILON) * expected.abs().max(1e-3),
                "{value}: {found}"
            );
        }
        assert_eq!(log2(1.0), 0.0);
        assert_eq!(log2(1024.0), 10.0);
    }
}
