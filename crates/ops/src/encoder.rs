//! `encoder`: a checkpoint of wav2vec 2.0, of wav2vec or of VGG16 becomes an artefact, whatever format it came in; or the description
//! of one whose weights are yet to be drawn, for trials without a checkpoint.
//!
//! A source: its fingerprint is made of the bytes of the checkpoint's files, never of where they lie.

use affekt_config::{Diagnostic, Section, Value as Yaml, to_json};
#[cfg(feature = "host")]
use affekt_encoders::{Account, ArtefactCard, EncoderCard, Hub, Located, Said, Weights};
use affekt_graph::Place;
use affekt_spec::Words;
use affekt_spec::encoder::{Architecture, EncoderConfig, Family, Vgg16Config, Wav2VecConfig};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
#[cfg(feature = "host")]
use {
    affekt_config::Folder,
    affekt_domain::Digest,
    affekt_graph::{Failure, Job},
    std::collections::BTreeMap,
    std::path::{Path, PathBuf},
};

use crate::Kind;
use crate::definition::{Definition, Grain, OutputPort, plain};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Params {
    /// What it is made from.
    pub from: From,
    /// Whether waveforms are brought to zero mean and unit variance before they enter; without it, the checkpoint decides.
    pub normalise: Option<bool>,
}

/// What an encoder is made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum From {
    /// A checkpoint.
    Checkpoint {
        /// The name of its card, its repository on the Hub, or its path.
        name: String,
        /// Fields of transformers' `config.json`, or of a VGG16's configuration, that its files cannot tell.
        config: Map<String, Value>,
    },
    /// Nothing: weights are drawn before the first training step.
    Random {
        /// All of its configuration, of which `model_type` says the family.
        config: Map<String, Value>,
        /// What the weights are drawn from.
        seed: u64,
    },
}

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "encoder",
    version: 1,
    about: "a checkpoint of wav2vec 2.0, wav2vec or VGG16, in whatever format, becomes an encoder",
    inputs: &[],
    outputs: &[OutputPort::new("encoder", Kind::Encoder), OutputPort::new("account", Kind::Account)],
    params: read,
    grain: Grain::Whole,
    place: Place::Runner,
    seeded: false,
    source: true,
};

/// What `from` says where there is no checkpoint.
const RANDOM: &str = "random";

fn read(section: &mut Section<'_>) -> Value {
    let name = section.required_text("from").unwrap_or_default();
    let normalise = read_normalise(section);
    let from = if name == RANDOM {
        let default = default_architecture(section);
        let architecture = section.one_of("architecture", default, &architectures());
        let config = changed(section, &architecture.config());
        if normalise == Some(true) && config.vgg16().is_some() {
            let message = "`normalise` is about waveforms, and a VGG16 reads pictures";
            let hint = "how its pixels are normalised stands under `config`: `normalisation: torchvision` or `keras`";
            section.diagnostics().push(Diagnostic::error(section.span(), message).hint(hint));
        }
        From::Random { config: config.fields(), seed: section.integer("seed", 0_u32, 0..).into() }
    } else {
        let known = family_of_checkpoint(section);
        From::Checkpoint { name, config: read_fields(section, &known) }
    };
    plain(&Params { from, normalise })
}

/// What may be drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Drawn {
    Wav2Vec2(Architecture),
    Wav2VecLarge,
    Vgg16,
}

impl Drawn {
    fn config(self) -> Family {
        match self {
            Self::Wav2Vec2(architecture) => architecture.config().into(),
            Self::Wav2VecLarge => Wav2VecConfig::large().into(),
            Self::Vgg16 => Vgg16Config::default().into(),
        }
    }
}

/// What is drawn where no architecture is named: BASE, or what the configuration says that it is of.
fn default_architecture(section: &mut Section<'_>) -> Drawn {
    let model_type = section.node("config").and_then(|config| config.get("model_type")).map(to_json);
    match model_type.as_ref().and_then(Value::as_str) {
        Some("wav2vec") => Drawn::Wav2VecLarge,
        Some("vgg16") => Drawn::Vgg16,
        _ => Drawn::Wav2Vec2(Architecture::Base),
    }
}

/// The published architectures, by name.
fn architectures() -> Vec<(&'static str, Drawn)> {
    let second = Architecture::ALL.iter().map(|known| (known.word(), Drawn::Wav2Vec2(*known)));
    second.chain([("wav2vec-large", Drawn::Wav2VecLarge), ("vgg16", Drawn::Vgg16)]).collect()
}

/// Of which family a checkpoint is about which `config` says something: what a file of torchaudio cannot tell, or one of a VGG16, if
/// it is about a field that only that has. A wav2vec's tells everything.
fn family_of_checkpoint(section: &mut Section<'_>) -> Family {
    let (speech, pictures) = (Family::from(EncoderConfig::default()), Family::from(Vgg16Config::default()));
    let fields = section.node("config").map(to_json);
    let given = fields.as_ref().and_then(Value::as_object).into_iter().flat_map(Map::keys);
    let (of_speech, of_pictures) = (speech.fields(), pictures.fields());
    let is_of_pictures =
        { given }.any(|field| of_pictures.contains_key(field) && !of_speech.contains_key(field));
    if is_of_pictures { pictures } else { speech }
}

