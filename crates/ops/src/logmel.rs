//! `logmel`: waveforms become mel spectrograms in decibels, in librosa's definition.

use affekt_config::{Field, Section, Value as Node};
use affekt_features::Reference;
use affekt_graph::Place;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Kind;
use crate::definition::{Definition, Grain, InputPort, OutputPort, plain};

/// The parameters, by librosa's names. The sampling rate is that of the waveforms.
#[derive(Serialize, Deserialize)]
pub struct Params {
    /// Length of the window and of the Fourier transform, in samples.
    pub n_fft: usize,
    /// Step from frame to frame, in samples.
    pub hop_length: usize,
    /// Mel bands.
    pub n_mels: usize,
    /// The power that is 0 dB.
    pub reference: Reference,
    /// The range in dB: what is further below the largest value is raised to there. `None` keeps everything.
    pub top_db: Option<f64>,
}

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "logmel",
    version: 1,
    about: "waveforms become mel spectrograms in decibels, in librosa's definition",
    inputs: &[InputPort::one("waveforms", &[Kind::Waveforms])],
    outputs: &[OutputPort::new("features", Kind::Features)],
    params: read,
    grain: Grain::Shard,
    place: Place::Runner,
    seeded: false,
    source: false,
};

fn read(section: &mut Section<'_>) -> Value {
    let n_fft = section.integer("n_fft", 2048, 16..=65_536);
    let hop_length = section.integer("hop_length", 256, 1..=65_536);
    let n_mels = section.integer("n_mels", 128, 1..=1024);
    let references = [("max", Reference::Max), ("one", Reference::One)];
    let reference = section.one_of("reference", Reference::Max, &references);
    let top_db = section.field("top_db").map_or(Some(80.0), read_range);
    plain(&Params { n_fft, hop_length, n_mels, reference, top_db })
}

fn read_range(field: Field<'_>) -> Option<f64> {
    match &field.node.value {
        Node::Text(word) if word == "none" => None,
        Node::Integer(_) | Node::Float(_) => field.float(1.0..=1000.0),
        _ => {
            field.expected("a number of decibels or `none`");
            None
        }
    }
}

#[cfg(feature = "host")]
pub(crate) fn run(
    job: &affekt_graph::Job,
    context: &mut dyn affekt_graph::Context,
) -> Result<(), affekt_graph::Failure> {
    use affekt_features::{LogMel, LogMelConfig};

    let Params { n_fft, hop_length, n_mels, reference, top_db } = crate::params(job)?;
    let top_db = top_db.map(|top_db| top_db as f32);
    crate::waveforms::write_features(job, context, |rate_hz| {
        LogMel::new(&LogMelConfig { rate_hz, n_fft, hop_length, n_mels, reference, top_db })
    })
}
