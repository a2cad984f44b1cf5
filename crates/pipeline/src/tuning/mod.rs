//! Tuning: a search over settings of one training, on the dev part of each fold.
//!
//! ```yaml
//! tune:
//!   by: hyperband              # or random (with `trials`), grid
//!   space: { lr: [1e-5, 1e-4, 1e-3, 1e-2], units: { from: 64, to: 512, step: 64 } }    # keys as in `with`
//!   max_epochs: 81             # as far as any trial goes; the training's own, if not said
//! ```
//! ```text
//! tune[fold=1] ─► trial[fold=1,trial=1,epochs=1] ─┐
//!                 trial[fold=1,trial=2,epochs=1] ─┼─► tune[fold=1,rung=1] ─► trial[fold=1,trial=2,epochs=3] … ─► choose[fold=1]
//!                 …                               ┘                                                                    │
//!                                                                                             train[fold=1,seed=1] ◄───┘
//! ```
//! Which settings are tried is decided when the experiment is read ([`proposals`]); which of them go on, when trials have
//! their results ([`rungs`]). Every seed is then trained with what was chosen, from the beginning.

mod hyperband;
mod proposals;
mod rungs;
mod section;

pub use proposals::{Reading, Search, lay_out};
pub use rungs::{OUTPUTS, Stage, TUNE, yields};
pub use section::{Tune, read};
