//! What a caller hears of a training while it runs.

use std::ops::ControlFlow;

use affekt_domain::{Epoch, Stage};

/// Hears of progress, and may break off.
pub type Listener<'l> = dyn FnMut(Progress) -> ControlFlow<()> + 'l;

/// Tells how far a training is.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// A batch is done, and the state kept if that was due.
    Batch {
        /// The stage.
        stage: Stage,
        /// The epoch, from 1.
        epoch: u32,
        /// Epochs of this stage, at the most.
        max_epochs: u32,
        /// Batches done in this epoch.
        done: usize,
        /// Batches in this epoch.
        total: usize,
        /// Steps done in this stage.
        step: u64,
        /// Steps of this stage, at the most.
        steps: u64,
        /// The epoch's mean loss so far, a few batches late: reading it makes a GPU wait.
        loss: Option<f64>,
    },
    /// Memory was used up. Batches are computed in more micro-batches from this one on.
    OutOfMemory {
        /// The stage.
        stage: Stage,
        /// The epoch, from 1.
        epoch: u32,
        /// The batch, from 1.
        batch: usize,
        /// In how many micro-batches.
        micro_batches: usize,
    },
    /// A micro-batch of a batch is done that is computed in several.
    MicroBatch {
        /// The stage.
        stage: Stage,
        /// The epoch, from 1.
        epoch: u32,
        /// The batch, from 1.
        batch: usize,
        /// Micro-batches done, those of both passes counted where there are two.
        done: usize,
        /// Micro-batches there are.
        total: usize,
    },
    /// A batch of the rows that judge the epoch's weights is done.
    Evaluation {
        /// The stage.
        stage: Stage,
        /// The epoch that is judged, from 1.
        epoch: u32,
        /// Batches done.
        done: usize,
        /// Batches there are.
        total: usize,
    },
    /// An epoch is done, and its state kept if that was due. `kept` says that it is the best so far.
    Epoch(&'a Epoch),
}
