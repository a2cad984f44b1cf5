//! The axes of an experiment's nodes: what their ids are written with beside the name.

/// The variant, where only some use the node: `a`, `a+b`.
pub const VARIANT: &str = "variant";
/// The corpus that is read.
pub const CORPUS: &str = "corpus";
/// The number of the fold, from 1.
pub const FOLD: &str = "fold";
/// The seed of a training and of what follows from it.
pub const SEED: &str = "seed";
/// The number of the shard, from 0.
pub const SHARD: &str = "shard";
/// The number of a trial of a search, from 1.
pub const TRIAL: &str = "trial";
/// The epoch after which a trial pauses.
pub const EPOCHS: &str = "epochs";
/// The rung of a search that grows on, from 1.
pub const RUNG: &str = "rung";
