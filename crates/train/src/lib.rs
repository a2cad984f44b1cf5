//! From examples and a network's configuration to trained weights and predictions.
//!
//! A caller shows its data as [`Dataset`]: values, target and role by row, wherever they lie. A [`Part`] is the
//! rows of one role, picked by that role and nothing else, so that [`train`] cannot be handed test rows.
//! [`train`] gives [`Trained`] weights and the history of its epochs, [`train_until`] the state to go on from after some of
//! them; [`predict`] gives a network's outputs for any part.
//!
//! Equal inputs give equal bytes on the CPU with the same number of threads, also when a run was killed and
//! started again with the same [`Resume`] folder.

mod ahead;
mod augment;
mod batch_sampler;
mod batches;
mod check;
mod class_loss;
mod crop;
mod dataset;
mod divided;
mod error;
pub mod kmeans;
mod learner;
mod losses;
mod memory_advice;
mod objective;
mod pause;
mod predict;
pub mod pretraining;
mod progress;
mod rates;
mod run;
mod schedule;
mod scores;
mod state;
mod step;
mod supervised;
mod training;
mod validation;
mod weights;

pub use affekt_spec::training::{
    Augment, Balance, Batching, ClassWeights, Crop, CropAt, Flip, Loss, Optimisation, Optimiser, Precision,
    Refit, Schedule, Stages, Steps, Stopping, TrainConfig,
};
pub use ahead::ahead;
pub use batches::Batch;
pub use dataset::{Dataset, Dev, DevPart, Part, PartRole, Target, Test, TestPart, Train, TrainingPart};
pub use error::TrainError;
pub use learner::{BatchDraws, BatchLoss, Coupled, CoupledPart, Learner, LossWeights};
pub use pause::{Paused, train_until};
pub use predict::{BatchLimit, predict};
pub use progress::{Listener, Progress};
pub use state::{Resume, StateOutcome};
pub use training::{Trained, Training, alone, train};
