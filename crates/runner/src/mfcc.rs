//! Body of `mfcc`.

use affekt_features::{Mfcc, MfccConfig};
use affekt_graph::{Context, Failure, Job};
use affekt_ops::mfcc::Params;

pub fn run(job: &Job, context: &mut dyn Context) -> Result<(), Failure> {
    let Params { n_fft, hop_length, n_mels, n_mfcc } = affekt_ops::params(job)?;
    crate::waveforms::write_features(job, context, |rate_hz| {
        Mfcc::new(&MfccConfig { rate_hz, n_fft, hop_length, n_mels, n_mfcc })
    })
}
