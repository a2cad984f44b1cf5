//! What `doctor` asks of a worker, and what the worker answers: one finding a line of JSON.

use std::path::PathBuf;

use affekt_spec::encoder::EncoderConfig;
use serde::{Deserialize, Serialize};

use crate::{pretrain, train};

/// The word that a worker is started with to prove what it computes on, before a [`DoctorRequest`] in JSON.
pub const DOCTOR: &str = "doctor";

/// What is to be proven.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoctorRequest {
    /// Whether on the only GPU that the worker sees, beside its CPU; else on the CPU, beside stored goldens.
    pub cuda: bool,
    /// Goldens to compare with, where not the shipped ones.
    pub goldens: Option<PathBuf>,
    /// Where to write what the CPU computes as new goldens, instead of comparing.
    pub write_goldens: Option<PathBuf>,
    /// The training stages whose steps are timed.
    pub stages: Vec<Stage>,
    /// After how many seconds no stage is begun any more.
    pub seconds: u64,
}

/// A training stage whose steps are timed, with random weights and on noise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// What it is called: `V-FT`.
    pub name: String,
    /// What is trained and how.
    pub learner: StageLearner,
    /// What a step is given.
    pub size: StageSize,
    /// What a CPU is given instead.
    pub on_cpu: StageSize,
}

/// What a stage trains: an operation's parameters, and what flows into it elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StageLearner {
    /// `train`.
    Train {
        /// The parameters, in which the network has its encoder.
        params: Box<train::Params>,
        /// How many classes or values it gives.
        outputs: usize,
        /// Bands and frames of what it reads; none of waveforms.
        frames: Option<[usize; 2]>,
    },
    /// `pretrain`.
    Pretrain {
        /// The parameters.
        params: Box<pretrain::Params>,
        /// The encoder.
        encoder: Box<EncoderConfig>,
        /// How many clusters each clustering has, where there are pseudo-labels.
        clusters: Vec<usize>,
    },
}

/// How much a step is given.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageSize {
    /// Rows of a batch.
    pub rows: usize,
    /// Length of each clip in seconds; 0 of what is no sound.
    pub seconds: f64,
    /// How many layers the encoder's transformer has; 0 of other networks.
    pub layers: usize,
}

/// A line of the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finding {
    /// Something of the machine, and what it is.
    Fact(String, String),
    /// Something that was compared.
    Check(Check),
    /// A stage whose steps were timed.
    Step(StepTime),
}

/// What a training step takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepTime {
    /// The stage: `V-FT`.
    pub name: String,
    /// What a step was given: `64 clips of 10 s, fp32`.
    pub batch: String,
    /// Which share of the stage's own operations that is; 1 is the whole.
    pub fraction: f64,
    /// The median time of a step.
    pub milliseconds: Option<f64>,
    /// Most bytes that were needed: on a GPU those of tensors, on a CPU all of the process.
    pub peak_memory: Option<u64>,
    /// Floating-point operations of a step's matrix products and convolutions, forward and backward.
    pub flop: u64,
    /// Those per second, as a share of what a large matrix product reaches on the device in the same precision.
    #[serde(rename = "use")]
    pub flop_use: Option<f64>,
    /// Why it was not timed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<String>,
}

/// How far two things are apart that should be the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What was compared: `parallel-cnn: gradients`.
    pub name: String,
    /// How far they are apart; none where that is no number, or could not be told.
    pub value: Option<f64>,
    /// How far they may be.
    pub tolerance: f64,
    /// Whether they are no further.
    pub ok: bool,
    /// Why there is no value.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<String>,
}

impl Check {
    /// Compares a distance with what it may be.
    #[must_use]
    pub fn new(name: impl Into<String>, value: f64, tolerance: f64) -> Self {
        let ok = value <= tolerance;
        let why = (!value.is_finite()).then(|| format!("the distance is {value}"));
        Self { name: name.into(), value: value.is_finite().then_some(value), tolerance, ok, why }
    }

    /// Returns what could not be compared.
    #[must_use]
    pub fn failed(name: impl Into<String>, tolerance: f64, why: impl Into<String>) -> Self {
        Self { name: name.into(), value: None, tolerance, ok: false, why: Some(why.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_not_near() {
        assert!(Check::new("a", 0.0, 0.0).ok);
        assert!(!Check::new("a", 1.1e-4, 1e-4).ok);
        let unknown = Check::new("a", f64::NAN, 1.0);
        assert!(!unknown.ok && unknown.value.is_none() && unknown.why.is_some());
        let line = serde_json::to_string(&Finding::Check(Check::failed("a", 1.0, "no memory"))).unwrap();
        assert_eq!(
            line,
            r#"{"check":{"name":"a","value":null,"tolerance":1.0,"ok":false,"why":"no memory"}}"#
        );
        assert!(serde_json::from_str::<Finding>(&line).is_ok());
    }
}
