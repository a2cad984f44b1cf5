//! Predictions of trained networks.

use crate::{Role, Sex, Target};

/// One utterance's prediction by one trained network: a row of `predictions.arrow`.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The variant of the experiment.
    pub variant: String,
    /// The utterance's id.
    pub utterance: String,
    /// Its corpus.
    pub corpus: String,
    /// The speaker.
    pub speaker: String,
    /// The recording session, if the corpus has sessions.
    pub session: Option<String>,
    /// The speaker's sex, if known.
    pub sex: Option<Sex>,
    /// The style of speech, if the corpus has several.
    pub style: Option<String>,
    /// The number of the fold, from 1.
    pub fold: u32,
    /// The seed of the training run.
    pub seed: u64,
    /// The role of the utterance: dev or test.
    pub role: Role,
    /// The true target; `None` if the corpus withholds it.
    pub truth: Option<Target>,
    /// The network's outputs: one logit per class (see [`Task::predicted`](crate::Task::predicted)) or one value per
    /// predicted number, in the order of the task.
    pub outputs: Vec<f32>,
}
