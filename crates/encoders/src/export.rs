//! A trained network as a folder that transformers opens.
//!
//! A mean over the last layer's frames and a linear map of it is `Wav2Vec2ForSequenceClassification`, which has a
//! projector before the mean: a network without one gets the identity, whose logits are the same. What reads the frames
//! otherwise (an LSTM, a ReLU, another layer) has no class in transformers: the encoder is then a `Wav2Vec2Model`, and the
//! head lies beside it in `head.safetensors`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::artefact::write_safetensors;
use crate::hub::{CONFIG, PREPROCESSOR, WEIGHTS};
use affekt_spec::encoder::{EncoderConfig, FeatureNorm};

use crate::{EncoderError, Weights};

/// A network to be exported.
#[derive(Debug, Clone)]
pub struct Export {
    /// What it is called: the heading of its page.
    pub title: String,
    /// What its page says of it, in Markdown.
    pub about: String,
    /// The encoder, as it was trained.
    pub config: EncoderConfig,
    /// Whether waveforms are brought to zero mean and unit variance before they enter.
    pub normalise: bool,
    /// The encoder's tensors, by canonical names.
    pub encoder: BTreeMap<String, Weights>,
    /// What reads it.
    pub head: Head,
    /// What it answers.
    pub answers: Answers,
    /// What may be done with it, as the Hub abbreviates licences.
    pub licence: Option<String>,
}

/// What reads an encoder's frames.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one of them a folder")]
pub enum Head {
    /// The last layer through a projector, if there is one, then the mean over the frames, then a linear map.
    Mean {
        /// To `[width, hidden_size]`.
        projector: Option<Linear>,
        /// To `[answers, width]`.
        classifier: Linear,
    },
    /// Anything else.
    Other {
        /// Its tensors, by their names.
        tensors: BTreeMap<String, Weights>,
        /// What it does, in a sentence or more.
        about: String,
    },
}

/// A linear map.
#[derive(Debug, Clone)]
pub struct Linear {
    /// `[to, from]`.
    pub weight: Weights,
    /// `[to]`.
    pub bias: Weights,
}

/// What the numbers at the end stand for, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answers {
    /// Logits of classes.
    Classes(Vec<String>),
    /// Values.
    Outputs(Vec<String>),
}

/// A file of weights in an exported folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedWeights {
    /// Its name.
    pub file: &'static str,
    /// What its names lack of the names of `wav2vec2.<canonical>` and of the head.
    pub prefix: &'static str,
    /// Tensors that transformers needs and the network has not.
    pub added: Vec<String>,
}

/// The head that transformers has no class for.
const HEAD: &str = "head.safetensors";

/// Writes `config.json`, `model.safetensors`, `preprocessor_config.json`, `README.md` and, for a head that
/// transformers has no class for, `head.safetensors` into `folder`, which is made. Says where the weights are.
///
/// # Errors
/// When the folder or a file cannot be written, or a weight is no number.
pub fn export(folder: &Path, network: &Export) -> Result<Vec<ExportedWeights>, EncoderError> {
    fs::create_dir_all(folder).map_err(EncoderError::io(folder))?;
    let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    let (file, mut config) = (WEIGHTS[0], network.config.clone());
    let (class, weights) = match &network.head {
        Head::Mean { projector, classifier } => {
            let width = config.hidden_size;
            let identity = projector.is_none().then(|| Linear::identity(width));
            let projector = projector.as_ref().or(identity.as_ref());
            let heads =
                projector.map(|linear| ("projector", linear)).into_iter().chain([("classifier", classifier)]);
            let mut tensors: BTreeMap<String, Weights> = network
                .encoder
                .iter()
                .map(|(name, weights)| (format!("wav2vec2.{name}"), weights.clone()))
                .collect();
            for (name, Linear { weight, bias }) in heads {
                tensors.insert(format!("{name}.weight"), weight.clone());
                tensors.insert(format!("{name}.bias"), bias.clone());
            }
            config.classifier_proj_size =
                projector.and_then(|linear| linear.bias.shape().first().copied()).unwrap_or(width);
            write_safetensors(&folder.join(file), &metadata, &tensors)?;
            let added = match identity {
                Some(_) => vec!["projector.weight".to_owned(), "projector.bias".to_owned()],
                None => Vec::new(),
            };
            ("Wav2Vec2ForSequenceClassification", vec![ExportedWeights { file, prefix: "", added }])
        }
        Head::Other { tensors, .. } => {
            write_safetensors(&folder.join(file), &metadata, &network.encoder)?;
            write_safetensors(&folder.join(HEAD), &metadata, tensors)?;
            let encoder = ExportedWeights { file, prefix: "wav2vec2.", added: Vec::new() };
            let head = ExportedWeights { file: HEAD, prefix: "", added: Vec::new() };
            ("Wav2Vec2Model", vec![encoder, head])
        }
    };
    write_json(&folder.join(CONFIG), &config_json(class, &config, network))?;
    write_json(&folder.join(PREPROCESSOR), &preprocessor_json(network))?;
    let path = folder.join("README.md");
    fs::write(&path, readme(network)).map_err(EncoderError::io(&path))?;
    Ok(weights)
}