/// `checkpoint`, or true or false.
fn read_normalise(section: &mut Section<'_>) -> Option<bool> {
    let field = section.optional("normalise")?;
    match &field.node.value {
        Yaml::Text(text) if text == "checkpoint" => None,
        Yaml::Bool(normalise) => Some(*normalise),
        _ => {
            field.expected("`checkpoint`, `true` or `false`");
            None
        }
    }
}

/// The architecture with the fields under `config` set.
fn changed(section: &mut Section<'_>, architecture: &Family) -> Family {
    let fields = read_fields(section, architecture);
    architecture.with(&fields).unwrap_or_else(|error| {
        let span = section.node("config").map_or_else(|| section.span(), |node| &node.span);
        section.diagnostics().error(span, error.to_string());
        architecture.clone()
    })
}

/// The fields that stand under `config`: of transformers' `config.json`, of fairseq's `Wav2VecConfig`, or of a VGG16.
fn read_fields(section: &mut Section<'_>, known: &Family) -> Map<String, Value> {
    let Some(field) = section.optional("config") else { return Map::new() };
    let Yaml::Map(entries) = &field.node.value else {
        field.expected(match known {
            Family::Wav2Vec2(_) => "a mapping of fields of transformers' `config.json`",
            Family::Wav2Vec(_) => "a mapping of fields of fairseq's `Wav2VecConfig`",
            Family::Vgg16(_) => "a mapping of `channels`, `convolutions` and `normalisation`",
        });
        return Map::new();
    };
    let names: Vec<String> = known.fields().into_iter().map(|(name, _)| name).collect();
    let mut fields = Map::new();
    for (key, node) in entries {
        let value = to_json(node);
        if !names.contains(&key.name) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let unknown = Diagnostic::unknown(&key.span, "field", &key.name, "known fields are", &names);
            section.diagnostics().push(unknown);
        } else if let Err(error) = known.set(&key.name, &value) {
            section.diagnostics().error(&node.span, error.to_string());
        } else {
            fields.insert(key.name.clone(), value);
        }
    }
    fields
}

/// Where checkpoints are looked for.
#[cfg(feature = "host")]
#[derive(Debug, Clone)]
pub struct EncoderPlaces {
    /// Folders with cards, in `encoders/`; the first that has one counts.
    pub datasets: Vec<Folder>,
    /// The Hub's files on this machine.
    pub hub: Hub,
    /// What relative paths begin at, if not where the program was started.
    pub folder: Option<PathBuf>,
}

#[cfg(feature = "host")]
impl Default for EncoderPlaces {
    /// Without cards.
    fn default() -> Self {
        Self { datasets: Vec::new(), hub: Hub::of_environment(), folder: None }
    }
}

#[cfg(feature = "host")]
impl EncoderPlaces {
    /// The checkpoint called `name`.
    pub(crate) fn locate(&self, name: &str) -> Result<Located, Failure> {
        let is_known = EncoderCard::names(&self.datasets).contains(&name.to_lowercase());
        let beside = self.folder.as_ref().map(|folder| folder.join(name));
        let beside = beside.filter(|path| !is_known && path.exists());
        let wanted = beside.as_deref().and_then(Path::to_str).unwrap_or(name);
        affekt_encoders::locate(wanted, &self.datasets, &self.hub).map_err(|error| Failure::because(&error))
    }
}

/// The digest of what the files of a checkpoint hold.
#[cfg(feature = "host")]
pub(crate) fn digest(path: &Path) -> Result<Digest, Failure> {
    let digest = affekt_encoders::fingerprint(path).map_err(|error| Failure::because(&error))?;
    Ok(Digest::from_bytes(digest))
}

/// Writes the artefact of a checkpoint, and what became of every tensor in it.
#[cfg(feature = "host")]
pub(crate) fn run_checkpoint(
    job: &Job,
    located: &Located,
    config: &Map<String, Value>,
    normalise: Option<bool>,
) -> Result<(), Failure> {
    let said = Said { config: config.clone(), normalise };
    let encoder = affekt_encoders::read(&located.path, &said).map_err(|error| Failure::because(&error))?;
    let card = ArtefactCard::of(&encoder, located.card.as_ref());
    write(job, &card, &encoder.tensors, &encoder.account)
}

/// Writes the artefact of an encoder whose weights are yet to be drawn. Without a word about it, waveforms are normalised for a
/// wav2vec 2.0, as transformers does by default, and not for a wav2vec, as fairseq. A VGG16 reads none.
#[cfg(feature = "host")]
pub(crate) fn run_random(
    job: &Job,
    config: &Map<String, Value>,
    seed: u64,
    normalise: Option<bool>,
) -> Result<(), Failure> {
    let config = Family::of(config).map_err(|error| Failure::because(&error))?;
    let normalise = normalise.unwrap_or(config.wav2vec2().is_some());
    let card = ArtefactCard::untrained(config, normalise, seed);
    let account = Account { notes: vec![card.origin.clone()], ..Account::default() };
    write(job, &card, &BTreeMap::new(), &account)
}

#[cfg(feature = "host")]
fn write(
    job: &Job,
    card: &ArtefactCard,
    tensors: &BTreeMap<String, Weights>,
    account: &Account,
) -> Result<(), Failure> {
    let written = affekt_encoders::write(job.output("encoder")?, card, tensors);
    written.map_err(|error| Failure::because(&error))?;
    crate::write_json(job.output("account")?, account)
}
