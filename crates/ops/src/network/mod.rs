//! The section `network` of `train`: which network, in the words of `NetworkConfig`, which only exists where libtorch
//! is. A test of the worker holds the two together.

mod cnn;
mod embedding_cnn;
mod end2you;
mod mlp;
mod parts;
mod wav2vec2;

use affekt_config::Section;
use serde_json::Value;

pub(crate) use self::parts::same;
pub(crate) use self::wav2vec2::overrides;

/// A kind of network.
struct Network {
    name: &'static str,
    /// Whether it reads waveforms rather than features.
    reads_waveforms: bool,
    /// Whether it has an encoder, whose checkpoint flows into a port of its own.
    has_encoder: bool,
    /// Reads the section but for `kind`, defaults filled in.
    read: fn(&mut Section<'_>) -> Value,
}

const NETWORKS: [Network; 7] = [
    of_features("cnn", cnn::read),
    of_features("two-cnns", cnn::read),
    of_features("parallel-cnn", cnn::read_parallel),
    of_features("embedding-cnn", embedding_cnn::read),
    of_features("mlp", mlp::read),
    Network { name: "wav2vec2", reads_waveforms: true, has_encoder: true, read: wav2vec2::read },
    Network { name: "end2you", reads_waveforms: true, has_encoder: false, read: end2you::read },
];

const fn of_features(name: &'static str, read: fn(&mut Section<'_>) -> Value) -> Network {
    Network { name, reads_waveforms: false, has_encoder: false, read }
}

/// Reads the section, defaults filled in.
pub fn read(section: &mut Section<'_>) -> Option<Value> {
    let kinds: Vec<_> = NETWORKS.iter().map(|network| (network.name, network)).collect();
    let network = section.required_one_of("kind", &kinds)?;
    let mut config = (network.read)(section);
    config["kind"] = network.name.into();
    Some(config)
}

/// Whether the network of these parameters reads waveforms rather than features, and whether it reads an encoder.
#[must_use]
pub fn reads(network: &Value) -> Option<Reads> {
    let network = NETWORKS.iter().find(|known| network["kind"] == known.name)?;
    Some(Reads { name: network.name, waveforms: network.reads_waveforms, encoder: network.has_encoder })
}

/// What a network reads.
pub struct Reads {
    /// Its kind.
    pub name: &'static str,
    /// Whether that is waveforms rather than features.
    pub waveforms: bool,
    /// Whether it has an encoder.
    pub encoder: bool,
}
