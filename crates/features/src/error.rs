//! What can be wrong with a feature's config.

/// A config that no feature can be computed with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeatureError {
    /// A number that must be larger.
    #[error("`{name}` is {value}: expected at least {least}")]
    TooSmall {
        /// The field of the config.
        name: &'static str,
        /// Its value.
        value: usize,
        /// The least value that works.
        least: usize,
    },
    /// An FFT of odd length.
    #[error("`n_fft` is {0}: expected an even number, best a power of two such as 2048")]
    OddFft(usize),
    /// No range of values.
    #[error("`range_db` is {lowest} to {highest}: expected two finite numbers, the lower one first")]
    Range {
        /// What gets the first colour.
        lowest: String,
        /// What gets the last.
        highest: String,
    },
    /// More coefficients than there are bands.
    #[error("`n_mfcc` is {n_mfcc} but there are only {n_mels} mel bands: raise `n_mels` or lower `n_mfcc`")]
    TooManyCoefficients {
        /// Coefficients asked for.
        n_mfcc: usize,
        /// Bands there are.
        n_mels: usize,
    },
}

/// `value`, if it is at least `least`.
pub(crate) fn at_least(name: &'static str, value: usize, least: usize) -> Result<(), FeatureError> {
    if value < least { Err(FeatureError::TooSmall { name, value, least }) } else { Ok(()) }
}
