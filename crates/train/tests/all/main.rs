//! Training end to end on examples small enough for a test.

mod case;
mod objective;
mod pause;
mod pictures;
mod pretraining;
mod refit;
mod schedules;
#[path = "../small/mod.rs"]
mod small;
mod speech;
mod training;
