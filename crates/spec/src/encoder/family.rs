//! Families of encoders, by the field `model_type` of their configurations.

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ConfigError, EncoderConfig, SpeechConfig, Vgg16Config, Wav2VecConfig, fields};

/// The configuration of an encoder of any family.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Family {
    /// An encoder of speech, as networks are fine-tuned around: wav2vec 2.0 and those after it.
    Speech(SpeechConfig),
    /// The first wav2vec.
    Wav2Vec(Wav2VecConfig),
    /// VGG16, which reads images.
    Vgg16(Vgg16Config),
}

impl Family {
    /// Creates a configuration from fields; omitted ones are those of the published BASE, `wav2vec_large` or VGG16.
    /// Without `model_type` it is a wav2vec 2.0.
    ///
    /// # Errors
    /// Fails if the family or a field is unknown, or the result is invalid.
    pub fn of(fields: &Map<String, Value>) -> Result<Self, ConfigError> {
        match model_type(fields) {
            Some(Wav2VecConfig::MODEL_TYPE) => Wav2VecConfig::default().with(fields).map(Self::from),
            Some(Vgg16Config::MODEL_TYPE) => Vgg16Config::default().with(fields).map(Self::from),
            _ => SpeechConfig::of(fields).map(Self::Speech),
        }
    }

    /// Returns the usual name of the family.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Speech(config) => config.name(),
            Self::Wav2Vec(_) => "wav2vec",
            Self::Vgg16(_) => "VGG16",
        }
    }

    /// Returns the configuration, if it is a wav2vec 2.0.
    #[must_use]
    pub const fn wav2vec2(&self) -> Option<&EncoderConfig> {
        match self {
            Self::Speech(config) => config.wav2vec2(),
            _ => None,
        }
    }

    /// Returns the configuration, if it is an encoder of speech.
    #[must_use]
    pub const fn speech(&self) -> Option<&SpeechConfig> {
        match self {
            Self::Speech(config) => Some(config),
            _ => None,
        }
    }

    /// Returns the configuration, if it is a wav2vec.
    #[must_use]
    pub const fn wav2vec(&self) -> Option<&Wav2VecConfig> {
        match self {
            Self::Wav2Vec(config) => Some(config),
            _ => None,
        }
    }

    /// Returns the configuration, if it is a VGG16.
    #[must_use]
    pub const fn vgg16(&self) -> Option<&Vgg16Config> {
        match self {
            Self::Vgg16(config) => Some(config),
            _ => None,
        }
    }

    /// Returns the names of all fields, those too that [`Self::fields`] leaves out at their defaults.
    #[must_use]
    pub fn field_names(&self) -> Vec<String> {
        let omitted = self.speech().map_or(&[][..], SpeechConfig::omitted);
        self.fields()
            .into_iter()
            .map(|(name, _)| name)
            .chain(omitted.iter().map(|&name| name.to_owned()))
            .collect()
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
            Self::Speech(config) => config.set(field, value).map(Self::Speech),
            Self::Wav2Vec(config) => fields::set(config, field, value, &[]).map(Self::from),
            Self::Vgg16(config) => fields::set(config, field, value, &[]).map(Self::from),
        }
    }

    /// Returns this configuration with some fields replaced.
    ///
    /// # Errors
    /// Fails if a field is unknown or the result is invalid.
    pub fn with(&self, fields: &Map<String, Value>) -> Result<Self, ConfigError> {
        match self {
            Self::Speech(config) => config.with(fields).map(Self::Speech),
            Self::Wav2Vec(config) => config.with(fields).map(Self::from),
            Self::Vgg16(config) => config.with(fields).map(Self::from),
        }
    }
}

impl From<EncoderConfig> for Family {
    fn from(config: EncoderConfig) -> Self {
        Self::Speech(config.into())
    }
}

impl From<Wav2VecConfig> for Family {
    fn from(config: Wav2VecConfig) -> Self {
        Self::Wav2Vec(config)
    }
}

impl From<Vgg16Config> for Family {
    fn from(config: Vgg16Config) -> Self {
        Self::Vgg16(config)
    }
}

impl<'de> Deserialize<'de> for Family {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Map::deserialize(deserializer)?;
        let family = match model_type(&fields) {
            Some(Wav2VecConfig::MODEL_TYPE) => {
                Wav2VecConfig::deserialize(Value::Object(fields)).map(Self::from)
            }
            Some(Vgg16Config::MODEL_TYPE) => Vgg16Config::deserialize(Value::Object(fields)).map(Self::from),
            _ => SpeechConfig::deserialize(Value::Object(fields)).map(Self::Speech),
        };
        family.map_err(D::Error::custom)
    }
}

fn model_type(fields: &Map<String, Value>) -> Option<&str> {
    fields.get("model_type").and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_tells_its_family() {
        for family in [
            Family::from(EncoderConfig::default()),
            Family::from(Wav2VecConfig::large()),
            Family::from(Vgg16Config::default()),
        ] {
            let text = serde_json::to_string(&family).unwrap();
            assert_eq!(serde_json::from_str::<Family>(&text).unwrap(), family);
            assert_eq!(Family::of(&family.fields()).unwrap(), family);
        }
        // As it stood in cards before there was a second family.
        let old = serde_json::to_string(&EncoderConfig::default()).unwrap();
        assert_eq!(serde_json::to_string(&Family::from(EncoderConfig::default())).unwrap(), old);
        let other = Map::from_iter([("model_type".to_owned(), "speecht5".into())]);
        let error = Family::of(&other).unwrap_err().to_string();
        assert!(error.starts_with("it is a model of type `speecht5`"), "{error}");
    }
}
