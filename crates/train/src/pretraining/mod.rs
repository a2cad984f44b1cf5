//! Pretraining: step by step, on the waveforms of training parts.
//!
//! What is learnt is a [`Learner`]'s business: [`Contrastive`] goes on with wav2vec 2.0's own pretraining (TAPT),
//! [`PseudoLabels`] tells clusters of masked frames (P-TAPT). [`pretrain`] draws the batches, makes the steps and keeps what it
//! takes to go on after a kill, as [`train`](crate::train) does for networks that are trained epoch by epoch. It takes a
//! [`TrainingPart`](crate::TrainingPart) alone.

mod config;
mod contrastive;
mod frame_teacher;
mod learner;
mod masked;
mod pseudo_labels;
mod run;

pub use config::PretrainConfig;
pub use contrastive::{Contrastive, ContrastiveConfig, PaddedClips};
pub use frame_teacher::FrameTeacher;
pub use learner::{Clips, Learner, Learnt};
pub use pseudo_labels::{FrameLabels, PseudoLabels, PseudoLabelsConfig};
pub use run::{Pretrained, Pretraining, StepsDone, pretrain};
