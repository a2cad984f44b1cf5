//! Types shared by all crates: utterances, labels, folds, predictions. No IO.
//!
//! A corpus holds [`Utterance`]s; a [`LabelScheme`] assigns a [`Target`] to each ([`Example`]); a protocol assigns the
//! examples to [`Fold`]s, within which each has one [`Role`]. Cached content is identified by the
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
mod spreadsheet;
mod stage;
mod target;
mod trials;
mod utterance;

pub use digest::{Digest, ParseDigestError};
pub use epoch::{Epoch, Monitor};
pub use fold::{Fold, SharedUtterance};
pub use labels::{ClassRules, LabelScheme, Labels, Relabelling, SchemeOutcome};
pub use prediction::Prediction;
pub use random::SplitMix64;
pub use rating::Rating;
pub use role::Role;
pub use speaker::{is_known_speaker, unknown_speaker};
pub use spreadsheet::{is_formula, without_formula};
pub use stage::Stage;
pub use target::{Target, TargetError, Task, first_highest, predicted_class};
pub use trials::{Rung, Trial, TrialOutcome, TrialPart, Trials};
pub use utterance::{Example, Problem, Sex, Utterance};
