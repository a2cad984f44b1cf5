//! `audio`: recordings become mono waveforms of one rate and, where asked, of one length.

use affekt_config::{Section, Value as Yaml};
use affekt_domain::Digest;
use affekt_graph::Place;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Kind;
use crate::definition::{Definition, Grain, OutputPort, plain};

/// The parameters.
#[derive(Serialize, Deserialize)]
pub struct Params {
    /// The rate in Hz.
    pub rate_hz: u32,
    /// The length in seconds: longer recordings are cut, shorter ones filled. Without one they stay as long as they are.
    pub seconds: Option<f64>,
    /// What shorter recordings are filled with.
    pub fill: Fill,
}

/// What follows the end of a recording that is too short.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// Silence.
    Zeros,
    /// Samples drawn at random from the recording.
    OwnSamples {
        /// What the draws depend on, beside the utterance.
        seed: u64,
    },
}

/// The recordings of one shard: part of a shard node's parameters, and so of its key.
#[derive(Serialize, Deserialize)]
pub struct Shard {
    /// Utterance and digest of the decoded audio.
    pub recordings: Vec<(String, Digest)>,
}

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "audio",
    version: 1,
    about: "recordings become mono waveforms of one rate and length",
    inputs: &[],
    outputs: &[OutputPort::new("waveforms", Kind::Waveforms)],
    params: read,
    grain: Grain::Shard,
    place: Place::Runner,
    seeded: false,
    source: false,
};

fn read(section: &mut Section<'_>) -> Value {
    let rate_hz = section.integer("rate_hz", 16_000, 1_000..=192_000);
    let seconds = read_seconds(section);
    let fill = match section.one_of("fill", "zeros", &[("zeros", "zeros"), ("own-samples", "own-samples")]) {
        "own-samples" => Fill::OwnSamples { seed: section.integer("fill_seed", 0, 0..) },
        _ => Fill::Zeros,
    };
    plain(&Params { rate_hz, seconds, fill })
}

/// A number of seconds, or `whole`.
fn read_seconds(section: &mut Section<'_>) -> Option<f64> {
    let Some(field) = section.optional("seconds") else { return Some(3.0) };
    match &field.node.value {
        Yaml::Text(text) if text == "whole" => None,
        Yaml::Text(_) => {
            field.expected("a number of seconds, or `whole`");
            Some(3.0)
        }
        _ => field.float(0.01..=600.0).or(Some(3.0)),
    }
}

/// The parameters of the node for a shard of these recordings.
#[must_use]
pub fn shard_params(params: &Value, recordings: &[(String, Digest)]) -> Value {
    let mut params = params.clone();
    params["recordings"] = json!(recordings);
    params
}

#[cfg(feature = "host")]
impl Params {
    /// The samples that are made of those of a recording, mono and at its own rate.
    ///
    /// # Errors
    /// When its rate cannot be brought to this one.
    pub fn waveform(
        &self,
        mono: &[f32],
        rate: u32,
        utterance: &str,
    ) -> Result<Vec<f32>, affekt_audio::RateError> {
        let samples = affekt_audio::resample(mono, rate, self.rate_hz)?;
        let Some(seconds) = self.seconds else { return Ok(samples) };
        let length = (seconds * f64::from(self.rate_hz)).round() as usize;
        Ok(match self.fill {
            Fill::Zeros => affekt_audio::fit(samples, length),
            Fill::OwnSamples { seed } => affekt_audio::fit_with_own_samples(samples, length, seed, utterance),
        })
    }
}

#[cfg(feature = "host")]
pub(crate) fn run(
    job: &affekt_graph::Job,
    context: &mut dyn affekt_graph::Context,
    host: &crate::HostOps,
) -> Result<(), affekt_graph::Failure> {
    use affekt_graph::Failure;
    use affekt_table::waveforms::WaveformWriter;

    let params: Params = crate::params(job)?;
    let shard: Shard = crate::params(job)?;
    let failed = |error: &dyn std::error::Error| Failure::because(error);
    let mut writer =
        WaveformWriter::create(job.output("waveforms")?, params.rate_hz).map_err(crate::table::unwritten)?;
    for (done, (utterance, digest)) in shard.recordings.iter().enumerate() {
        if context.cancelled() {
            return Err(Failure::Cancelled);
        }
        context.progress(done as u64, shard.recordings.len() as u64, "recordings");
        let path = host.locate(*digest).ok_or_else(|| Failure::Failed {
            message: format!("the recording of `{utterance}` is gone since the corpus was read; run again"),
        })?;
        let decoded = affekt_audio::decode(&path).map_err(|error| failed(&error))?;
        if affekt_audio::digest(&decoded) != *digest {
            host.changed(*digest)?;
            let path = path.display();
            let message = format!("{path} changed since the corpus was read; run again");
            return Err(Failure::Failed { message });
        }
        let samples = params.waveform(&decoded.mono(), decoded.rate(), utterance);
        let samples = samples.map_err(|error| failed(&error))?;
        writer.push(utterance, 0, &samples).map_err(crate::table::unwritten)?;
    }
    writer.finish().map_err(crate::table::unwritten)
}
