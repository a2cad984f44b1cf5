//! A checkpoint of any format, read: its configuration and every tensor under its canonical name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::names::{canonical, no_weight, of_classifier, of_prediction};
use crate::pt::Pt;
use crate::weights::Weights;
use affekt_spec::encoder::{ConfigError, Family};

use crate::{EncoderError, folder, safe, shapes, torchvision};

/// Whose names a checkpoint's tensors have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// transformers: a folder with `config.json`.
    Transformers,
    /// torchaudio: one file of tensors.
    Torchaudio,
    /// torchvision: one file of tensors, of a VGG16.
    Torchvision,
    /// fairseq: one file, settings beside the tensors.
    Fairseq,
}

/// What somebody says about a checkpoint beside what it says itself.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// Fields of transformers' `config.json`, or of [`affekt_spec::encoder::Vgg16Config`], that the file cannot tell.
    pub config: Map<String, Value>,
    /// Whether waveforms are normalised; without it, the checkpoint decides.
    pub normalise: Option<bool>,
}

/// A checkpoint. Elements stay in the mapped files until they are asked for.
#[derive(Debug)]
pub struct Encoder {
    /// What it is made of.
    pub config: Family,
    /// Whether waveforms are brought to zero mean and unit variance before they enter.
    pub normalise: bool,
    /// Encoder and heads, by canonical names.
    pub tensors: BTreeMap<String, Weights>,
    /// What became of what.
    pub account: Account,
}

/// Every tensor of the files is in one of these lists, once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Account {
    /// The name in the file, and the canonical name.
    pub taken: BTreeMap<String, String>,
    /// What is no weight, is of use to nobody or stands there twice: its name and why.
    pub left_out: Vec<(String, String)>,
    /// What is no part of an encoder or of a head that is known.
    pub unknown: Vec<String>,
    /// What to know about how it was read: what was missing, and what stands in its place.
    pub notes: Vec<String>,
}

/// A checkpoint as its format has it.
pub(crate) struct Raw {
    pub(crate) path: PathBuf,
    pub(crate) format: Format,
    /// Fields of transformers' `config.json`; of a wav2vec, those of fairseq's `Wav2VecConfig`; of a VGG16, those of
    /// [`affekt_spec::encoder::Vgg16Config`].
    pub(crate) told: Map<String, Value>,
    pub(crate) normalise: bool,
    pub(crate) named: Named,
    pub(crate) notes: Vec<String>,
}

/// What files hold, by the names there.
#[derive(Default)]
pub(crate) struct Named {
    pub(crate) tensors: Vec<(String, Weights)>,
    /// Names of what is no weight, and why.
    pub(crate) left_out: Vec<(String, String)>,
}

impl Named {
    pub(crate) fn leave_out(&mut self, name: String, why: String) {
        self.left_out.push((name, why));
    }
}

/// Reads a checkpoint: a folder that transformers saved (safetensors or `pytorch_model.bin`, whole or in shards), or a
/// file of torchaudio, fairseq or torchvision. Nothing in any of them is executed, and no file outside the folder is read.
///
/// # Errors
/// When it is none of these, is damaged, is neither wav2vec 2.0 nor wav2vec nor VGG16, does not hold every tensor of its encoder, or
/// leaves open what nobody said.
pub fn read(path: &Path, said: &Said) -> Result<Encoder, EncoderError> {
    let is_folder = std::fs::metadata(path).map_err(EncoderError::io(path))?.is_dir();
    if is_folder {
        return encoder(folder::read(path)?, said);
    }
    if path.extension().is_some_and(|extension| extension == "safetensors") {
        return match torchvision::raw(path, safe::read(path)?) {
            Ok(raw) => encoder(raw, said),
            Err(_) => {
                let why = "tensors without settings: give the folder, whose `config.json` says what they are";
                Err(EncoderError::NoCheckpoint { path: path.to_owned(), why: why.into() })
            }
        };
    }
    encoder(Pt::open(path)?.checkpoint()?, said)
}

