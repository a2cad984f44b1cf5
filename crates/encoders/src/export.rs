//! Export of a trained network as a folder that transformers opens.
//!
//! A mean over the last layer's frames followed by a linear map is `Wav2Vec2ForSequenceClassification` (or a relative's), which has a
//! projector before the mean: a network without one gets the identity, which leaves the logits unchanged. Other heads
//! (an LSTM, a ReLU, another layer) have no class in transformers: the encoder is then a `Wav2Vec2Model`, and the
//! head is stored beside it in `head.safetensors`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::artefact::write_safetensors;
use crate::hub::{CONFIG, PREPROCESSOR, WEIGHTS};
use affekt_spec::encoder::{EncoderConfig, FeatureNorm, SpeechConfig, WhisperConfig};

use crate::names::ENCODER;

use crate::{EncoderError, Weights};

/// A network to export.
#[derive(Debug, Clone)]
pub struct Export {
    /// The heading of its model card.
    pub title: String,
    /// The description on its model card, in Markdown.
    pub about: String,
    /// The configuration of the encoder.
    pub config: SpeechConfig,
    /// Whether input waveforms are standardised to zero mean and unit variance.
    pub normalise: bool,
    /// The length of every clip that it was trained on, if they had one.
    pub clip: Option<ClipLength>,
    /// The encoder's trained tensors, by canonical names.
    pub encoder: BTreeMap<String, Weights>,
    /// The head.
    pub head: Head,
    /// The names of the outputs.
    pub outputs: OutputNames,
    /// The licence, by the Hub's abbreviation.
    pub licence: Option<String>,
}

/// The greatest length of clips: longer ones are cut at their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClipLength {
    /// The length at 16 kHz.
    pub samples: usize,
    /// What is made of shorter ones.
    pub short: ShortClips,
}

/// What is made of clips that are shorter than the greatest length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShortClips {
    /// They are filled with silence, which other programs can do too.
    Zeros,
    /// They are filled with samples drawn from themselves.
    OwnSamples,
    /// They stay as short as they are.
    Whole,
}

/// The part of a network after the encoder.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one of them a folder")]
pub enum Head {
    /// An optional projector of the last layer, the mean over the frames, and a linear map.
    Mean {
        /// The map to `[width, hidden_size]`, if there is one.
        projector: Option<Linear>,
        /// The map to `[outputs, width]`.
        classifier: Linear,
    },
    /// Any other head.
    Other {
        /// The tensors, by name.
        tensors: BTreeMap<String, Weights>,
        /// A description of the computation.
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

/// The names of a network's outputs, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputNames {
    /// Classes, whose outputs are logits.
    Classes(Vec<String>),
    /// Numbers.
    Outputs(Vec<String>),
}

/// A file of weights in an exported folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedWeights {
    /// The name of the file.
    pub file: &'static str,
    /// The prefix that its names lack compared with `wav2vec2.<canonical>` and those of the head.
    pub prefix: &'static str,
    /// Tensors that transformers requires and the network does not have.
    pub added: Vec<String>,
}

/// The file of a head that has no class in transformers.
const HEAD: &str = "head.safetensors";

