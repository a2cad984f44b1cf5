//! Body of `audio`: recordings are decoded, resampled and fitted to a length.

use affekt_graph::{Context, Failure, Job};
use affekt_ops::audio::{Fill, Params};
use affekt_table::waveforms::WaveformWriter;

use crate::RunnerOps;

pub fn run(job: &Job, context: &mut dyn Context, ops: &RunnerOps) -> Result<(), Failure> {
    let params: Params = affekt_ops::params(job)?;
    let failed = |error: &dyn std::error::Error| Failure::because(error);
    let mut writer = WaveformWriter::create(job.output("waveforms")?, params.rate_hz)
        .map_err(affekt_ops::table::unwritten)?;
    for (done, (utterance, digest)) in params.recordings.0.iter().enumerate() {
        if context.cancelled() {
            return Err(Failure::Cancelled);
        }
        context.progress(done as u64, params.recordings.0.len() as u64, "recordings");
        let path = ops.locate(*digest).ok_or_else(|| Failure::Failed {
            message: format!("the recording of `{utterance}` is gone since the corpus was read; run again"),
        })?;
        let decoded = affekt_audio::decode(&path).map_err(|error| failed(&error))?;
        if affekt_audio::digest(&decoded) != *digest {
            ops.changed(*digest)?;
            let path = path.display();
            let message = format!("{path} changed since the corpus was read; run again");
            return Err(Failure::Failed { message });
        }
        let samples = waveform(&params, &decoded.mono(), decoded.rate(), utterance);
        let samples = samples.map_err(|error| failed(&error))?;
        writer.push(utterance, 0, &samples).map_err(affekt_ops::table::unwritten)?;
    }
    writer.finish().map_err(affekt_ops::table::unwritten)
}

/// Returns the samples that are made of those of a recording, mono and at its own rate.
///
/// # Errors
/// When its rate cannot be brought to that of the parameters.
pub fn waveform(
    params: &Params,
    mono: &[f32],
    rate: u32,
    utterance: &str,
) -> Result<Vec<f32>, affekt_audio::RateError> {
    let samples = affekt_audio::resample(mono, rate, params.rate_hz)?;
    let samples = match params.peak_db {
        Some(peak_db) => affekt_audio::at_peak(samples, peak_db),
        None => samples,
    };
    let Some(seconds) = params.seconds else { return Ok(samples) };
    let length = (seconds * f64::from(params.rate_hz)).round() as usize;
    Ok(match params.fill {
        Fill::None => affekt_audio::cut(samples, length),
        Fill::Zeros => affekt_audio::fit(samples, length),
        Fill::OwnSamples { seed } => affekt_audio::fit_with_own_samples(samples, length, seed, utterance),
    })
}
