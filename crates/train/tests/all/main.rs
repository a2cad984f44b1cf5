//! Training end to end on examples small enough for a test.

mod case;
mod objective;
mod pause;
mod pictures;
mod pretraining;
mod refit;
mod schedules;
mod speech;
mod training;
