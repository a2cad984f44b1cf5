//! How commands end.

use std::process::ExitCode;

use affekt_domain::Digest;
use affekt_graph::Failure;

use crate::out::{rendered, say};

/// The exit codes of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Something that was tried failed.
    Failed,
    /// The input is wrong.
    Wrong,
    /// Work is left.
    WorkLeft,
    /// Interrupted.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Wrong => 2,
            Exit::WorkLeft => 3,
            Exit::Interrupted => 130,
        })
    }
}

/// A command that cannot go on.
#[derive(Debug)]
pub struct Stop {
    exit: Exit,
    text: String,
    /// Whether the text was rendered for a terminal.
    is_rendered: bool,
    damaged: Option<Digest>,
}

impl Stop {
    /// The input is wrong. `text` is whole lines, as a person reads them.
    pub fn wrong(text: impl Into<String>) -> Self {
        Self { exit: Exit::Wrong, text: text.into(), is_rendered: false, damaged: None }
    }

    /// The input is wrong, as diagnostics say that were rendered for the terminal.
    pub fn diagnosed(rendered: String) -> Self {
        Self { is_rendered: true, ..Self::wrong(rendered) }
    }

    /// Something failed.
    pub fn failed(text: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, text: text.into(), is_rendered: false, damaged: None }
    }

    /// The stored object that is damaged, if it is that which failed.
    pub fn damaged(&self) -> Option<Digest> {
        self.damaged
    }

    /// Why, of an error that goes on its way.
    pub fn as_str(&self) -> &str {
        self.text.trim_end().trim_start_matches("error: ")
    }

    /// Why.
    pub fn text(self) -> String {
        self.text
    }

    /// Says why, and gives the exit code.
    pub fn tell(self) -> ExitCode {
        match self.is_rendered {
            true => rendered(self.text.trim_end()),
            false => say!("{}", self.text.trim_end()),
        }
        self.exit.into()
    }
}

/// An error with its causes, as one line a person reads.
pub fn error(what: &str, error: &dyn std::error::Error) -> Stop {
    Stop::failed(format!("error: {what}: {}", Failure::because(error)))
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::failed(format!("error: {error:#}"))
    }
}

impl From<affekt_atomic::AtomicError> for Stop {
    fn from(error: affekt_atomic::AtomicError) -> Self {
        Self::failed(format!("error: failed to write {error}"))
    }
}

impl From<affekt_graph::StoreError> for Stop {
    fn from(error: affekt_graph::StoreError) -> Self {
        Self::failed(format!("error: {error}"))
    }
}

impl From<affekt_remote::RemoteError> for Stop {
    fn from(error: affekt_remote::RemoteError) -> Self {
        let text = format!("error: {error}");
        match error {
            affekt_remote::RemoteError::Location(_) => Self::wrong(text),
            _ => Self::failed(text),
        }
    }
}

impl From<affekt_graph::GraphError> for Stop {
    fn from(error: affekt_graph::GraphError) -> Self {
        Self::failed(format!("error: {error}"))
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        let damaged = match &failure {
            Failure::Damaged { digest, .. } => Some(*digest),
            _ => None,
        };
        Self { damaged, ..Self::failed(format!("error: {failure}")) }
    }
}
