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
    use affekt_graph::Failure;
    use affekt_table::features::FeatureWriter;
    use affekt_table::waveforms::Waveforms;

    let Params { n_fft, hop_length, n_mels, n_mfcc } = crate::params(job)?;
    let object = job.open_one("waveforms")?;
    let failed = |error| crate::table::failure(&object, error);
    let waveforms = Waveforms::open(crate::table::open(&object)?).map_err(failed)?;
    let rate_hz = waveforms.rate();
    let mfcc = Mfcc::new(&MfccConfig { rate_hz, n_fft, hop_length, n_mels, n_mfcc })
        .map_err(|error| Failure::because(&error))?;
    let samples = if waveforms.is_empty() { 0 } else { waveforms.samples(0).map_err(failed)?.len() };
    let mut writer = FeatureWriter::create(job.output("features")?, &mfcc.shape(samples))
        .map_err(crate::table::unwritten)?;
    for row in 0..waveforms.len() {
        if context.cancelled() {
            return Err(Failure::Cancelled);
        }
        context.progress(row as u64, waveforms.len() as u64, "recordings");
        let frames = mfcc.compute(waveforms.samples(row).map_err(failed)?);
        let (utterance, copy) =
            (waveforms.utterance(row).map_err(failed)?, waveforms.copy(row).map_err(failed)?);
        writer.push(utterance, copy, &frames).map_err(crate::table::unwritten)?;
    }
    writer.finish().map_err(crate::table::unwritten)
}
