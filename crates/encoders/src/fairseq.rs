//! fairseq's checkpoints: `model` beside settings, which are `args`, a flat namespace, in older files and `cfg`, a
//! tree with the sections `model` and `task`, in newer ones. A fine-tuned model keeps the settings of its pretrained
//! encoder under `w2v_args`.
//!
//! Source: `EncoderConfig` of `fairseq/models/wav2vec/wav2vec2.py` and `Wav2Vec2AsrConfig` of `wav2vec2_asr.py`, whose
//! defaults apply to settings that a file omits.

mod wav2vec;

use std::path::{Path, PathBuf};

use affekt_pickle::Value;
use serde_json::{Map, Value as Json, json};

use crate::conv_layers;
use crate::read::{NamedTensors, RawCheckpoint};
use crate::{EncoderError, Format};

/// The settings of a file.
pub(crate) struct Settings<'f> {
    path: PathBuf,
    /// The settings of the model around the encoder, if there is one.
    tuned: Option<Section<'f>>,
    /// The settings of the encoder.
    encoder: Section<'f>,
    /// The settings of the tasks, the latest first.
    tasks: Vec<Section<'f>>,
}

/// A mapping of settings.
#[derive(Clone, Copy)]
struct Section<'f>(Value<'f>);

impl<'f> Settings<'f> {
    pub(crate) fn new(path: &Path, settings: Value<'f>) -> Result<Self, EncoderError> {
        let wrong = |why: String| EncoderError::Settings { path: path.to_owned(), why };
        let whole = Section(plain(settings));
        let (model, task) = whole.model_and_task();
        let supported = "`wav2vec2`, the CTC models around it (`wav2vec_ctc`) and `wav2vec` are supported";
        let (tuned, encoder, tasks) = match model.kind() {
            "wav2vec2" | wav2vec::MODEL => (None, model, vec![task]),
            "wav2vec_ctc" | "wav2vec_seq2seq" => {
                let began = model.get("w2v_args").map(Section);
                let began = began.ok_or_else(|| {
                    wrong("its encoder is not described: `w2v_args` is empty. Use the checkpoint that it was fine-tuned from".into())
                })?;
                let (encoder, first) = began.model_and_task();
                if !matches!(encoder.kind(), "wav2vec2") {
                    return Err(wrong(format!("its encoder is a `{}`: only {supported}", encoder.kind())));
                }
                (Some(model), encoder, vec![task, first])
            }
            other => return Err(wrong(format!("it is a model of type `{other}`: only {supported}"))),
        };
        Ok(Self { path: path.to_owned(), tuned, encoder, tasks })
    }

    /// Combines these settings with tensors.
    pub(crate) fn raw(&self, named: NamedTensors) -> Result<RawCheckpoint, EncoderError> {
        let mut known_fields = if self.encoder.kind() == wav2vec::MODEL {
            wav2vec::known_fields(self)?
        } else {
            self.known_fields()?
        };
        let classes = named.tensors.iter().find(|(name, _)| name == "w2v_encoder.proj.weight");
        if let Some([classes, _]) = classes.map(|(_, weights)| weights.shape()) {
            known_fields.insert("vocab_size".into(), json!(classes));
        }
        let normalise = self.tasks.iter().find_map(|task| task.get("normalize")?.bool());
        let notes = match normalise {
            Some(_) => Vec::new(),
            None => vec![
                "its task does not mention `normalize`: waveforms are not normalised, fairseq's default"
                    .into(),
            ],
        };
        let (path, normalise) = (self.path.clone(), normalise.unwrap_or(false));
        Ok(RawCheckpoint { path, format: Format::Fairseq, known_fields, normalise, named, notes })
    }

