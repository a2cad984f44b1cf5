//! What is known of a node.

use crate::index::NodeIndex;
use crate::key::Key;
use crate::ops::Failure;
use crate::store::Record;

/// What is known of a node.
#[derive(Debug, Clone)]
pub enum State {
    /// Some input is not known yet, and with it the key.
    Waiting {
        /// The first input it waits for.
        on: NodeIndex,
    },
    /// All inputs are known and their objects are there or being made; there is no usable result.
    Ready {
        /// Its key; `None` for a source whose fingerprint takes effort.
        key: Option<Key>,
        /// Why it must run, for a person.
        reason: String,
    },
    /// Handed out and not back yet.
    Running {
        /// Its key, as in `Ready`.
        key: Option<Key>,
    },
    /// Its outputs are known by content.
    Done {
        /// The result; `None` for growing nodes, which have none of their own.
        record: Option<Record>,
        /// Whether this run computed it.
        ran: bool,
    },
    /// It failed, or something above it did.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// It was not asked for.
    Skipped,
}

impl State {
    /// Returns its name in plans.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "may-run",
            Self::Ready { .. } => "run",
            Self::Running { .. } => "running",
            Self::Done { ran: true, .. } => "ran",
            Self::Done { ran: false, .. } => "cached",
            Self::Failed { .. } => "failed",
            Self::Skipped => "skipped",
        }
    }
}