/// Writes `config.json`, `model.safetensors`, `preprocessor_config.json`, `README.md` and, for a head without a class
/// in transformers, `head.safetensors` into `folder`, which is created. Returns the files of weights.
///
/// # Errors
/// Fails if the folder or a file cannot be written, or a weight is not finite.
pub fn export(folder: &Path, network: &Export) -> Result<Vec<ExportedWeights>, EncoderError> {
    fs::create_dir_all(folder).map_err(EncoderError::io(folder))?;
    let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    let (file, mut config) = (WEIGHTS[0], network.config.clone());
    let network = &network.with_head_of_a_class();
    let relative = config.wav2vec2().and_then(EncoderConfig::relative);
    let prefix = relative.map_or(ENCODER, |relative| relative.prefix);
    let (class, weights) = match &network.head {
        Head::Mean { projector, classifier } => {
            let width = config.width();
            let identity = projector.is_none().then(|| Linear::identity(width));
            let projector = projector.as_ref().or(identity.as_ref());
            let heads =
                projector.map(|linear| ("projector", linear)).into_iter().chain([("classifier", classifier)]);
            let mut tensors: BTreeMap<String, Weights> = network
                .encoder
                .iter()
                .map(|(name, weights)| (format!("{prefix}{name}"), weights.clone()))
                .collect();
            for (name, Linear { weight, bias }) in heads {
                tensors.insert(format!("{name}.weight"), weight.clone());
                tensors.insert(format!("{name}.bias"), bias.clone());
            }
            if let SpeechConfig::Wav2Vec2(config) = &mut config {
                config.classifier_proj_size =
                    projector.and_then(|linear| linear.bias.shape().first().copied()).unwrap_or(width);
            }
            write_safetensors(&folder.join(file), &metadata, &tensors)?;
            let added = match identity {
                Some(_) => vec!["projector.weight".to_owned(), "projector.bias".to_owned()],
                None => Vec::new(),
            };
            ("ForSequenceClassification", vec![ExportedWeights { file, prefix: "", added }])
        }
        Head::Other { tensors, .. } => {
            write_safetensors(&folder.join(file), &metadata, &network.encoder)?;
            write_safetensors(&folder.join(HEAD), &metadata, tensors)?;
            let encoder = ExportedWeights { file, prefix, added: Vec::new() };
            let head = ExportedWeights { file: HEAD, prefix: "", added: Vec::new() };
            ("Model", vec![encoder, head])
        }
    };
    write_json(
        &folder.join(CONFIG),
        &config_json(
            &format!("{}{class}", relative.map_or("Whisper", |relative| relative.class)),
            &config,
            network,
        ),
    )?;
    write_json(&folder.join(PREPROCESSOR), &preprocessor_json(network))?;
    let path = folder.join("README.md");
    fs::write(&path, readme(network)).map_err(EncoderError::io(&path))?;
    Ok(weights)
}

impl Export {
    /// The same network, whose head is of another kind where its family's class in transformers has another mean: Whisper's is over
    /// the whole window.
    fn with_head_of_a_class(&self) -> Self {
        let mut network = self.clone();
        if let (SpeechConfig::Whisper(_), Head::Mean { projector, classifier }) = (&self.config, &self.head) {
            let heads =
                projector.iter().map(|linear| ("projector", linear)).chain([("classifier", classifier)]);
            let tensors = heads.flat_map(|(name, linear)| {
                let [weight, bias] = [&linear.weight, &linear.bias].map(Weights::clone);
                [(format!("{name}.weight"), weight), (format!("{name}.bias"), bias)]
            });
            let about = "A linear map, `classifier`, reads the mean over the clip's own frames.".to_owned();
            network.head = Head::Other { tensors: tensors.collect(), about };
        }
        network
    }
}

impl Linear {
    /// Creates the identity map.
    fn identity(width: usize) -> Self {
        let mut diagonal = vec![0.0; width * width];
        diagonal.iter_mut().step_by(width + 1).for_each(|entry| *entry = 1.0);
        let bias = Weights::from_values(&[width], &vec![0.0; width]);
        Self { weight: Weights::from_values(&[width, width], &diagonal), bias }
    }
}

