//! wav2vec 2.0 and the encoders that are built like it: what each is called, and in which fields its configuration begins
//! otherwise. A relative is a row of [`RELATIVES`]; what it computes otherwise hangs on its fields.
//!
//! | | what differs from wav2vec 2.0 |
//! |---|---|
//! | HuBERT (arXiv 2106.07447), UniSpeech-SAT (arXiv 2110.05752) | how it was pretrained; some HuBERTs have no norm before the projection |
//! | WavLM (arXiv 2110.13900) | a gated bias of relative positions in every attention |
//! | data2vec-audio (arXiv 2202.03555) | positions by a stack of convolutions, norms throughout the feature encoder |

use serde_json::{Map, Value};

use super::{ConfigError, EncoderConfig, FeatureNorm};

/// An encoder that is built like wav2vec 2.0.
#[derive(Debug)]
pub struct Relative {
    /// Its `model_type` in transformers.
    pub model_type: &'static str,
    /// Its usual name.
    pub name: &'static str,
    /// The prefix of its tensors' names in models with a head, with a final dot.
    pub prefix: &'static str,
    /// The beginning of the names of its classes.
    pub class: &'static str,
    /// The fields of [`EncoderConfig`] that only it has; others are refused.
    pub fields: &'static [&'static str],
    /// The fields in which its BASE differs.
    base: fn(EncoderConfig) -> EncoderConfig,
    /// Fields of which transformers takes the value of BASE, whatever the file says.
    fixed: &'static [&'static str],
}

/// All of them, wav2vec 2.0 first.
pub static RELATIVES: [Relative; 5] = [
    Relative {
        model_type: "wav2vec2",
        name: "wav2vec 2.0",
        prefix: "wav2vec2.",
        class: "Wav2Vec2",
        fields: &[],
        base: |config| config,
        fixed: &[],
    },
    Relative {
        model_type: "hubert",
        name: "HuBERT",
        prefix: "hubert.",
        class: "Hubert",
        fields: &["feat_proj_layer_norm"],
        base: |config| config,
        fixed: &[],
    },
    Relative {
        model_type: "wavlm",
        name: "WavLM",
        prefix: "wavlm.",
        class: "WavLM",
        fields: &["num_buckets", "max_bucket_distance"],
        base: |config| config,
        fixed: &[],
    },
    Relative {
        model_type: "unispeech-sat",
        name: "UniSpeech-SAT",
        prefix: "unispeech_sat.",
        class: "UniSpeechSat",
        fields: &[],
        base: |config| config,
        fixed: &[],
    },
    Relative {
        model_type: "data2vec-audio",
        name: "data2vec-audio",
        prefix: "data2vec_audio.",
        class: "Data2VecAudio",
        fields: &["conv_pos_kernel_size"],
        base: |config| EncoderConfig {
            feat_extract_norm: FeatureNorm::Layer,
            num_conv_pos_embeddings: 5,
            ..config
        },
        fixed: &["feat_extract_norm", "do_stable_layer_norm"],
    },
];

impl Relative {
    /// Finds a relative by its `model_type`.
    #[must_use]
    pub fn of(model_type: &str) -> Option<&'static Self> {
        RELATIVES.iter().find(|relative| relative.model_type == model_type)
    }

    /// Returns its BASE, with the defaults of transformers 5.17.
    #[must_use]
    pub fn config(&self) -> EncoderConfig {
        (self.base)(EncoderConfig { model_type: self.model_type.to_owned(), ..EncoderConfig::default() })
    }

    /// Selects the fields of a `config.json` that concern the encoder.
    ///
    /// # Errors
    /// Fails if the file asks for what is not supported.
    pub(super) fn known_fields(
        &self,
        fields: &Map<String, Value>,
    ) -> Result<Map<String, Value>, ConfigError> {
        for (field, supported) in [
            ("add_adapter", "false"),
            ("use_weighted_layer_sum", "false"),
            ("conv_pos_batch_norm", "false"),
            ("adapter_attn_dim", "null"),
        ] {
            let value = fields.get(field).unwrap_or(&Value::Null);
            if !matches!(value, Value::Null | Value::Bool(false)) {
                return Err(ConfigError::Unsupported { field, value: value.to_string(), supported });
            }
        }
        let base = self.config().fields();
        let is_known = |field: &str| base.contains_key(field) || self.fields.contains(&field);
        let own = fields.iter().filter(|(field, value)| is_known(field) && !value.is_null());
        let mut own: Map<String, Value> = own.map(|(field, value)| (field.clone(), value.clone())).collect();
        let fixed =
            self.fixed.iter().filter_map(|field| Some(((*field).to_owned(), base.get(*field)?.clone())));
        own.extend(fixed);
        Ok(own)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_relative_is_told_by_its_type() {
        for relative in &RELATIVES {
            let config = relative.config();
            config.check().unwrap();
            let fields = config.fields();
            assert_eq!(EncoderConfig::of(&fields).unwrap(), config, "{}", relative.name);
            let text = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<EncoderConfig>(&text).unwrap(), config);
        }
    }

    #[test]
    fn fields_of_one_are_none_of_another() {
        let read = |model_type: &str| {
            let fields = json!({ "model_type": model_type, "num_buckets": 32, "feat_extract_norm": "group" });
            EncoderConfig::of(fields.as_object().unwrap()).unwrap()
        };
        assert_eq!(read("wavlm").num_buckets, 32);
        assert_eq!(read("hubert").num_buckets, 320);
        assert_eq!(read("hubert").feat_extract_norm, FeatureNorm::Group);
        // transformers builds layer norms into data2vec-audio whatever its file says.
        assert_eq!(read("data2vec-audio").feat_extract_norm, FeatureNorm::Layer);
        assert_eq!(read("data2vec-audio").num_conv_pos_embeddings, 5);
        let wrong = Relative::of("wav2vec2").unwrap().config().set("num_buckets", &json!(32)).unwrap_err();
        assert_eq!(wrong.to_string(), "`num_buckets`: unknown field");
    }
}