impl Linear {
    /// The map that changes nothing.
    fn identity(width: usize) -> Self {
        let mut diagonal = vec![0.0; width * width];
        diagonal.iter_mut().step_by(width + 1).for_each(|entry| *entry = 1.0);
        let bias = Weights::from_values(&[width], &vec![0.0; width]);
        Self { weight: Weights::from_values(&[width, width], &diagonal), bias }
    }
}

fn config_json(class: &str, config: &EncoderConfig, network: &Export) -> Value {
    let (names, problem) = match &network.answers {
        Answers::Classes(names) => (names, "single_label_classification"),
        Answers::Outputs(names) => (names, "regression"),
    };
    let mut fields = config.fields();
    fields.insert("architectures".into(), json!([class]));
    fields.insert("dtype".into(), json!("float32"));
    if let Head::Mean { .. } = network.head {
        let ids = |(id, name): (usize, &String)| (id.to_string(), json!(name));
        fields.insert(
            "id2label".into(),
            Value::Object(names.iter().enumerate().map(ids).collect::<Map<_, _>>()),
        );
        let labels = |(id, name): (usize, &String)| (name.clone(), json!(id));
        fields.insert(
            "label2id".into(),
            Value::Object(names.iter().enumerate().map(labels).collect::<Map<_, _>>()),
        );
        fields.insert("problem_type".into(), json!(problem));
    }
    Value::Object(fields)
}

fn preprocessor_json(network: &Export) -> Value {
    json!({
        "do_normalize": network.normalise,
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "feature_size": 1,
        "padding_side": "right",
        "padding_value": 0.0,
        // transformers' rule: encoders with group norm were trained without a mask.
        "return_attention_mask": network.config.feat_extract_norm == FeatureNorm::Layer,
        "sampling_rate": 16_000,
    })
}

/// The folder's page on the Hub.
fn readme(network: &Export) -> String {
    let Export { title, about, normalise, head, answers, licence, .. } = network;
    let licence = licence.as_ref().map(|licence| format!("license: {licence}\n")).unwrap_or_default();
    let tag = match head {
        Head::Mean { .. } => "pipeline_tag: audio-classification\n",
        Head::Other { .. } => "",
    };
    let waveforms = if *normalise {
        "brought to zero mean and unit variance, clip by clip"
    } else {
        "as they are in the file"
    };
    let (names, kind) = match answers {
        Answers::Classes(names) => (names, "logits of these classes"),
        Answers::Outputs(names) => (names, "values of"),
    };
    let class = match head {
        Head::Mean { .. } => "AutoModelForAudioClassification",
        Head::Other { .. } => "AutoModel",
    };
    let reads = match head {
        Head::Mean { projector: None, .. } => {
            "The network maps the mean of its frames at once; the projector that transformers has between them is the identity here.".to_owned()
        }
        Head::Mean { .. } => String::new(),
        Head::Other { about, .. } => format!(
            "**The encoder alone is here in transformers' form.** {about} transformers has no class for that: the weights of \
             it are in `{HEAD}`, and `model.safetensors` holds the encoder that was trained with it."
        ),
    };
    let paragraphs = [
        format!(
            "---\nlibrary_name: transformers\n{tag}{licence}tags:\n- audio\n- speech-emotion-recognition\n- wav2vec2\n---"
        ),
        format!("# {title}"),
        about.clone(),
        reads,
        format!("Input: mono waveforms at 16 kHz, {waveforms}. Output: {kind} {}.", names.join(", ")),
        format!(
            "```python\nfrom transformers import {class}, AutoFeatureExtractor\n\nmodel = {class}.from_pretrained(\"path/to/this/folder\")\n\
             prepare = AutoFeatureExtractor.from_pretrained(\"path/to/this/folder\")\n\
             output = model(**prepare(waveform, sampling_rate=16000, return_tensors=\"pt\"))\n```"
        ),
        "Give transformers one clip at a time: in a padded batch it lets padding reach a clip's own frames."
            .to_owned(),
    ];
    let mut page = paragraphs.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n");
    page.push('\n');
    page
}

fn write_json(path: &Path, value: &Value) -> Result<(), EncoderError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| EncoderError::io(path)(error.into()))?;
    fs::write(path, text + "\n").map_err(EncoderError::io(path))
}
