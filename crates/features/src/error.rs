//! Errors of feature configs.

/// An error for a config with which a feature cannot be computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeatureError {
    /// A number below its minimum.
    #[error("`{name}` is {value}: expected at least {least}")]
    TooSmall {
        /// The field of the config.
        name: &'static str,
        /// Its value.
        value: usize,
        /// The minimum.
        least: usize,
    },
    /// An odd FFT length.
    #[error("`n_fft` is {0}: expected an even number, preferably a power of two such as 2048")]
    OddFft(usize),
    /// A range of values that is empty or not finite.
    #[error("`range_db` is {lowest} to {highest}: expected two finite numbers, the lower one first")]
    Range {
        /// The lower end, which gets the first colour.
        lowest: String,
        /// The upper end, which gets the last colour.
        highest: String,
    },
    /// More coefficients than bands.
    #[error("`n_mfcc` is {n_mfcc} but there are only {n_mels} mel bands: raise `n_mels` or lower `n_mfcc`")]
    TooManyCoefficients {
        /// Number of coefficients requested.
        n_mfcc: usize,
        /// Number of bands.
        n_mels: usize,
    },
}

/// Checks that `value` is at least `least`.
pub(crate) fn at_least(name: &'static str, value: usize, least: usize) -> Result<(), FeatureError> {
    if value < least { Err(FeatureError::TooSmall { name, value, least }) } else { Ok(()) }
}
