//! What can go wrong in training and predicting.

use std::path::PathBuf;

use affekt_domain::Role;
use affekt_features::StandardiseError;
use affekt_models::{BuildError, ForwardError, InputShape, WeightsError};
use affekt_torch::{AdamStateError, TorchError, checkpoint::CheckpointError};
use tch::TchError;

/// Why there is no trained network, or there are no predictions.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A part has no rows.
    #[error("the {} part is empty: look at the protocol and at what the label scheme leaves out", .0.name())]
    Empty(Role),
    /// Early stopping without anything to watch.
    #[error(
        "early stopping needs a dev part and this fold has none: try `stopping: {{ kind: fixed }}` or a protocol with `dev`"
    )]
    NoDevPart,
    /// Nothing to train on anew.
    #[error("`refit: best-epochs-with-dev` was not given the training and dev rows together")]
    NoRefitPart,
    /// A number that makes no training.
    #[error("{name} is {value}: expected {expected}")]
    Config {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// A schedule that is longer than the training.
    #[error(
        "the schedule's `warmup` and `hold` take {flat} steps and the training has {total}: shorten them, or give them as shares of all steps"
    )]
    Schedule {
        /// Steps of warm-up and holding.
        flat: u64,
        /// Steps in `max_epochs`.
        total: u64,
    },
    /// A row has another number of values than the shape says.
    #[error(
        "row {row} has {found} values where {expected} are expected: the features are damaged or of another shape"
    )]
    Frames {
        /// The row.
        row: usize,
        /// Its number of values.
        found: usize,
        /// Bands times frames.
        expected: usize,
    },
    /// The examples do not fit the network.
    #[error("the examples are {examples} and the network wants {network}: it was built for others")]
    Shape {
        /// What the examples are.
        examples: InputShape,
        /// What the network reads.
        network: InputShape,
    },
    /// A class that the network does not have.
    #[error("row {row} has class {class}, outside 0..{classes}")]
    Class {
        /// The row.
        row: usize,
        /// Its class.
        class: i64,
        /// How many classes there are.
        classes: usize,
    },
    /// A row cannot be standardised.
    #[error("row {row} cannot be standardised: {source}")]
    Standardise {
        /// The row.
        row: usize,
        /// Why.
        source: StandardiseError,
    },
    /// Weights that do not go with the classes.
    #[error(
        "`class_weights` lists {weights} numbers and there are {classes} classes: give one for each, in their order"
    )]
    ClassWeights {
        /// How many weights.
        weights: usize,
        /// How many classes.
        classes: usize,
    },
    /// A class whose weight cannot be counted.
    #[error(
        "class {class} has no training rows, so it cannot be weighed by how frequent it is: list `class_weights` as numbers, or look at the protocol"
    )]
    Unweighable {
        /// The class.
        class: usize,
    },
    /// The loss is not a number any more.
    #[error(
        "the loss is {loss} in epoch {epoch}, batch {batch} of {batches}: try a smaller lr than {lr:e}, standardised features, or look for values in them that are not finite"
    )]
    NotFinite {
        /// The loss: NaN or infinite.
        loss: f64,
        /// The epoch, from 1.
        epoch: u32,
        /// The batch, from 1.
        batch: usize,
        /// Batches in an epoch.
        batches: usize,
        /// The learning rate.
        lr: f64,
    },
    /// The same on the dev part.
    #[error(
        "the dev loss is {loss} after epoch {epoch}: try a smaller lr than {lr:e}, standardised features, or look for values in them that are not finite"
    )]
    DevNotFinite {
        /// The loss: NaN or infinite.
        loss: f64,
        /// The epoch, from 1.
        epoch: u32,
        /// The learning rate.
        lr: f64,
    },
    /// The caller wanted no more.
    #[error("cancelled in epoch {0}")]
    Cancelled(u32),
    /// The network cannot be built.
    #[error("the network: {0}")]
    Build(#[from] BuildError),
    /// It does not take a batch.
    #[error("the network: {0}")]
    Forward(#[from] ForwardError),
    /// Saved weights do not fit.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A saved optimiser does not fit.
    #[error(transparent)]
    Optimiser(#[from] AdamStateError),
    /// The resume state cannot be put into bytes.
    #[error("the state to resume from: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The resume state cannot be written.
    #[error("cannot write the state to resume from, {path}: {source}; is the disk full?", path = path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// libtorch refused.
    #[error(transparent)]
    Torch(#[from] TorchError),
}

impl From<TchError> for TrainError {
    fn from(error: TchError) -> Self {
        Self::Torch(error.into())
    }
}
