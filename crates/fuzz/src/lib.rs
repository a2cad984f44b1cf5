//! Bad input: mutated files and answers, given to everything that reads what others wrote.
//!
//! ```text
//! seeds of a target ─ mutate ─► input number N of a seed ─► the target's reader, in a child process
//!                                        bounds: time and memory, in proportion to the input (watch)
//!                                        a panic, an abort, a bound exceeded ─► finding, input kept
//! ```
//! [`TARGETS`] lists the readers. [`supervise`] runs inputs in children and goes on after each finding; [`attend`] is the child.
//! A seed and a number give the same input on every machine.

mod attend;
mod audio;
mod exchange;
mod hub;
mod labels;
mod mutate;
mod supervise;
mod tables;
mod target;
pub mod watch;
mod weights;
mod yaml;

pub use attend::{Attended, attend};
pub use supervise::{Plan, Summary, supervise};
pub use target::{TARGETS, Target};