fn encoder(raw: Raw, said: &Said) -> Result<Encoder, EncoderError> {
    let Raw { path, format, mut told, normalise, mut named, notes } = raw;
    for (field, value) in &said.config {
        match told.get(field) {
            None => _ = told.insert(field.clone(), value.clone()),
            Some(file) if is_equal(file, value) => {}
            Some(file) => {
                let (file, said) = (file.to_string(), value.to_string());
                return Err(EncoderError::Contradiction { path, field: field.clone(), file, said });
            }
        }
    }
    if format == Format::Torchaudio {
        for (field, why) in [
            ("num_attention_heads", "its width is not one of the published, 768 or 1024"),
            ("conv_stride", "its kernels are not the published, 10, 3, 3, 3, 3, 2, 2"),
        ] {
            if !told.contains_key(field) {
                return Err(EncoderError::Unsaid { path, field, why: why.into() });
            }
        }
    }
    let config = Family::of(&told).map_err(|cause| EncoderError::Config { path: path.clone(), cause })?;
    if config.vgg16().is_some() && said.normalise == Some(true) {
        let (field, value) = ("normalise", "true".to_owned());
        let supported = "`normalisation` under `config`, for it reads pictures and no waveforms,";
        let cause = ConfigError::Unsupported { field, value, supported };
        return Err(EncoderError::Config { path, cause });
    }
    // What becomes of which must not depend on how a header happened to be hashed.
    named.tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut encoder = Encoder {
        normalise: said.normalise.unwrap_or(normalise),
        tensors: BTreeMap::new(),
        account: Account { left_out: named.left_out, notes, ..Account::default() },
        config,
    };
    encoder.take(&path, format, named.tensors)?;
    encoder.account.left_out.sort();
    Ok(encoder)
}

/// Whether they are the same value, `0` and `0.0` too.
fn is_equal(a: &Value, b: &Value) -> bool {
    a == b || a.as_f64().is_some_and(|a| Some(a) == b.as_f64())
}

impl Encoder {
    /// Files every tensor under its canonical name.
    fn take(
        &mut self,
        path: &Path,
        format: Format,
        tensors: Vec<(String, Weights)>,
    ) -> Result<(), EncoderError> {
        let of_head: fn(&str) -> Option<&'static str> = match self.config {
            Family::Wav2Vec2(_) => |_| None,
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
                self.account.left_out.push((theirs, why.to_owned()));
                continue;
            }
            let name = if is_wav2vec { theirs.clone() } else { canonical(format, &theirs) };
            let shape = expected.get(&name).or_else(|| heads.get(&name));
            if shape.is_none() && !shapes::CLASSIFIER.contains(&name.as_str()) {
                self.account.unknown.push(theirs);
                continue;
            }
            if let Some(shape) = shape.filter(|shape| *shape != weights.shape()) {
                wrong.push(format!("`{theirs}` is {:?} where {shape:?} is expected", weights.shape()));
                continue;
            }
            match (named.get(&name), self.tensors.get(&name)) {
                (Some(first), Some(before)) if before.values() == weights.values() => {
                    self.account.left_out.push((theirs, format!("the same as `{first}`")));
                }
                (Some(first), Some(_)) => {
                    let (path, first) = (path.to_owned(), first.clone());
                    return Err(EncoderError::Conflict { path, first, second: theirs, name });
                }
                _ => {
                    self.account.taken.insert(theirs.clone(), name.clone());
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

    /// torchaudio does not keep what masked frames are replaced by, and transformers only where it masks: zeros stand
    /// in its place, so that every artefact of a wav2vec 2.0 has it.
    fn fill_mask(&mut self) {
        let width = self.config.wav2vec2().map(|config| config.hidden_size);
        if let Some(width) = width.filter(|_| !self.tensors.contains_key(shapes::MASK)) {
            self.tensors.insert(shapes::MASK.to_owned(), Weights::from_values(&[width], &vec![0.0; width]));
            self.account.notes.push(format!("no `{}`: masked frames are replaced by zeros", shapes::MASK));
        }
    }
}
