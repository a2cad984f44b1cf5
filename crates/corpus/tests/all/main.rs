//! Tests of the public interface: cards of the repository, trees with the corpora's real file names, folds, audits.

#![expect(clippy::print_stderr, reason = "a test that skips says so")]

mod auditing;
mod bursts;
mod cards;
mod complete;
mod dialogues;
mod encoder_auditing;
mod lists;
mod oddities;
mod protocols;
mod published;
mod real;
mod scanning;
mod schemes;
mod splits;
mod support;
mod synthesis;
mod tables;
mod worlds;
