//! `awgn`: every waveform is followed by copies with additive white Gaussian noise.
//!
//! Nothing here knows of roles: only training rows are trained on with their copies, and `train` sees to that.

use affekt_spec::Spec;
use affekt_spec::prose::number;

use crate::operation::{Grain, InputPort, Operation, OutputPort, Purpose};
use crate::{Kind, Sentence, Topic};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct Params {
    /// Number of noisy copies of every waveform.
    #[spec(default = 2, range = 0..=100)]
    pub copies: u32,
    /// Lowest and highest signal-to-noise ratio; each copy's is drawn uniformly between them.
    #[spec(
        default = [15.0, 30.0],
        range = -100.0..=200.0,
        noun = "the lowest and the highest signal-to-noise ratio, such as [15, 30]",
        unit = "dB"
    )]
    pub snr_db: [f64; 2],
    /// What the noise depends on, beside the utterance and the copy's number.
    #[spec(default = 0, range = 0.., free)]
    pub seed: u64,
}

/// The operation.
pub struct Awgn;

impl Operation for Awgn {
    type Params = Params;

    const NAME: &'static str = "awgn";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "every waveform is followed by copies with additive white Gaussian noise";
    const INPUTS: &'static [InputPort] = &[InputPort::one("waveforms", &[Kind::Waveforms])];
    const OUTPUTS: &'static [OutputPort] = &[OutputPort::new("waveforms", Kind::Waveforms)];
    const GRAIN: Grain = Grain::Shard;
    const PURPOSE: Purpose = Purpose::Augment;

    fn prose(params: &Params) -> Vec<Sentence> {
        let [low, high] = params.snr_db.map(number);
        let copies = match params.copies {
            0 => return Vec::new(),
            1 => "a copy".to_owned(),
            copies => format!("{copies} copies"),
        };
        vec![Topic::Recordings.says(format!(
            "Beside every training recording stood {copies} with additive white Gaussian noise, at signal-to-noise ratios drawn uniformly \
             between {low} and {high} dB."
        ))]
    }
}
