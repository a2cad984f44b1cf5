//! The artefact of `encoder`: a pretrained wav2vec 2.0, wav2vec or VGG16, or the description of one that is to begin at random.
//! Tensors have their canonical names, those of heads too.

use affekt_graph::Failure;
use affekt_models::vgg16::drawn;
use affekt_spec::encoder::{EncoderConfig, Family, SpeechConfig, Vgg16Config};
use affekt_torch::NamedTensors;
use serde::{Deserialize, Serialize};

/// What stands beside the weights.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EncoderCard {
    version: u32,
    /// What it is called.
    pub name: String,
    /// Of which family it is, and what it is made of.
    pub config: Family,
    /// Whether waveforms are brought to mean 0 and variance 1 for it.
    pub normalise: bool,
    /// Where it comes from, in words.
    origin: String,
    /// What may be done with it, where that is known.
    licence: Option<String>,
    /// Whether there are weights. Without any it begins at random, from `seed`.
    pub pretrained: bool,
    /// What random weights are a function of.
    #[serde(default)]
    pub seed: u64,
    /// Where it went on learning, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    further: Option<Further>,
}

/// What an encoder that went on learning in a fold went on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Further {
    /// The fold whose training rows it has heard.
    fold: u32,
    /// Whether it began with weights that nobody trained.
    from_random: bool,
}

/// Where an encoder came from, as the model that it became remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// What it is called.
    pub name: String,
    /// Whether it was pretrained.
    pub pretrained: bool,
}

impl super::Card for EncoderCard {
    const OF: &'static str = "encoder";
    const VERSION: u32 = 1;

    fn version(&self) -> u32 {
        self.version
    }
}

impl EncoderCard {
    /// What a wav2vec 2.0 is made of, for `op`, which reads no other.
    pub fn wav2vec2(&self, op: &str) -> Result<&EncoderConfig, Failure> {
        self.config.wav2vec2().ok_or_else(|| self.wrong(op, "wav2vec 2.0", "wav2vec2-base"))
    }

    /// What an encoder of speech is made of, for `op`, which reads no other.
    pub fn speech(&self, op: &str) -> Result<&SpeechConfig, Failure> {
        self.config.speech().ok_or_else(|| self.wrong(op, "wav2vec 2.0", "wav2vec2-base"))
    }

    /// What a VGG16 is made of, for `op`, which reads no other.
    pub fn vgg16(&self, op: &str) -> Result<&Vgg16Config, Failure> {
        self.config.vgg16().ok_or_else(|| self.wrong(op, "VGG16", "vgg16-imagenet"))
    }

    /// That `op` reads other families than this one's; the encoder `name` would do.
    pub fn wrong(&self, op: &str, families: &str, name: &str) -> Failure {
        let (own, family) = (&self.name, self.config.name());
        let networks = match self.config {
            Family::Speech(_) => "waveforms",
            Family::Wav2Vec(_) => "states",
            Family::Vgg16(_) => "pictures",
        };
        let message = format!(
            "the encoder `{own}` is a {family}, and `{op}` reads {families} alone: try `from: {name}`; a {family} is for networks \
             of {networks}"
        );
        Failure::Failed { message }
    }

    /// The weights of a VGG16: those of its checkpoint, or where nobody trained any, what its seed gives. So every step that reads it
    /// has the same.
    pub fn base(&self, config: &Vgg16Config, weights: NamedTensors) -> Result<NamedTensors, Failure> {
        if self.pretrained {
            return Ok(weights);
        }
        drawn(config, self.seed).map_err(|error| Failure::because(&error))
    }

    /// Where it came from.
    pub fn origin(&self) -> Origin {
        let from_random = self.further.is_some_and(|further| further.from_random);
        Origin { name: self.name.clone(), pretrained: self.pretrained && !from_random }
    }

    /// Complains of an encoder that has heard the training rows of another fold: this fold's test rows are among them.
    pub fn check_fold(&self, own: u32) -> Result<(), Failure> {
        match self.further {
            Some(Further { fold, .. }) if fold != own => {
                let message = format!("an encoder pretrained in fold {fold} must not be used in fold {own}");
                Err(Failure::Failed { message })
            }
            _ => Ok(()),
        }
    }

    /// The same encoder after it went on learning in this way from the training rows of a fold.
    pub fn pretrained_further(self, way: &str, fold: u32) -> Self {
        let from_random = self.further.map_or(!self.pretrained, |further| further.from_random);
        Self {
            name: format!("{}, pretrained further ({way}, fold {fold})", self.name),
            origin: format!("{}; pretrained further on the training rows of fold {fold}: {way}", self.origin),
            pretrained: true,
            further: Some(Further { fold, from_random }),
            ..self
        }
    }
}
