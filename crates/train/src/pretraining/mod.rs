//! Pretraining: so many steps on the waveforms of training parts.
//!
//! What is learnt is a [`PretrainingLearner`]'s business: [`Contrastive`] goes on with wav2vec 2.0's own pretraining (TAPT),
//! [`PseudoLabels`] tells clusters of masked frames (P-TAPT), for which [`FrameTeacher`] makes the states that are clustered.
//! [`pretrain`] runs one in the training loop that [`train`](crate::train) runs networks in. It takes a
//! [`TrainingPart`](crate::TrainingPart) alone.

mod config;
mod contrastive;
mod frame_teacher;
mod learner;
mod masked;
mod pretrain;
mod pseudo_labels;

pub use affekt_spec::training::{ContrastiveObjective, PaddedClips, PretrainConfig, PseudoLabelsObjective};
pub use contrastive::{Contrastive, ContrastiveConfig};
pub use frame_teacher::FrameTeacher;
pub use learner::PretrainingLearner;
pub use pretrain::{Pretrained, Pretraining, pretrain};
pub use pseudo_labels::{FrameLabels, PseudoLabels, PseudoLabelsConfig};
