//! The section `network` of `train`: which network, in the words of `NetworkConfig`, which only exists where libtorch
//! is. A test of the worker holds the two together.

mod cnn;
mod embedding_cnn;
mod end2you;
mod mlp;
mod parts;
mod vgg16;
mod wav2vec2;

use affekt_config::Section;
use serde_json::Value;

use crate::Kind;

pub(crate) use self::parts::same;
pub(crate) use self::vgg16::unfreeze;
pub(crate) use self::wav2vec2::overrides;

/// A kind of network.
struct Network {
    name: &'static str,
    /// What it can read; any one of these, the usual first.
    kinds: &'static [Kind],
    /// Whether it has an encoder, whose checkpoint flows into a port of its own.
    has_encoder: bool,
    /// Reads the section but for `kind`, defaults filled in.
    read: fn(&mut Section<'_>) -> Value,
}

const NETWORKS: [Network; 8] = [
    of_features("cnn", cnn::read),
    of_features("two-cnns", cnn::read),
    of_features("parallel-cnn", cnn::read_parallel),
    of_features("embedding-cnn", embedding_cnn::read),
    of_features("mlp", mlp::read),
    Network { name: "wav2vec2", kinds: &[Kind::Waveforms], has_encoder: true, read: wav2vec2::read },
    Network { name: "end2you", kinds: &[Kind::Waveforms], has_encoder: false, read: end2you::read },
    Network { name: "vgg16", kinds: &[Kind::Pictures, Kind::Features], has_encoder: true, read: vgg16::read },
];

const fn of_features(name: &'static str, read: fn(&mut Section<'_>) -> Value) -> Network {
    Network { name, kinds: &[Kind::Features], has_encoder: false, read }
}

/// Reads the section, defaults filled in.
pub fn read(section: &mut Section<'_>) -> Option<Value> {
    let kinds: Vec<_> = NETWORKS.iter().map(|network| (network.name, network)).collect();
    let network = section.required_one_of("kind", &kinds)?;
    let mut config = (network.read)(section);
    config["kind"] = network.name.into();
    Some(config)
}

/// What the network of these parameters reads, and whether it reads an encoder.
#[must_use]
pub fn reads(network: &Value) -> Option<Reads> {
    let network = NETWORKS.iter().find(|known| network["kind"] == known.name)?;
    Some(Reads { name: network.name, kinds: network.kinds, encoder: network.has_encoder })
}

/// What a network reads.
pub struct Reads {
    /// Its kind.
    pub name: &'static str,
    /// Any one of these, the usual first.
    pub kinds: &'static [Kind],
    /// Whether it has an encoder.
    pub encoder: bool,
}
