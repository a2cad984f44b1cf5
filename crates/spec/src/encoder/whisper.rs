//! The configuration of Whisper's encoder (Radford et al., arXiv 2212.04356), under the names of transformers' `config.json`.
//!
//! It hears a window of 30 s: what is shorter is filled with silence, which it attends to like any sound. `cut_positions` has it hear
//! the clip alone.

use serde_json::{Map, Value};

use super::fields;
use super::wav2vec2::{Activation, ConfigError, MAX_SIZE};
use crate::Spec;

/// The fields of transformers' `WhisperConfig` that concern the encoder, with the defaults of transformers 5.17.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct WhisperConfig {
    /// The architecture: always `whisper`.
    #[spec(default = Self::MODEL_TYPE.into())]
    pub model_type: String,
    /// Number of bands of the mel spectrogram.
    #[spec(default = 80)]
    pub num_mel_bins: usize,
    /// Width of the transformer.
    #[spec(default = 384)]
    pub d_model: usize,
    /// Number of layers of the transformer.
    #[spec(default = 4)]
    pub encoder_layers: usize,
    /// Number of heads of each self-attention.
    #[spec(default = 6)]
    pub encoder_attention_heads: usize,
    /// Width of the feed-forward network of a layer.
    #[spec(default = 1536)]
    pub encoder_ffn_dim: usize,
    /// Activation of the feed-forward network.
    #[spec(default = Activation::Gelu)]
    pub activation_function: Activation,
    /// Dropout rate of the embedded input and of both branches of a layer.
    #[spec(default = 0.0)]
    pub dropout: f64,
    /// Dropout rate of attention weights.
    #[spec(default = 0.0)]
    pub attention_dropout: f64,
    /// Dropout rate within the feed-forward network.
    #[spec(default = 0.0)]
    pub activation_dropout: f64,
    /// Rate at which layers are skipped in training.
    #[spec(default = 0.0)]
    pub encoder_layerdrop: f64,
    /// Standard deviation of the initial weights of linear maps.
    #[spec(default = 0.02)]
    pub init_std: f64,
    /// Number of positions: frames of the window, 20 ms each.
    #[spec(default = 1500)]
    pub max_source_positions: usize,
    /// Whether a clip is heard alone, by as many positions as it has frames, and not in the middle of silence. It is no field of
    /// transformers.
    #[spec(default = false, hidden)]
    pub cut_positions: bool,
}

/// Samples between frames of the mel spectrogram.
const HOP: usize = 160;

/// Frames of the mel spectrogram between frames of the transformer: the second convolution's stride.
const STRIDE: usize = 2;

impl WhisperConfig {
    /// What its `model_type` says.
    pub const MODEL_TYPE: &str = "whisper";

    /// Samples of the spectrogram's windows.
    pub const N_FFT: usize = 400;

    /// Samples between frames of the spectrogram.
    pub const HOP: usize = HOP;

    /// Fields that are left out of what is stored where they have their defaults.
    pub(super) const OMITTED: &[&str] = &["cut_positions"];

    /// Selects the fields of a `config.json` that concern the encoder.
    pub(super) fn known_fields(fields: &Map<String, Value>) -> Map<String, Value> {
        let known = fields::of(&Self::default());
        let is_known = |field: &str| known.contains_key(field) || Self::OMITTED.contains(&field);
        let own = fields.iter().filter(|(field, value)| is_known(field) && !value.is_null());
        own.map(|(field, value)| (field.clone(), value.clone())).collect()
    }

    /// Returns this configuration with some fields replaced.
    ///
    /// # Errors
    /// Fails if a field is unknown or the result is invalid.
    pub fn with(&self, fields: &Map<String, Value>) -> Result<Self, ConfigError> {
        let config = fields::with(self, fields, Self::set)?;
        config.check()?;
        Ok(config)
    }

