//! What can go wrong in training and predicting.

use std::path::PathBuf;

use affekt_domain::Role;
use affekt_features::StandardiseError;
use affekt_models::{BuildError, EncoderError, ForwardError, InputShape, WeightsError};
use affekt_torch::{AdamStateError, AutocastError, TorchError, checkpoint::CheckpointError};
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
    /// Waveforms that the network cannot read.
    #[error(
        "{} shorter than the {expected} samples that the network needs: {}, of which the first has {found}: fill them up \
         (`audio` with `min_seconds` or `seconds`), or leave them out (`ignore` of the corpus' card)",
        count(names, "recording is", "recordings are"),
        listed(names)
    )]
    TooShort {
        /// The utterances, sorted.
        names: Vec<String>,
        /// How many samples the first has.
        found: usize,
        /// How many make a frame.
        expected: usize,
    },
    /// Batch norm of a single row.
    #[error(
        "batch norm finds no variance in a batch of one row, and there are {rows} training rows in batches of {batch_size}: \
         try a `batch_size` of at least 2, or another `norm`"
    )]
    OneRow {
        /// How many rows are trained on.
        rows: usize,
        /// How many make a batch.
        batch_size: usize,
    },
    /// A standardiser for what has no bands.
    #[error(
        "{0} cannot be standardised band by band: leave out `standardise`; networks that want it normalise theirs"
    )]
    Unstandardisable(InputShape),
    /// Features where waveforms are learnt from.
    #[error(
        "pretraining reads waveforms: give it what `audio` makes, without an op for features between them"
    )]
    NoWaveforms,
    /// A frame that one clustering has and another has not.
    #[error("frame {frame} of row {row} has no cluster in every clustering: the pseudo-labels are damaged")]
    NoLabel {
        /// The row.
        row: usize,
        /// The frame.
        frame: usize,
    },
    /// A batch came without what its learner draws for it.
    #[error("a batch came without the masks or negatives that are to be drawn for it")]
    NotDrawn,
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
    /// A class where values are to be said, or values where a class is.
    #[error(
        "`{name}` has a class where the others have values, or values where they have classes: look at the label scheme"
    )]
    Target {
        /// The utterance.
        name: String,
    },
    /// Not a value for each output.
    #[error("`{name}` has {found} values and there are {expected} outputs")]
    Values {
        /// The utterance.
        name: String,
        /// How many it has.
        found: usize,
        /// How many there are to say.
        expected: usize,
    },
    /// A value that cannot be learnt.
    #[error("a value of `{name}` is not finite: look at the corpus' labels")]
    ValueNotFinite {
        /// The utterance.
        name: String,
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
    /// Nothing is left of an epoch.
    #[error(
        "`drop_last` leaves nothing to train on: the training part has {rows} rows and a batch {batch_size}: try a smaller `batch_size`"
    )]
    NoBatch {
        /// Rows of the training part.
        rows: usize,
        /// Rows of a batch.
        batch_size: usize,
    },
    /// No batch is filled.
    #[error(
        "`drop_last` leaves nothing to train on: the training part has {found:.1} s of audio and a batch {seconds} s: try fewer `seconds`"
    )]
    NoFullBatch {
        /// Audio of the training part, in seconds.
        found: f64,
        /// Seconds of a batch.
        seconds: f64,
    },
    /// Micro-batches of what cannot be divided.
    #[error(
        "`gradient_accumulation_steps` is {steps}, and {why}: leave it at 1, and where memory is short try {advice}"
    )]
    Indivisible {
        /// In how many micro-batches.
        steps: usize,
        /// Why not.
        why: &'static str,
        /// What to try instead.
        advice: String,
    },
    /// Nothing to train.
    #[error("every parameter of the network is frozen: leave some for training")]
    AllFrozen,
    /// Memory is used up.
    #[error("out of memory with a batch of {rows}: {why}; {source}")]
    OutOfMemory {
        /// How many rows were computed at once.
        rows: usize,
        /// What was not tried, or what to try.
        why: String,
        /// What libtorch said.
        source: Box<TrainError>,
    },
    /// The loss is not a number any more.
    #[error(
        "the loss is {loss} in epoch {epoch}, batch {batch} of {batches}, at a learning rate of {lr:e}: try a smaller lr, standardised features, or look for values that are not finite in {}",
        listed(utterances)
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
        /// The learning rate of that step.
        lr: f64,
        /// The utterances of the batch.
        utterances: Vec<String>,
    },
    /// The same on the dev part.
    #[error(
        "the dev loss is {loss} after epoch {epoch}: try a smaller lr than {lr:e}, standardised features, or look for values that are not finite in {}",
        listed(utterances)
    )]
    DevNotFinite {
        /// The loss: NaN or infinite.
        loss: f64,
        /// The epoch, from 1.
        epoch: u32,
        /// The highest learning rate.
        lr: f64,
        /// The utterances with outputs that are not finite.
        utterances: Vec<String>,
    },
    /// The last step of an epoch spoilt the weights.
    #[error(
        "`{name}` is not finite any more after epoch {epoch}, at a learning rate of {lr:e}: try a smaller lr, or `clip_norm`"
    )]
    WeightsNotFinite {
        /// The tensor.
        name: String,
        /// The epoch, from 1.
        epoch: u32,
        /// The learning rate of its last step.
        lr: f64,
    },
    /// What a training is to go on from is not its own.
    #[error("cannot go on from the state it was paused in: {0}")]
    OtherState(String),
    /// The caller wanted no more.
    #[error("cancelled in epoch {0}")]
    Cancelled(u32),
    /// The network cannot be built.
    #[error("the network: {0}")]
    Build(#[from] BuildError),
    /// The checkpoint is not of its encoder.
    #[error(transparent)]
    Encoder(#[from] EncoderError),
    /// It does not take a batch.
    #[error("the network: {0}")]
    Forward(#[from] ForwardError),
    /// Saved weights do not fit.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A saved optimiser does not fit.
    #[error(transparent)]
    Optimiser(#[from] AdamStateError),
    /// Not a precision.
    #[error(transparent)]
    Autocast(#[from] AutocastError),
    /// A kind of layer is not what it is in f32.
    #[error(
        "in half precision this device computes {layer} wrong (off by {error:.2} of its norm): try `precision: fp32`"
    )]
    WrongInHalfPrecision {
        /// What it is.
        layer: &'static str,
        /// How far it is off, relative to its norm.
        error: f64,
    },
    /// Gradients in fp16 are not finite.
    #[error(
        "gradients in fp16 overflow in epoch {epoch}, however small the losses are made: try `precision: bf16`, \
         `precision: fp32`, or an `lr` below {lr}"
    )]
    Overflow {
        /// The epoch.
        epoch: u32,
        /// The learning rate of its last step.
        lr: f64,
    },
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

impl TrainError {
    /// Names the longest waveform of the batch for which memory was used up.
    pub(crate) fn with_longest(self, name: &str, seconds: f64) -> Self {
        match self {
            Self::OutOfMemory { rows, why, source } => {
                let why = format!("the longest waveform is `{name}` of {seconds:.1} s: {why}");
                Self::OutOfMemory { rows, why, source }
            }
            other => other,
        }
    }

    /// Returns whether the training itself diverged: a loss or a weight is not finite any more.
    #[must_use]
    pub const fn is_diverged(&self) -> bool {
        matches!(self, Self::NotFinite { .. } | Self::DevNotFinite { .. } | Self::WeightsNotFinite { .. })
    }
}

impl From<TchError> for TrainError {
    fn from(error: TchError) -> Self {
        Self::Torch(error.into())
    }
}

/// "1 recording is", "9 recordings are".
fn count(utterances: &[String], one: &str, many: &str) -> String {
    match utterances.len() {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    }
}

/// The first of some utterances, and how many more there are.
fn listed(utterances: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<_> = utterances.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match utterances.len().checked_sub(SHOWN) {
        None | Some(0) => shown.join(", "),
        Some(more) => format!("{} and {more} more", shown.join(", ")),
    }
}
