//! What a trained network says about an utterance, and how its training went.

use crate::{Role, Sex, Stage, Target};

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

/// One epoch of one training run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Epoch {
    /// What it is trained for.
    pub stage: Stage,
    /// Its number within the stage, from 1.
    pub number: u32,
    /// The learning rate of its last step.
    pub learning_rate: f64,
    /// Mean loss over the training examples, in training mode; weighted where classes have weights.
    pub train_loss: f64,
    /// Mean loss over the dev examples, likewise, where there is a dev part.
    pub dev_loss: Option<f64>,
    /// Accuracy on the dev examples, in `0..=1`, where there are classes.
    pub dev_accuracy: Option<f64>,
    /// Unweighted average recall on the dev examples, in `0..=1`, likewise.
    pub dev_uar: Option<f64>,
    /// Mean concordance correlation coefficient on the dev examples, in `-1..=1`, where there are values.
    pub dev_ccc: Option<f64>,
    /// Whether this is the epoch whose weights were kept.
    pub kept: bool,
}
