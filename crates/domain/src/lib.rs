//! The vocabulary of speech-emotion experiments. No IO.
//!
//! A corpus holds [`Utterance`]s; a [`LabelScheme`] gives each its [`Target`] ([`Example`]); a protocol puts the
//! examples into [`Fold`]s, where each has one [`Role`]. Whatever is worth caching is named by the
//! [`Digest`] of its bytes.

mod digest;
mod epoch;
mod fold;
mod labels;
mod prediction;
mod random;
mod rating;
mod role;
mod speaker;
mod stage;
mod target;
mod trials;
mod utterance;

pub use digest::{Digest, ParseDigestError};
pub use epoch::{Epoch, Monitor};
pub use fold::{Fold, SharedUtterance};
pub use labels::{ClassRules, LabelScheme, Labels, Relabelling, Verdict};
pub use prediction::Prediction;
pub use random::SplitMix64;
pub use rating::Rating;
pub use role::Role;
pub use speaker::{is_known_speaker, unknown_speaker};
pub use stage::Stage;
pub use target::{Misfit, Target, Task, first_highest, predicted_class};
pub use trials::{Rung, Trial, TrialOutcome, Trials};
pub use utterance::{Example, Problem, Sex, Utterance};
