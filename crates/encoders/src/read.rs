//! Reading of a checkpoint of any format: its configuration, and every tensor under its canonical name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::names::{canonical, no_weight, of_classifier, of_decoder, of_prediction};
use crate::pt::Pt;
use crate::weights::Weights;
use affekt_spec::encoder::{ConfigError, Family, SpeechConfig};

use crate::{EncoderError, folder, safe, shapes, torchvision};

/// A format of checkpoints, which determines the names of tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// transformers: a folder with `config.json`.
    Transformers,
    /// torchaudio: one file of tensors.
    Torchaudio,
    /// torchvision: one file of tensors of a VGG16.
    Torchvision,
    /// fairseq: one file with settings and tensors.
    Fairseq,
}

/// Overrides of a checkpoint's settings, and settings that it lacks.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Fields of transformers' `config.json`, or of [`affekt_spec::encoder::Vgg16Config`], that the file cannot tell.
    pub config: Map<String, Value>,
    /// Whether waveforms are normalised; `None` leaves it to the checkpoint.
    pub normalise: Option<bool>,
}

/// A checkpoint. Elements stay in the mapped files until they are read.
#[derive(Debug)]
pub struct Encoder {
    /// The configuration.
    pub config: Family,
    /// Whether input waveforms are standardised to zero mean and unit variance.
    pub normalise: bool,
    /// The tensors of the encoder and of its heads, by canonical names.
    pub tensors: BTreeMap<String, Weights>,
    /// How the file's tensors were mapped to them.
    pub key_mapping: KeyMappingReport,
}

/// The mapping of a file's tensors to canonical names. Every tensor is in exactly one of the lists.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct KeyMappingReport {
    /// Name in the file → canonical name.
    pub taken: BTreeMap<String, String>,
    /// Tensors that are not weights, are unused or duplicated: their names, and the reasons.
    pub left_out: Vec<(String, String)>,
    /// Tensors that are not part of a known encoder or head.
    pub unknown: Vec<String>,
    /// Remarks on how the checkpoint was read: what was missing, and what replaces it.
    pub notes: Vec<String>,
}

/// A checkpoint in its own format.
pub(crate) struct RawCheckpoint {
    pub(crate) path: PathBuf,
    pub(crate) format: Format,
    /// Fields of transformers' `config.json`; of a wav2vec, those of fairseq's `Wav2VecConfig`; of a VGG16, those of
    /// [`affekt_spec::encoder::Vgg16Config`].
    pub(crate) known_fields: Map<String, Value>,
    pub(crate) normalise: bool,
    pub(crate) named: NamedTensors,
    pub(crate) notes: Vec<String>,
}

/// Tensors by their names in the files.
#[derive(Default)]
pub(crate) struct NamedTensors {
    pub(crate) tensors: Vec<(String, Weights)>,
    /// Names of entries that are not weights, with the reasons.
    pub(crate) left_out: Vec<(String, String)>,
}

impl NamedTensors {
    pub(crate) fn leave_out(&mut self, name: String, why: String) {
        self.left_out.push((name, why));
    }
}

/// Reads a checkpoint: a folder saved by transformers (safetensors or `pytorch_model.bin`, single or sharded), or a
/// file of torchaudio, fairseq or torchvision. Nothing in them is executed, and no file outside the folder is read.
///
/// # Errors
/// Fails if it is none of these, is damaged, is neither wav2vec 2.0 nor wav2vec nor VGG16, lacks a tensor of its
/// encoder, or does not determine a setting that `overrides` lacks too.
pub fn read(path: &Path, overrides: &Overrides) -> Result<Encoder, EncoderError> {
    let is_folder = std::fs::metadata(path).map_err(EncoderError::io(path))?.is_dir();
    if is_folder {
        return encoder(folder::read(path)?, overrides);
    }
    if path.extension().is_some_and(|extension| extension == "safetensors") {
        let (named, mut metadata) = safe::read_with_metadata(path)?;
        return match torchvision::raw(path, named, metadata.remove(torchvision::NORMALISATION)) {
            Ok(raw) => encoder(raw, overrides),
            Err(_) => {
                let why = "tensors without settings: give the folder whose `config.json` describes them";
                Err(EncoderError::NoCheckpoint { path: path.to_owned(), why: why.into() })
            }
        };
    }
    encoder(Pt::open(path)?.checkpoint()?, overrides)
}

