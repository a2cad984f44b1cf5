//! `encoder`: a checkpoint of a speech encoder, of wav2vec or of VGG16 becomes an artefact, whatever format it came in; or the description
//! of one whose weights are yet to be drawn, for trials without a checkpoint.
//!
//! A source: its fingerprint is made of the bytes of the checkpoint's files, never of where they lie.

use affekt_config::{Diagnostic, Value as Yaml, to_json};
use affekt_spec::encoder::{
    Architecture, EncoderConfig, Family, RELATIVES, Relative, Vgg16Config, Wav2VecConfig, WhisperConfig,
};
use affekt_spec::prose::listed;
use affekt_spec::{
    Field, FieldSchema, JsonError, JsonMap, Limits, Schema, Section, Spec, SpecFields, View, Word, Words,
    take_or, take_required,
};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::operation::{Facts, InputPort, Operation, OutputPort};
use crate::{Kind, Sentence, Topic};

/// The parameters.
#[derive(Debug, Clone, PartialEq)]
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
        config: ConfigFields,
    },
    /// Nothing: weights are drawn before the first training step.
    Random {
        /// All of its configuration, of which `model_type` says the family.
        config: ConfigFields,
        /// What the weights are drawn from.
        seed: u64,
    },
}

/// Fields of an encoder's configuration by the names of the program that published it, each checked against the family's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ConfigFields(pub Map<String, Value>);

/// The operation.
pub struct EncoderOp;

impl Operation for EncoderOp {
    type Params = Params;

    const NAME: &'static str = "encoder";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "a checkpoint of a known family, in whatever format, becomes an encoder";
    const INPUTS: &'static [InputPort] = &[];
    const OUTPUTS: &'static [OutputPort] =
        &[OutputPort::new("encoder", Kind::Encoder), OutputPort::new("account", Kind::KeyMappingReport)];
    const SOURCE: bool = true;

    fn facts(params: &Params) -> Facts<'_> {
        let checkpoint = match &params.from {
            From::Checkpoint { name, .. } => Some(name.as_str()),
            From::Random { .. } => None,
        };
        Facts { checkpoint, ..Facts::default() }
    }

    fn prose(params: &Params) -> Vec<Sentence> {
        let changed = |config: &ConfigFields| match config.0.is_empty() {
            true => String::new(),
            false => {
                let fields: Vec<String> =
                    config.0.iter().map(|(name, value)| format!("{name} {value}")).collect();
                format!(", with {}", listed(&fields))
            }
        };
        let began = match &params.from {
            From::Checkpoint { name, config } => {
                format!("The encoder began as the checkpoint `{name}`{}.", changed(config))
            }
            From::Random { .. } => "The encoder began at random: no pretrained weights were used.".to_owned(),
        };
        let normalised = params.normalise.map(|is_on| match is_on {
            true => "Waveforms entered it with zero mean and unit variance.".to_owned(),
            false => "Waveforms entered it as they are.".to_owned(),
        });
        Topic::Encoder.all([Some(began), normalised].into_iter().flatten().collect())
    }
}

impl Spec for Params {
    fn schema(_: &Limits) -> Schema {
        Schema::Section { about: "", fields: Self::fields() }
    }

    fn read(field: Field<'_>, _: &Limits) -> Option<Self> {
        affekt_spec::read_section(field)
    }

    fn view(&self, view: View) -> Value {
        affekt_spec::view_section(self, view)
    }
}

impl SpecFields for Params {
    fn fields() -> Vec<FieldSchema> {
        let config = Schema::map(
            "fields of transformers' `config.json`, of fairseq's `Wav2VecConfig`, or of a VGG16",
            Schema::Any { about: "A value of the field's type." },
        );
        let normalise = Schema::OneOf(vec![
            Schema::Boolean,
            Schema::Words(vec![Word::new("checkpoint", "As the checkpoint says.")]),
        ]);
        vec![
            FieldSchema::required(
                "from",
                "The name of a card, a repository on the Hub (`owner/name`), a path, or `random`.",
                Schema::Text,
            ),
            FieldSchema::or(
                "normalise",
                "Whether waveforms are brought to zero mean and unit variance before they enter.",
                normalise,
                "checkpoint",
            ),
            FieldSchema::or(
                "architecture",
                "What is drawn, with `from: random`.",
                Schema::words(architectures().into_iter().map(|(name, _)| name)),
                "base",
            ),
            FieldSchema::or(
                "config",
                "Fields that are otherwise, or that the checkpoint's files cannot tell.",
                config,
                json!({}),
            ),
            FieldSchema::or(
                "seed",
                "What weights are drawn from, with `from: random`.",
                u64::schema(&Limits::NONE),
                0,
            ),
        ]
    }

