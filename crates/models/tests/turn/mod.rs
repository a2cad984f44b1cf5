//! Turns of tests that draw: libtorch has one generator, and between a seed and its draws no other test may draw.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Waits for the turn of a test that draws, with one thread: tests run side by side already.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    affekt_torch::device::set_threads(1);
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
