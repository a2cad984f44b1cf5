//! `mfcc`: waveforms become mel-frequency cepstral coefficients in librosa's definition.

use affekt_config::Section;
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
    /// Coefficients kept.
    pub n_mfcc: usize,
}

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "mfcc",
    version: 1,
    about: "waveforms become mel-frequency cepstral coefficients in librosa's definition",
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
    let hop_length = section.integer("hop_length", 512, 1..=65_536);
    let n_mels = section.integer("n_mels", 128, 1..=1024);
    let n_mfcc = section.integer("n_mfcc", n_mels, 1..=n_mels);
    plain(&Params { n_fft, hop_length, n_mels, n_mfcc })
}

#[cfg(feature = "host")]
pub(crate) fn run(
    job: &affekt_graph::Job,
    context: &mut dyn affekt_graph::Context,
) -> Result<(), affekt_graph::Failure> {
    use affekt_features::{Mfcc, MfccConfig};

    let Params { n_fft, hop_length, n_mels, n_mfcc } = crate::params(job)?;
    crate::waveforms::write_features(job, context, |rate_hz| {
        Mfcc::new(&MfccConfig { rate_hz, n_fft, hop_length, n_mels, n_mfcc })
    })
}
