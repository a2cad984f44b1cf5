//! Training: how networks are fitted and encoders pretrained. What is computed is in `affekt-train`.

mod augment;
mod batching;
mod objective;
mod optimisation;
mod prose;
mod schedule;
mod supervised;

pub use augment::{Augment, Flip};
pub use batching::{Balance, Batching, Counted, Crop, CropAt};
pub use objective::{
    ContrastiveObjective, Diversity, LackingHead, NegativesFrom, Objective, PaddedClips, PretrainConfig,
    PseudoLabelsObjective, Reduction,
};
pub use optimisation::{Optimisation, Optimiser, Precision};
pub use prose::class_weights_prose;
pub use schedule::{Schedule, Stages, Steps};
pub use supervised::{ClassWeights, Loss, Refit, Stopping, TrainConfig};
