//! How batches are put together, and what is taken of a waveform.

use crate::Spec;

/// How the examples of an epoch become batches.
#[derive(Debug, Clone, Copy, PartialEq, Spec)]
#[spec(tag = "kind", bare, default = "balanced")]
pub enum Batching {
    /// Batches of `batch_size` examples in random order.
    Shuffled,
    /// Batches of examples of about the same length, in random order.
    Bucketed {
        /// Audio in a batch; without it a batch has `batch_size` examples.
        #[spec(range = 0.1..=100_000.0, unit = "s")]
        seconds: Option<f64>,
        /// What the seconds are of, and when a batch is full.
        #[spec(default = Counted::Padded, omit)]
        counted: Counted,
        /// How much an example's length is disturbed before sorting, as a share of it.
        #[spec(default = 0.1, range = 0.0..1.0)]
        noise: f64,
    },
    /// Batches of `batch_size` examples in which classes, speakers or corpora take turns: `batching: { balance: class }`. Rows of
    /// small ones come several times in an epoch, which is as long as the training part; of large ones not all come.
    Balanced {
        /// What a batch has as many of.
        balance: Balance,
    },
}

/// What a batch has as many of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum Balance {
    /// Classes.
    Class,
    /// Speakers.
    Speaker,
    /// Corpora.
    Corpus,
}

/// What the seconds of a batch are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum Counted {
    /// What is computed, padding included: a batch has as many examples as fit.
    Padded,
    /// The clips alone: a batch is closed once they reach the seconds, as the published P-TAPT. `drop_last` leaves out the last
    /// of an epoch where it did not.
    Unpadded,
}

/// How much of a waveform is trained on. Dev and test recordings are always whole.
#[derive(Debug, Clone, Copy, PartialEq, Spec)]
pub struct Crop {
    /// Length of the piece at most.
    #[spec(range = 0.01..=3600.0, unit = "s")]
    pub seconds: f64,
    /// Where the piece begins.
    #[spec(default = CropAt::Start)]
    pub at: CropAt,
}

/// Where a piece begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Spec)]
pub enum CropAt {
    /// At the recording's start.
    #[default]
    Start,
    /// Anywhere where all of it fits, elsewhere in each epoch: a function of seed, epoch and utterance.
    Random,
}

impl Crop {
    /// Returns the most samples that a row has at this rate.
    #[must_use]
    pub fn samples(self, rate_hz: u32) -> usize {
        (self.seconds * f64::from(rate_hz)).round() as usize
    }
}