    /// Returns this configuration with one field replaced, without checking the result.
    ///
    /// # Errors
    /// Fails if the field is unknown or the value has another type.
    pub fn set(&self, field: &str, value: &Value) -> Result<Self, ConfigError> {
        fields::set(self, field, value, Self::OMITTED)
    }

    /// Checks that the network can be built.
    ///
    /// # Errors
    /// Fails with the first field that is unsupported or contradicts another.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.model_type != Self::MODEL_TYPE {
            let (field, value) = ("model_type", self.model_type.clone());
            return Err(ConfigError::Unsupported { field, value, supported: Self::MODEL_TYPE });
        }
        for (field, value) in [
            ("num_mel_bins", self.num_mel_bins),
            ("d_model", self.d_model),
            ("encoder_layers", self.encoder_layers),
            ("encoder_attention_heads", self.encoder_attention_heads),
            ("encoder_ffn_dim", self.encoder_ffn_dim),
            ("max_source_positions", self.max_source_positions),
        ] {
            if !(1..=MAX_SIZE).contains(&value) {
                return Err(ConfigError::Size { field, value });
            }
        }
        if !self.d_model.is_multiple_of(self.encoder_attention_heads) {
            let (field, whole) = ("d_model", self.d_model);
            let (divisor, parts) = ("encoder_attention_heads", self.encoder_attention_heads);
            return Err(ConfigError::Division { field, whole, divisor, parts });
        }
        // Sines and cosines of as many frequencies, two at the least.
        if self.d_model % 2 == 1 || self.d_model < 4 {
            return Err(ConfigError::Size { field: "d_model", value: self.d_model });
        }
        for (field, share) in [
            ("dropout", self.dropout),
            ("attention_dropout", self.attention_dropout),
            ("activation_dropout", self.activation_dropout),
            ("encoder_layerdrop", self.encoder_layerdrop),
        ] {
            if !(0.0..1.0).contains(&share) {
                return Err(ConfigError::Share { field, value: share.to_string() });
            }
        }
        Ok(())
    }

    /// Returns the number of samples of the window at 16 kHz: 480 000, which are 30 s.
    #[must_use]
    pub const fn window(&self) -> usize {
        self.max_source_positions * STRIDE * HOP
    }

    /// Returns how many frames of the mel spectrogram are a clip's own.
    #[must_use]
    pub const fn mel_frames(&self, samples: usize) -> usize {
        if self.cut_positions { samples / HOP } else { samples.div_ceil(HOP) }
    }

    /// Returns the number of frames for a number of samples.
    #[must_use]
    pub const fn frames(&self, samples: usize) -> usize {
        self.mel_frames(samples).div_ceil(STRIDE)
    }

    /// Returns how many samples a clip needs at the least: a window of the spectrogram where nothing is put behind it.
    #[must_use]
    pub const fn least_samples(&self) -> usize {
        if self.cut_positions { Self::N_FFT } else { 1 }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn frames_of_thirty_seconds() {
        let whole = WhisperConfig::default();
        assert_eq!(
            (whole.window(), whole.frames(480_000), whole.frames(16_000), whole.frames(1)),
            (480_000, 1500, 50, 1)
        );
        let cut = WhisperConfig { cut_positions: true, ..whole };
        assert_eq!((cut.frames(480_000), cut.frames(16_001), cut.frames(400)), (1500, 50, 1));
    }

    #[test]
    fn a_file_says_more_than_the_encoder_reads() {
        let file = json!({ "model_type": "whisper", "d_model": 512, "encoder_attention_heads": 8, "decoder_layers": 6, "pad_token_id": null });
        let known = WhisperConfig::known_fields(file.as_object().unwrap());
        let config = WhisperConfig::default().with(&known).unwrap();
        assert_eq!((config.d_model, config.encoder_attention_heads), (512, 8));
        let wrong = config.set("d_model", &json!(500)).unwrap().check().unwrap_err().to_string();
        assert!(wrong.contains("a multiple of `encoder_attention_heads`"), "{wrong}");
    }
}
