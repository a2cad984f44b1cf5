//! `logmel`: waveforms become mel spectrograms in decibels, in librosa's definition.

use affekt_features::Reference;
use affekt_spec::Spec;
use affekt_spec::prose::number;

use crate::operation::{Grain, InputPort, Operation, OutputPort};
use crate::{Kind, Sentence, Topic};

/// The parameters, by librosa's names. The sampling rate is that of the waveforms.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct Params {
    /// Length of the window and of the Fourier transform.
    #[spec(default = 2048, range = 16..=65_536, unit = "samples")]
    pub n_fft: usize,
    /// Step from frame to frame.
    #[spec(default = 256, range = 1..=65_536, unit = "samples")]
    pub hop_length: usize,
    /// Number of mel bands.
    #[spec(default = 128, range = 1..=1024)]
    pub n_mels: usize,
    /// The power that is 0 dB.
    #[spec(default = Reference::Max)]
    pub reference: Reference,
    /// The range: what is further below the largest value is raised to there. `none` keeps everything.
    #[spec(default = Some(80.0), range = 1.0..=1000.0, none = "none", noun = "a number of decibels", unit = "dB")]
    pub top_db: Option<f64>,
}

/// The operation.
pub struct LogMel;

impl Operation for LogMel {
    type Params = Params;

    const NAME: &'static str = "logmel";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "waveforms become mel spectrograms in decibels, in librosa's definition";
    const INPUTS: &'static [InputPort] = &[InputPort::one("waveforms", &[Kind::Waveforms])];
    const OUTPUTS: &'static [OutputPort] = &[OutputPort::new("features", Kind::Features)];
    const GRAIN: Grain = Grain::Shard;

    fn prose(params: &Params) -> Vec<Sentence> {
        let Params { n_fft, hop_length, n_mels, reference, top_db } = params;
        let reference = match reference {
            Reference::Max => "the clip’s maximum",
            Reference::One => "a power of 1",
        };
        let range =
            top_db.map(|range| format!(", no further than {} dB below the largest value", number(range)));
        vec![Topic::Features.says(format!(
            "From each waveform a spectrogram of {n_mels} mel bands was computed over windows of {n_fft} samples every {hop_length} \
             samples, as librosa defines it, in decibels relative to {reference}{}.",
            range.unwrap_or_default(),
        ))]
    }
}
