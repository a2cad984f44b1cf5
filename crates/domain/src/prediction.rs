//! What a trained network says about an utterance.

use crate::{Role, Sex, Target};

/// One prediction of one trained network: a row of `predictions.arrow`.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The variant of the experiment.
    pub variant: String,
    /// The utterance's id.
    pub utterance: String,
    /// Its corpus.
    pub corpus: String,
    /// Its speaker.
    pub speaker: String,
    /// Its session, where there are sessions.
    pub session: Option<String>,
    /// Its speaker's sex, where known.
    pub sex: Option<Sex>,
    /// How its speech came about, where the corpus has several ways.
    pub style: Option<String>,
    /// The fold, from 1.
    pub fold: u32,
    /// The seed of the training run.
    pub seed: u64,
    /// Dev or test.
    pub role: Role,
    /// What is true of it; `None` where the corpus withholds that.
    pub truth: Option<Target>,
    /// What the network says: a logit for each class (see [`Task::predicted`](crate::Task::predicted)), or the values,
    /// in the order of the task.
    pub outputs: Vec<f32>,
}