fn encoder(raw: RawCheckpoint, overrides: &Overrides) -> Result<Encoder, EncoderError> {
    let RawCheckpoint { path, format, mut known_fields, normalise, mut named, notes } = raw;
    for (field, value) in &overrides.config {
        match known_fields.get(field) {
            None => _ = known_fields.insert(field.clone(), value.clone()),
            Some(file) if is_equal(file, value) => {}
            Some(file) => {
                let (file, given) = (file.to_string(), value.to_string());
                return Err(EncoderError::Contradiction { path, field: field.clone(), file, given });
            }
        }
    }
    if format == Format::Torchaudio {
        for (field, why) in [
            ("num_attention_heads", "its width is not a published one, 768 or 1024"),
            ("conv_stride", "its kernels are not the published ones, 10, 3, 3, 3, 3, 2, 2"),
        ] {
            if !known_fields.contains_key(field) {
                return Err(EncoderError::Undetermined { path, field, why: why.into() });
            }
        }
    }
    let config =
        Family::of(&known_fields).map_err(|cause| EncoderError::Config { path: path.clone(), cause })?;
    if config.vgg16().is_some() && overrides.normalise == Some(true) {
        let (field, value) = ("normalise", "true".to_owned());
        let supported = "`normalisation` under `config`, as it reads images and not waveforms,";
        let cause = ConfigError::Unsupported { field, value, supported };
        return Err(EncoderError::Config { path, cause });
    }
    // The mapping must not depend on the order of a hash map.
    named.tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut encoder = Encoder {
        normalise: overrides.normalise.unwrap_or(normalise),
        tensors: BTreeMap::new(),
        key_mapping: KeyMappingReport { left_out: named.left_out, notes, ..KeyMappingReport::default() },
        config,
    };
    encoder.take(&path, format, named.tensors)?;
    encoder.key_mapping.left_out.sort();
    Ok(encoder)
}

/// Returns the names of the tensors that a wav2vec 2.0 lacks of the head of its own pretraining: quantiser and projections.
#[must_use]
pub fn lacking_pretraining_head(encoder: &Encoder) -> Vec<String> {
    let of_head = |name: &String| !name.starts_with("lm_head.") && !encoder.tensors.contains_key(name);
    shapes::heads(&encoder.config).into_keys().filter(of_head).collect()
}

/// Returns whether two values are equal, including `0` and `0.0`.
fn is_equal(a: &Value, b: &Value) -> bool {
    a == b || a.as_f64().is_some_and(|a| Some(a) == b.as_f64())
}

impl Encoder {
    /// Moves every tensor to its canonical name.
    fn take(
        &mut self,
        path: &Path,
        format: Format,
        tensors: Vec<(String, Weights)>,
    ) -> Result<(), EncoderError> {
        let of_head: fn(&str) -> Option<&'static str> = match self.config {
            Family::Speech(SpeechConfig::Wav2Vec2(_)) => |_| None,
            Family::Speech(SpeechConfig::Whisper(_)) => of_decoder,
            Family::Wav2Vec(_) => of_prediction,
            Family::Vgg16(_) => of_classifier,
        };
        let is_wav2vec = self.config.wav2vec().is_some();
        let expected = shapes::encoder(&self.config);
        let heads = shapes::heads(&self.config);
        let mut wrong = Vec::new();
        let mut named: BTreeMap<String, String> = BTreeMap::new();
        for (theirs, weights) in tensors {
            if let Some(why) = no_weight(&theirs).or_else(|| of_head(&theirs)) {
                self.key_mapping.left_out.push((theirs, why.to_owned()));
                continue;
            }
            let name = if is_wav2vec { theirs.clone() } else { canonical(format, &theirs) };
            let shape = expected.get(&name).or_else(|| heads.get(&name));
            if shape.is_none() && !shapes::CLASSIFIER.contains(&name.as_str()) {
                self.key_mapping.unknown.push(theirs);
                continue;
            }
            if let Some(shape) = shape.filter(|shape| *shape != weights.shape()) {
                wrong.push(format!("`{theirs}` has shape {:?}, expected {shape:?}", weights.shape()));
                continue;
            }
            match (named.get(&name), self.tensors.get(&name)) {
                (Some(first), Some(before)) if before.values() == weights.values() => {
                    self.key_mapping.left_out.push((theirs, format!("the same as `{first}`")));
                }
                (Some(first), Some(_)) => {
                    let (path, first) = (path.to_owned(), first.clone());
                    return Err(EncoderError::Conflict { path, first, second: theirs, name });
                }
                _ => {
                    self.key_mapping.taken.insert(theirs.clone(), name.clone());
                    named.insert(name.clone(), theirs);
                    self.tensors.insert(name, weights);
                }
            }
        }
        self.fill_mask();
        if wrong.is_empty() {
            let missing = expected.keys().filter(|name| !self.tensors.contains_key(*name));
            wrong.extend(missing.map(|name| format!("`{name}` is missing")));
        }
        if wrong.is_empty() { Ok(()) } else { Err(EncoderError::Tensors { path: path.to_owned(), wrong }) }
    }

    /// Adds the embedding of masked frames, as zeros: torchaudio does not store it, and transformers only for models
    /// that mask. Thus every artefact of a wav2vec 2.0 has it.
    fn fill_mask(&mut self) {
        let width = self.config.wav2vec2().map(|config| config.hidden_size);
        if let Some(width) = width.filter(|_| !self.tensors.contains_key(shapes::MASK)) {
            self.tensors.insert(shapes::MASK.to_owned(), Weights::from_values(&[width], &vec![0.0; width]));
            self.key_mapping
                .notes
                .push(format!("no `{}`: masked frames are replaced by zeros", shapes::MASK));
        }
    }
}
