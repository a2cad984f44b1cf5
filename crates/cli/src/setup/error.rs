//! Why there is no libtorch, in words.

use std::{error, fmt};

/// What went wrong while setting up, and what to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupError {
    /// What went wrong.
    pub message: String,
    /// What to try.
    pub hint: String,
}

impl SetupError {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nhint: {}", self.message, self.hint)
    }
}

impl error::Error for SetupError {}
