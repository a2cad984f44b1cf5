//! `mfcc`: waveforms become mel-frequency cepstral coefficients in librosa's definition.

use affekt_spec::{Section, Spec};

use crate::operation::{Grain, InputPort, Operation, OutputPort};
use crate::{Kind, Sentence, Topic};

/// The parameters, by librosa's names. The sampling rate is that of the waveforms.
#[derive(Debug, Clone, PartialEq, Eq, Spec)]
#[spec(check = default_coefficients)]
pub struct Params {
    /// Length of the window and of the Fourier transform.
    #[spec(default = 2048, range = 16..=65_536, unit = "samples")]
    pub n_fft: usize,
    /// Step from frame to frame.
    #[spec(default = 512, range = 1..=65_536, unit = "samples")]
    pub hop_length: usize,
    /// Number of mel bands.
    #[spec(default = 128, range = 1..=1024)]
    pub n_mels: usize,
    /// Number of coefficients kept; all of `n_mels`, if not said.
    #[spec(default = 128, range = 1..=1024)]
    pub n_mfcc: usize,
}

/// The operation.
pub struct Mfcc;

impl Operation for Mfcc {
    type Params = Params;

    const NAME: &'static str = "mfcc";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "waveforms become mel-frequency cepstral coefficients in librosa's definition";
    const INPUTS: &'static [InputPort] = &[InputPort::one("waveforms", &[Kind::Waveforms])];
    const OUTPUTS: &'static [OutputPort] = &[OutputPort::new("features", Kind::Features)];
    const GRAIN: Grain = Grain::Shard;

    fn prose(params: &Params) -> Vec<Sentence> {
        let Params { n_fft, hop_length, n_mels, n_mfcc } = params;
        vec![Topic::Features.says(format!(
            "From each waveform {n_mfcc} mel-frequency cepstral coefficients of {n_mels} mel bands were computed over windows of \
             {n_fft} samples every {hop_length} samples, as librosa defines them."
        ))]
    }
}

/// There are at most as many coefficients as bands, and as many where nothing is said.
fn default_coefficients(read: &mut Params, section: &mut Section<'_>) {
    let written = section.field("n_mfcc").and_then(|field| field.integer(1..=read.n_mels));
    read.n_mfcc = written.unwrap_or(read.n_mels);
}
