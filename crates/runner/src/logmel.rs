//! Body of `logmel`.

use affekt_features::{LogMel, LogMelConfig};
use affekt_graph::{Context, Failure, Job};
use affekt_ops::logmel::Params;

pub fn run(job: &Job, context: &mut dyn Context) -> Result<(), Failure> {
    let Params { n_fft, hop_length, n_mels, reference, top_db } = affekt_ops::params(job)?;
    let top_db = top_db.map(|top_db| top_db as f32);
    crate::waveforms::write_features(job, context, |rate_hz| {
        LogMel::new(&LogMelConfig { rate_hz, n_fft, hop_length, n_mels, reference, top_db })
    })
}