    fn read_fields(section: &mut Section<'_>) -> Option<Self> {
        let name = section.required_text("from").unwrap_or_default();
        let normalise = read_normalise(section);
        // What is drawn is read, and checked, whatever `from` says: a pipeline gives it beside a variable.
        let default = default_architecture(section);
        let architecture = section.one_of("architecture", default, &architectures());
        let seed = section.integer("seed", 0_u32, 0..).into();
        let from = if name == RANDOM {
            let config = changed(section, &architecture.config());
            if normalise == Some(true) && config.vgg16().is_some() {
                let message = "`normalise` is about waveforms, and a VGG16 reads images";
                let hint = "how its pixels are normalised stands under `config`: `normalisation: torchvision` or `keras`";
                section.diagnostics().push(Diagnostic::error(section.span(), message).hint(hint));
            }
            From::Random { config: ConfigFields(config.fields()), seed }
        } else {
            let known = family_of_checkpoint(section);
            From::Checkpoint { name, config: ConfigFields(read_config(section, &known)) }
        };
        Some(Self { from, normalise })
    }

    fn view_fields(&self, _: View, map: &mut JsonMap) {
        map.insert("from".to_owned(), json!(self.from));
        map.insert("normalise".to_owned(), json!(self.normalise));
    }

    fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("from", &self.from)?;
        map.serialize_entry("normalise", &self.normalise)
    }

    fn take(map: &mut JsonMap) -> Result<Self, JsonError> {
        Ok(Self { from: take_required(map, "from")?, normalise: take_or(map, "normalise", || None)? })
    }
}

impl Serialize for Params {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        affekt_spec::serialize_section(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        affekt_spec::deserialize_section(deserializer)
    }
}

/// What `from` says where there is no checkpoint.
const RANDOM: &str = "random";

/// What may be drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Drawn {
    Wav2Vec2(Architecture),
    Relative(&'static str),
    Whisper,
    Wav2VecLarge,
    Vgg16,
}

impl Drawn {
    fn config(self) -> Family {
        match self {
            Self::Wav2Vec2(architecture) => architecture.config().into(),
            Self::Relative(model_type) => {
                Relative::of(model_type).map_or_else(EncoderConfig::default, Relative::config).into()
            }
            Self::Whisper => Family::Speech(WhisperConfig::default().into()),
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
        Some(WhisperConfig::MODEL_TYPE) => Drawn::Whisper,
        Some("vgg16") => Drawn::Vgg16,
        Some(model_type) => match relatives().find(|relative| relative.model_type == model_type) {
            Some(relative) => Drawn::Relative(relative.model_type),
            None => Drawn::Wav2Vec2(Architecture::Base),
        },
        None => Drawn::Wav2Vec2(Architecture::Base),
    }
}

/// The BASE of what is built like wav2vec 2.0.
fn relatives() -> impl Iterator<Item = &'static Relative> {
    RELATIVES.iter().skip(1)
}

/// The published architectures, by name.
fn architectures() -> Vec<(&'static str, Drawn)> {
    let second = Architecture::ALL.iter().map(|known| (known.word(), Drawn::Wav2Vec2(*known)));
    let relatives = relatives().map(|relative| (relative.model_type, Drawn::Relative(relative.model_type)));
    second
        .chain(relatives)
        .chain([
            (WhisperConfig::MODEL_TYPE, Drawn::Whisper),
            ("wav2vec-large", Drawn::Wav2VecLarge),
            ("vgg16", Drawn::Vgg16),
        ])
        .collect()
}

/// Of which family a checkpoint is about which `config` says something: what a file of torchaudio cannot tell, or one of a VGG16, if
/// it is about a field that only that has. A wav2vec's tells everything.
fn family_of_checkpoint(section: &mut Section<'_>) -> Family {
    let speech = Family::from(EncoderConfig::default());
    let others = [Family::from(Vgg16Config::default()), Family::Speech(WhisperConfig::default().into())];
    let fields = section.node("config").map(to_json);
    let given: Vec<&String> =
        fields.as_ref().and_then(Value::as_object).into_iter().flat_map(Map::keys).collect();
    let of_speech = speech.field_names();
    let is_of = |family: &Family| {
        let names = family.field_names();
        given.iter().any(|field| names.contains(field) && !of_speech.contains(field))
    };
    others.into_iter().find(is_of).unwrap_or(speech)
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
    let fields = read_config(section, architecture);
    architecture.with(&fields).unwrap_or_else(|error| {
        let span = section.node("config").map_or_else(|| section.span(), |node| &node.span);
        section.diagnostics().error(span, error.to_string());
        architecture.clone()
    })
}

/// The fields that stand under `config`: of transformers' `config.json`, of fairseq's `Wav2VecConfig`, or of a VGG16.
fn read_config(section: &mut Section<'_>, known: &Family) -> Map<String, Value> {
    let Some(field) = section.optional("config") else { return Map::new() };
    let Yaml::Map(entries) = &field.node.value else {
        field.expected(match known {
            Family::Speech(_) => "a mapping of fields of transformers' `config.json`",
            Family::Wav2Vec(_) => "a mapping of fields of fairseq's `Wav2VecConfig`",
            Family::Vgg16(_) => "a mapping of `channels`, `convolutions` and `normalisation`",
        });
        return Map::new();
    };
    let names = known.field_names();
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