    /// Returns the fields of transformers' `config.json` for a wav2vec 2.0.
    fn known_fields(&self) -> Result<Map<String, Json>, EncoderError> {
        let own = |name: &str, default: Json| Ok(self.json(self.encoder, name)?.unwrap_or(default));
        // Settings that fine-tuning replaces; their defaults differ.
        let last = |name: &str, default: Json, tuned_default: Json| match self.tuned {
            Some(tuned) => Ok(self.json(tuned, name)?.unwrap_or(tuned_default)),
            None => own(name, default),
        };
        self.supports([
            ("quantize_input", json!(false)),
            ("layer_type", json!("transformer")),
            ("pos_conv_depth", json!(1)),
        ])?;
        let layers = self.layers("conv_feature_layers", conv_layers::PUBLISHED)?;
        let norm = match own("extractor_mode", json!("default"))?.as_str() {
            Some("default") => "group",
            Some("layer_norm") => "layer",
            other => {
                return Err(
                    self.wrong(format!("`extractor_mode` is {other:?}: expected `default` or `layer_norm`"))
                );
            }
        };
        let width = own("encoder_embed_dim", json!(768))?;
        let or = |size: Json, otherwise: Json| if size.as_u64() == Some(0) { otherwise } else { size };
        let compared = or(own("final_dim", json!(0))?, width.clone());
        let layerdrop = if self.tuned.is_some() { "layerdrop" } else { "encoder_layerdrop" };
        let applies_masks =
            self.tuned.is_none() || last("apply_mask", json!(true), json!(false))? == json!(true);
        let known_fields = json!({
            "hidden_size": width,
            "num_hidden_layers": own("encoder_layers", json!(12))?,
            "num_attention_heads": own("encoder_attention_heads", json!(12))?,
            "intermediate_size": own("encoder_ffn_embed_dim", json!(3072))?,
            "hidden_act": own("activation_fn", json!("gelu"))?,
            "hidden_dropout": last("dropout", json!(0.1), json!(0.0))?,
            "activation_dropout": last("activation_dropout", json!(0.0), json!(0.0))?,
            "attention_dropout": last("attention_dropout", json!(0.1), json!(0.0))?,
            "feat_proj_dropout": last("dropout_input", json!(0.0), json!(0.0))?,
            "feat_quantizer_dropout": own("dropout_features", json!(0.0))?,
            "final_dropout": last("final_dropout", json!(0.0), json!(0.0))?,
            "layerdrop": last(layerdrop, json!(0.0), json!(0.0))?,
            "feat_extract_norm": norm,
            "conv_dim": layers.iter().map(|layer| layer[0]).collect::<Vec<_>>(),
            "conv_kernel": layers.iter().map(|layer| layer[1]).collect::<Vec<_>>(),
            "conv_stride": layers.iter().map(|layer| layer[2]).collect::<Vec<_>>(),
            "conv_bias": own("conv_bias", json!(false))?,
            "num_conv_pos_embeddings": own("conv_pos", json!(128))?,
            "num_conv_pos_embedding_groups": own("conv_pos_groups", json!(16))?,
            "do_stable_layer_norm": own("layer_norm_first", json!(false))?,
            "apply_spec_augment": applies_masks,
            "mask_time_prob": last("mask_prob", json!(0.65), json!(0.5))?,
            "mask_time_length": last("mask_length", json!(10), json!(10))?,
            "mask_feature_prob": last("mask_channel_prob", json!(0.0), json!(0.0))?,
            "mask_feature_length": last("mask_channel_length", json!(10), json!(10))?,
            "num_codevectors_per_group": own("latent_vars", json!(320))?,
            "num_codevector_groups": own("latent_groups", json!(2))?,
            "codevector_dim": or(own("latent_dim", json!(0))?, compared.clone()),
            "proj_codevector_dim": compared,
            "contrastive_logits_temperature": own("logit_temp", json!(0.1))?,
            "num_negatives": own("num_negatives", json!(100))?,
        });
        match known_fields {
            Json::Object(known_fields) => Ok(known_fields),
            _ => Ok(Map::new()),
        }
    }

    /// Checks that settings of the encoder have the only supported values, which are fairseq's defaults.
    fn supports<const N: usize>(&self, settings: [(&str, Json); N]) -> Result<(), EncoderError> {
        for (name, only) in settings {
            let value = self.json(self.encoder, name)?.unwrap_or_else(|| only.clone());
            if value != only {
                return Err(self.wrong(format!("`{name}` is {value}: only {only} is supported")));
            }
        }
        Ok(())
    }

    /// Returns channels, kernel and stride of each of the encoder's convolutions under `name`.
    fn layers(&self, name: &str, default: &str) -> Result<Vec<[usize; 3]>, EncoderError> {
        let text = self.json(self.encoder, name)?.unwrap_or_else(|| json!(default));
        let layers = conv_layers::parse(text.as_str().unwrap_or_default());
        layers.map_err(|why| self.wrong(format!("`{name}` {why}")))
    }

    /// Returns a setting as JSON, if present.
    fn json(&self, section: Section<'f>, name: &str) -> Result<Option<Json>, EncoderError> {
        let Some(value) = section.get(name) else { return Ok(None) };
        let number = || value.number().map(|number| json!(number));
        let json = value.text().map(Json::from);
        let json = json.or_else(|| value.bool().map(Json::from)).or_else(|| value.integer().map(Json::from));
        let json = json.or_else(number);
        json.map(Some)
            .ok_or_else(|| self.wrong(format!("`{name}` is {}, which is not a setting", value.kind())))
    }

    fn wrong(&self, why: String) -> EncoderError {
        EncoderError::Settings { path: self.path.clone(), why }
    }
}

impl<'f> Section<'f> {
    /// Returns the value of `name`, if present and not null.
    fn get(self, name: &str) -> Option<Value<'f>> {
        self.0.get(name).map(plain).filter(|value| !value.is_none())
    }

    fn text(self, name: &str) -> Option<&'f str> {
        self.get(name)?.text()
    }

    /// Returns the type of the model that these settings describe.
    fn kind(self) -> &'f str {
        self.text("_name").or_else(|| self.text("arch")).unwrap_or("(not given)")
    }

    /// Returns the settings of model and task: sections of a tree, or twice the namespace itself.
    fn model_and_task(self) -> (Self, Self) {
        let section = |name| self.get(name).filter(|value| value.entries().is_some()).map_or(self, Self);
        (section("model"), section("task"))
    }
}

/// Returns a setting without omegaconf's metadata.
fn plain(value: Value<'_>) -> Value<'_> {
    let is_wrapped = value.class().is_some_and(|class| class.starts_with("omegaconf."));
    let inner = is_wrapped.then(|| value.get("_content").or_else(|| value.get("_val"))).flatten();
    inner.unwrap_or(value)
}
