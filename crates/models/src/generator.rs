//! libtorch's one generator, which tests draw from in turn.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks libtorch's generator for a test that draws from it: between its seed and its draws no other may draw.
pub fn alone() -> MutexGuard<'static, ()> {
    static GENERATOR: Mutex<()> = Mutex::new(());
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}
