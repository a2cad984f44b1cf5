//! Body of `audio`: recordings are decoded, resampled and fitted to a length.

use std::path::PathBuf;

use affekt_audio::Decoded;
use affekt_graph::{Context, Failure, Job};
use affekt_ops::audio::{Fill, Params};
use affekt_table::waveforms::WaveformWriter;

use crate::RunnerOps;
use crate::places::Located;

pub fn run(job: &Job, context: &mut dyn Context, ops: &RunnerOps) -> Result<(), Failure> {
    let params: Params = affekt_ops::params(job)?;
    let failed = |error: &dyn std::error::Error| Failure::because(error);
    let mut writer = WaveformWriter::create(job.output("waveforms")?, params.rate_hz)
        .map_err(affekt_ops::table::unwritten)?;
    // The segments of a long recording follow each other: it is decoded once for all.
    let mut last: Option<(PathBuf, Decoded)> = None;
    for (done, (utterance, digest)) in params.recordings.0.iter().enumerate() {
        if context.cancelled() {
            return Err(Failure::Cancelled);
        }
        context.progress(done as u64, params.recordings.0.len() as u64, "recordings");
        let Located { path, excerpt } = ops.locate(*digest).ok_or_else(|| Failure::Failed {
            message: format!("the recording of `{utterance}` is gone since the corpus was read; run again"),
        })?;
        let whole = match last.take().filter(|(known, _)| *known == path) {
            Some((_, whole)) => whole,
            None => affekt_audio::decode(&path).map_err(|error| failed(&error))?,
        };
        let part = excerpt.map(|excerpt| excerpt.of(&whole));
        // A file that is too short now holds other audio, too.
        let decoded = match &part {
            None => Some(&whole),
            Some(part) => part.as_ref(),
        };
        let Some(decoded) = decoded.filter(|decoded| affekt_audio::digest(decoded) == *digest) else {
            ops.changed(*digest)?;
            let path = path.display();
            let message = format!("{path} changed since the corpus was read; run again");
            return Err(Failure::Failed { message });
        };
        let samples = waveform(&params, &decoded.mono(), decoded.rate(), utterance);
        let samples = samples.map_err(|error| failed(&error))?;
        writer.push(utterance, 0, &samples).map_err(affekt_ops::table::unwritten)?;
        last = Some((path, whole)).filter(|_| excerpt.is_some());
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
    let length = |seconds: f64| (seconds * f64::from(params.rate_hz)).round() as usize;
    let least = params.min_seconds.map_or(0, length);
    let filled = |samples: Vec<f32>| match samples.len() < least {
        true => affekt_audio::fit(samples, least),
        false => samples,
    };
    let Some(length) = params.seconds.map(length) else { return Ok(filled(samples)) };
    Ok(match params.fill {
        Fill::None => filled(affekt_audio::cut(samples, length)),
        Fill::Zeros => affekt_audio::fit(samples, length),
        Fill::OwnSamples { seed } => affekt_audio::fit_with_own_samples(samples, length, seed, utterance),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_recordings_are_filled_up_to_the_least_length() {
        let of = |seconds, fill, samples: usize| {
            let min_seconds = Some(0.025);
            let params = Params {
                rate_hz: 16_000,
                seconds,
                min_seconds,
                fill,
                peak_db: None,
                recordings: Default::default(),
            };
            waveform(&params, &vec![0.5; samples], 16_000, "C/a").unwrap()
        };
        for samples in [1, 399] {
            let filled = of(None, Fill::Zeros, samples);
            assert_eq!(filled.len(), 400);
            assert_eq!((filled[samples - 1], filled[samples]), (0.5, 0.0));
            assert_eq!(of(Some(1.0), Fill::None, samples), filled);
        }
        assert_eq!(of(None, Fill::Zeros, 401).len(), 401);
        assert_eq!(of(Some(1.0), Fill::None, 20_000).len(), 16_000);
        assert_eq!(of(Some(1.0), Fill::Zeros, 1).len(), 16_000);
    }
}