fn config_json(class: &str, config: &SpeechConfig, network: &Export) -> Value {
    let (names, problem) = match &network.outputs {
        OutputNames::Classes(names) => (names, "single_label_classification"),
        OutputNames::Outputs(names) => (names, "regression"),
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
    let mut fields = match &network.config {
        SpeechConfig::Wav2Vec2(config) => waveform_json(network.normalise, config),
        SpeechConfig::Whisper(config) => spectrogram_json(network.normalise, config),
    };
    if let Some(clip) = network.clip {
        fields["max_length"] = json!(clip.samples);
        fields["truncation"] = json!(true);
        if clip.short != ShortClips::Whole {
            fields["padding"] = json!("max_length");
        }
    }
    fields
}

fn spectrogram_json(normalise: bool, config: &WhisperConfig) -> Value {
    json!({
        "chunk_length": config.window() / 16_000,
        "do_normalize": normalise,
        "feature_extractor_type": "WhisperFeatureExtractor",
        "feature_size": config.num_mel_bins,
        "hop_length": WhisperConfig::HOP,
        "n_fft": WhisperConfig::N_FFT,
        "n_samples": config.window(),
        "nb_max_frames": config.window() / WhisperConfig::HOP,
        "padding_side": "right",
        "padding_value": 0.0,
        "return_attention_mask": false,
        "sampling_rate": 16_000,
    })
}

fn waveform_json(normalise: bool, config: &EncoderConfig) -> Value {
    json!({
        "do_normalize": normalise,
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "feature_size": 1,
        "padding_side": "right",
        "padding_value": 0.0,
        // transformers' rule: encoders with group norm were trained without a mask.
        "return_attention_mask": config.feat_extract_norm == FeatureNorm::Layer,
        "sampling_rate": 16_000,
    })
}

/// Says how long clips must be, and the lines of Python that make them so.
fn clip_lines(clip: Option<ClipLength>) -> (Option<String>, &'static str, String) {
    let Some(ClipLength { samples, short }) = clip else {
        return (None, "", String::new());
    };
    let seconds = samples as f64 / 16_000.0;
    let shorter = match short {
        ShortClips::Zeros => "shorter ones were filled with zeros",
        ShortClips::OwnSamples => {
            "shorter ones were filled with samples drawn from themselves: for those, only `affekt predict` gives the same \
             figures"
        }
        ShortClips::Whole => "shorter ones were left as they are",
    };
    let (import, what, line) = match short {
        ShortClips::Whole => ("", "cut", format!("waveform = waveform[:{samples}]\n")),
        ShortClips::Zeros | ShortClips::OwnSamples => (
            "import numpy as np\n",
            "cut and fill",
            format!("waveform = np.pad(waveform[:{samples}], (0, max(0, {samples} - len(waveform))))\n"),
        ),
    };
    let about = format!(
        "The network was trained on clips of {seconds} s ({samples} samples): longer ones were cut there, {shorter}. \
         transformers does not do so by itself, and `pipeline(\"audio-classification\")` hears whole clips: {what} them \
         first, as the line that begins `waveform =` does. `preprocessor_config.json` holds the length as `max_length`."
    );
    (Some(about), import, line)
}

/// Formats the model card.
fn readme(network: &Export) -> String {
    let Export { title, about, normalise, clip, head, outputs, licence, .. } = network;
    let licence = licence.as_ref().map(|licence| format!("license: {licence}\n")).unwrap_or_default();
    let tag = match head {
        Head::Mean { .. } => "pipeline_tag: audio-classification\n",
        Head::Other { .. } => "",
    };
    let waveforms = if *normalise {
        "standardised to zero mean and unit variance, clip by clip"
    } else {
        "as they are in the file"
    };
    let (names, kind) = match outputs {
        OutputNames::Classes(names) => (names, "logits of these classes"),
        OutputNames::Outputs(names) => (names, "values of"),
    };
    let class = match head {
        Head::Mean { .. } => "AutoModelForAudioClassification",
        Head::Other { .. } => "AutoModel",
    };
    let reads = match head {
        Head::Mean { projector: None, .. } => {
            "The network applies its linear map directly to the mean of the frames; the projector that transformers has between them is the identity here.".to_owned()
        }
        Head::Mean { .. } => String::new(),
        Head::Other { about, .. } => format!(
            "**The encoder alone is here in transformers' form.** {about} transformers has no class for that: the weights of \
             it are in `{HEAD}`, and `model.safetensors` holds the encoder that was trained with it."
        ),
    };
    let (of_length, import, lines) = clip_lines(*clip);
    let paragraphs = [
        format!(
            "---\nlibrary_name: transformers\n{tag}{licence}tags:\n- audio\n- speech-emotion-recognition\n- {}\n---",
            network.config.model_type()
        ),
        format!("# {title}"),
        about.clone(),
        reads,
        format!("Input: mono waveforms at 16 kHz, {waveforms}. Output: {kind} {}.", names.join(", ")),
        of_length.unwrap_or_default(),
        format!(
            "```python\n{import}from transformers import {class}, AutoFeatureExtractor\n\n{lines}model = {class}.from_pretrained(\"path/to/this/folder\")\n\
             prepare = AutoFeatureExtractor.from_pretrained(\"path/to/this/folder\")\n\
             output = model(**prepare(waveform, sampling_rate=16000, return_tensors=\"pt\"))\n```"
        ),
        "Pass one clip at a time to transformers: in a padded batch, padding affects the frames of shorter clips."
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
