//! Encoders: what each family is made of, in the words of the program that published it.

mod family;
mod fields;
mod relatives;
mod speech;
mod trained_on;
mod vgg16;
mod wav2vec;
mod wav2vec2;
mod whisper;

pub use family::Family;
pub use relatives::{RELATIVES, Relative};
pub use speech::SpeechConfig;
pub use trained_on::{SeenLabels, TrainedOn};
pub use vgg16::{Normalisation, Vgg16Config, Vgg16Layer};
pub use wav2vec::Wav2VecConfig;
pub use wav2vec2::{
    Activation, Architecture, ConfigError, EncoderConfig, FeatureNorm, PUBLISHED_KERNELS, PUBLISHED_STRIDES,
};
pub use whisper::WhisperConfig;
