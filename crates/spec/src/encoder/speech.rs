//! The configuration of an encoder of speech: one that reads waveforms and gives hidden states, whichever family it is of.
//!
//! Networks are fine-tuned around it, `embed` freezes it. A family is a variant here, its configuration a file beside.

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ConfigError, EncoderConfig, RELATIVES, Relative, WhisperConfig, fields};

/// The configuration of an encoder of speech.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum SpeechConfig {
    /// wav2vec 2.0 and its relatives.
    Wav2Vec2(Box<EncoderConfig>),
    /// Whisper's encoder.
    Whisper(Box<WhisperConfig>),
}

impl SpeechConfig {
    /// Creates a configuration from fields; omitted ones are those of the family's published BASE.
    ///
    /// # Errors
    /// Fails if the family or a field is unknown, or the result is invalid.
    pub fn of(fields: &Map<String, Value>) -> Result<Self, ConfigError> {
        if model_type(fields) == Some(WhisperConfig::MODEL_TYPE) {
            return WhisperConfig::default().with(fields).map(Self::from);
        }
        let relative = model_type(fields).and_then(Relative::of);
        relative.map_or_else(EncoderConfig::default, Relative::config).with(fields).map(Self::from)
    }

    /// Selects the fields of a `config.json` that concern the encoder.
    ///
    /// # Errors
    /// Fails if it is of another kind of model or asks for what is not supported.
    pub fn known_fields(fields: &Map<String, Value>) -> Result<Map<String, Value>, ConfigError> {
        match model_type(fields) {
            Some(WhisperConfig::MODEL_TYPE) => Ok(WhisperConfig::known_fields(fields)),
            _ => EncoderConfig::known_fields(fields),
        }
    }

    /// Returns the usual name of the family.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Wav2Vec2(config) => config.relative().map_or("wav2vec 2.0", |relative| relative.name),
            Self::Whisper(_) => "Whisper",
        }
    }

    /// Returns its `model_type`.
    #[must_use]
    pub fn model_type(&self) -> &str {
        match self {
            Self::Wav2Vec2(config) => &config.model_type,
            Self::Whisper(config) => &config.model_type,
        }
    }

    /// Returns the configuration, if it is a wav2vec 2.0 or a relative.
    #[must_use]
    pub const fn wav2vec2(&self) -> Option<&EncoderConfig> {
        match self {
            Self::Wav2Vec2(config) => Some(config),
            Self::Whisper(_) => None,
        }
    }

    /// Returns the width of a hidden state.
    #[must_use]
    pub const fn width(&self) -> usize {
        match self {
            Self::Wav2Vec2(config) => config.hidden_size,
            Self::Whisper(config) => config.d_model,
        }
    }

    /// Returns the number of layers of the transformer.
    #[must_use]
    pub const fn layers(&self) -> usize {
        match self {
            Self::Wav2Vec2(config) => config.num_hidden_layers,
            Self::Whisper(config) => config.encoder_layers,
        }
    }

    /// Returns the same encoder with the first `layers` layers alone.
    #[must_use]
    pub fn with_layers(mut self, layers: usize) -> Self {
        match &mut self {
            Self::Wav2Vec2(config) => config.num_hidden_layers = layers,
            Self::Whisper(config) => config.encoder_layers = layers,
        }
        self
    }

    /// Returns whether there is a norm behind the last layer that is no part of any layer.
    #[must_use]
    pub const fn has_final_norm(&self) -> bool {
        match self {
            Self::Wav2Vec2(config) => config.do_stable_layer_norm,
            Self::Whisper(_) => true,
        }
    }

    /// Returns the number of frames for a number of samples at 16 kHz.
    #[must_use]
    pub fn frames(&self, samples: usize) -> usize {
        match self {
            Self::Wav2Vec2(config) => config.frames(samples),
            Self::Whisper(config) => config.frames(samples),
        }
    }

    /// Returns how many samples a clip needs at the least.
    #[must_use]
    pub fn least_samples(&self) -> usize {
        match self {
            Self::Wav2Vec2(config) => config.samples_of_a_frame(),
            Self::Whisper(config) => config.least_samples(),
        }
    }

    /// Returns whether waveforms are brought to mean 0 and variance 1 where a checkpoint says nothing of it.
    #[must_use]
    pub const fn normalises(&self) -> bool {
        matches!(self, Self::Wav2Vec2(_))
    }

    /// Returns what the names of the tensors begin with that make frames of samples: what is often frozen.
    #[must_use]
    pub const fn feature_encoder(&self) -> &'static [&'static str] {
        match self {
            Self::Wav2Vec2(_) => &["feature_extractor."],
            Self::Whisper(_) => &["encoder.conv1.", "encoder.conv2."],
        }
    }

    /// Returns what the names of the tensors begin with that bring those frames to the transformer's width.
    #[must_use]
    pub const fn projection(&self) -> &'static [&'static str] {
        match self {
            Self::Wav2Vec2(_) => &["feature_projection."],
            Self::Whisper(_) => &[],
        }
    }

    /// Returns the fields that are left out of what is stored where they have their defaults.
    pub(super) fn omitted(&self) -> &'static [&'static str] {
        match self {
            Self::Wav2Vec2(config) => config.relative().map_or(&[], |relative| relative.fields),
            Self::Whisper(_) => WhisperConfig::OMITTED,
        }
    }

    /// Returns all fields by name.
    #[must_use]
    pub fn fields(&self) -> Map<String, Value> {
        fields::of(self)
    }

    /// Returns this configuration with one field replaced, without checking the result.
    ///
    /// # Errors
    /// Fails if the field is unknown or the value has another type.
    pub fn set(&self, field: &str, value: &Value) -> Result<Self, ConfigError> {
        match self {
            Self::Wav2Vec2(config) => config.set(field, value).map(Self::from),
            Self::Whisper(config) => config.set(field, value).map(Self::from),
        }
    }

    /// Returns this configuration with some fields replaced.
    ///
    /// # Errors
    /// Fails if a field is unknown or the result is invalid.
    pub fn with(&self, fields: &Map<String, Value>) -> Result<Self, ConfigError> {
        match self {
            Self::Wav2Vec2(config) => config.with(fields).map(Self::from),
            Self::Whisper(config) => config.with(fields).map(Self::from),
        }
    }
}

/// Lists the types of models that are supported, for messages.
pub(super) fn known_types() -> String {
    let types = RELATIVES.iter().map(|relative| relative.model_type).chain([WhisperConfig::MODEL_TYPE]);
    types.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn model_type(fields: &Map<String, Value>) -> Option<&str> {
    fields.get("model_type").and_then(Value::as_str)
}

impl Default for SpeechConfig {
    fn default() -> Self {
        EncoderConfig::default().into()
    }
}

impl From<EncoderConfig> for SpeechConfig {
    fn from(config: EncoderConfig) -> Self {
        Self::Wav2Vec2(Box::new(config))
    }
}

impl From<WhisperConfig> for SpeechConfig {
    fn from(config: WhisperConfig) -> Self {
        Self::Whisper(Box::new(config))
    }
}

impl<'de> Deserialize<'de> for SpeechConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Map::deserialize(deserializer)?;
        let config = match model_type(&fields) {
            Some(WhisperConfig::MODEL_TYPE) => {
                WhisperConfig::deserialize(Value::Object(fields)).map(Self::from)
            }
            _ => EncoderConfig::deserialize(Value::Object(fields)).map(Self::from),
        };
        config.map_err(D::Error::custom)
    }
}
