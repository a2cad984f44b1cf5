//! Diagnostics: what is wrong, where, and what to try; and their collection.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

use crate::{Span, list_names, nearest, render};

/// The severity of a diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The input cannot be used.
    Error,
    /// The input can be used, but probably does not mean what was intended.
    Warning,
}

/// One mistake in the input.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    /// The severity.
    pub severity: Severity,
    /// What is wrong, as a lower-case fragment: ``unknown input `mfc` ``.
    pub message: String,
    /// The place of the mistake, if it has one.
    pub span: Option<Span>,
    /// The label of the marked characters.
    pub label: Option<String>,
    /// A second place that explains the first, with its label.
    pub related: Option<(Span, String)>,
    /// What to try.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// Creates an error at `span`.
    #[must_use]
    pub fn error(span: &Span, message: impl Into<String>) -> Self {
        Self { span: Some(span.clone()), ..Self::error_without_place(message) }
    }

    /// Creates an error that has no place in any text.
    #[must_use]
    pub fn error_without_place(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            span: None,
            label: None,
            related: None,
            hint: None,
        }
    }

    /// Creates a warning at `span`.
    #[must_use]
    pub fn warning(span: &Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(span, message) }
    }

    /// Creates the error "unknown `kind` `name`", with the nearest of the valid names and all of them in the hint.
    /// `all` introduces the list: `valid keys are`, `this pipeline has`.
    #[must_use]
    pub fn unknown<S: AsRef<str>>(span: &Span, kind: &str, name: &str, all: &str, valid: &[S]) -> Self {
        Self::error(span, format!("unknown {kind} `{name}`")).hint(which_of(name, all, valid))
    }

    /// Adds a label for the marked characters.
    #[must_use]
    pub fn label(self, label: impl Into<String>) -> Self {
        Self { label: Some(label.into()), ..self }
    }

    /// Adds a second place.
    #[must_use]
    pub fn related(self, span: &Span, label: impl Into<String>) -> Self {
        Self { related: Some((span.clone(), label.into())), ..self }
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Formats a hint: "did you mean `mfcc`? this pipeline has `mfcc`, `logmel`".
pub(crate) fn which_of<S: AsRef<str>>(name: &str, all: &str, valid: &[S]) -> String {
    let names = if valid.is_empty() { "none".to_owned() } else { list_names(valid) };
    match nearest(name, valid.iter().map(AsRef::as_ref)) {
        Some(near) => format!("did you mean `{near}`? {all} {names}"),
        None => format!("{all} {names}"),
    }
}

/// The diagnostics collected so far. Shared by reference, so that reading code reports a mistake and continues.
#[derive(Debug, Default)]
pub struct Diagnostics(RefCell<Collected>);

#[derive(Debug, Default)]
struct Collected {
    all: Vec<Diagnostic>,
    /// The positions in `all` of diagnostics with this message at this place.
    seen: HashMap<(String, Option<Place>), Vec<usize>>,
}

/// Where in a text, in bytes: from and to.
type Place = (usize, usize);

/// How many diagnostics are shown: whoever has more will not read them all.
const SHOWN: usize = 50;

impl Diagnostics {
    /// Creates an empty collection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `diagnostic`, unless an equal one is present: a text that is read once per variant should report each
    /// mistake once.
    pub fn push(&self, diagnostic: Diagnostic) {
        let mut collected = self.0.borrow_mut();
        let Collected { all, seen } = &mut *collected;
        let place = diagnostic.span.as_ref().map(|span| (span.range().start, span.range().end));
        let alike = seen.entry((diagnostic.message.clone(), place)).or_default();
        if alike.iter().all(|at| all[*at] != diagnostic) {
            alike.push(all.len());
            all.push(diagnostic);
        }
    }

    /// Adds an error at `span`.
    pub fn error(&self, span: &Span, message: impl Into<String>) {
        self.push(Diagnostic::error(span, message));
    }

    /// Returns whether nothing was reported.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.borrow().all.is_empty()
    }

    /// Returns whether an error was reported.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.borrow().all.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Returns all diagnostics, ordered by file, line and column; those without a place come last.
    #[must_use]
    pub fn sorted(&self) -> Vec<Diagnostic> {
        let mut all = self.0.borrow().all.clone();
        all.sort_by(|a, b| {
            let [a, b] = [a, b].map(|diagnostic| diagnostic.span.as_ref().map(Span::order));
            a.is_none().cmp(&b.is_none()).then_with(|| a.cmp(&b))
        });
        all
    }

    /// Formats the diagnostics for a terminal, in order, in colour or plain: the first fifty, and how many more there are.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let sorted = self.sorted();
        let shown = sorted.iter().take(SHOWN).map(|diagnostic| render::render(diagnostic, colour));
        let more = sorted.len().checked_sub(SHOWN).filter(|more| *more > 0);
        let more = more.map(|more| format!("… and {more} more: correct these first\n"));
        shown.chain(more).collect::<Vec<_>>().join("\n")
    }
}

/// Formats without colour.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}
