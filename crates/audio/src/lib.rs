//! Decoding audio files to mono f32 samples at a given rate, and fitting them to a length.
//!
//! [`load`] is the usual entry point: [`decode`], average the channels, [`resample`]. [`digest`] identifies decoded
//! audio, whatever its file format. [`noisy_copy`] augments. [`voice`] synthesises emotional speech for tests,
//! demonstrations and machines without corpora.

mod container;
mod decode;
mod decoded;
mod digest;
mod draws;
mod error;
mod excerpt;
mod fit;
mod gaussian;
mod level;
mod limit;
mod linear;
mod load;
mod low_pass;
mod noise;
mod resample;
pub mod voice;
mod write;

pub use container::is_audio;
pub use decode::decode;
pub use decoded::{Decoded, Truncated};
pub use digest::digest;
pub use error::{AudioError, AudioFault, RateError};
pub use excerpt::Excerpt;
pub use fit::{cut, fit, fit_with_own_samples};
pub use level::at_peak;
pub use limit::DECODED_BYTES_PER_BYTE;
pub use load::load;
pub use noise::noisy_copy;
pub use resample::{Resampler, resample};
pub use write::write_wav_i16;
