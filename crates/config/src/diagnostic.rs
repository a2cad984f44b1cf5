//! What is wrong, where, and what to try; and the collection of everything that is wrong.

use std::cell::RefCell;
use std::fmt;

use crate::{Span, list_names, nearest, render};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The input cannot be used.
    Error,
    /// The input can be used, and something about it is probably not meant.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, as a lower-case fragment: ``unknown input `mfc` ``.
    pub message: String,
    /// Where, if it has a place.
    pub span: Option<Span>,
    /// What to say beside the marked characters.
    pub label: Option<String>,
    /// A second place that explains the first, and what to say beside it.
    pub related: Option<(Span, String)>,
    /// What to try.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error at `span`.
    #[must_use]
    pub fn error(span: &Span, message: impl Into<String>) -> Self {
        Self { span: Some(span.clone()), ..Self::error_without_place(message) }
    }

    /// An error that has no place in any text.
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

    /// A warning at `span`.
    #[must_use]
    pub fn warning(span: &Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(span, message) }
    }

    /// The error "unknown `kind` `name`", with the nearest of the valid names and all of them in the hint.
    /// `all` introduces the list: `valid keys are`, `this pipeline has`.
    #[must_use]
    pub fn unknown<S: AsRef<str>>(span: &Span, kind: &str, name: &str, all: &str, valid: &[S]) -> Self {
        Self::error(span, format!("unknown {kind} `{name}`")).hint(which_of(name, all, valid))
    }

    /// The same with a label beside the marked characters.
    #[must_use]
    pub fn label(self, label: impl Into<String>) -> Self {
        Self { label: Some(label.into()), ..self }
    }

    /// The same with a second place.
    #[must_use]
    pub fn related(self, span: &Span, label: impl Into<String>) -> Self {
        Self { related: Some((span.clone(), label.into())), ..self }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// "did you mean `mfcc`? this pipeline has `mfcc`, `logmel`".
pub(crate) fn which_of<S: AsRef<str>>(name: &str, all: &str, valid: &[S]) -> String {
    let names = if valid.is_empty() { "none".to_owned() } else { list_names(valid) };
    match nearest(name, valid.iter().map(AsRef::as_ref)) {
        Some(near) => format!("did you mean `{near}`? {all} {names}"),
        None => format!("{all} {names}"),
    }
}

/// Everything that is wrong so far. Shared by reference: reading code reports and goes on.
#[derive(Debug, Default)]
pub struct Diagnostics(RefCell<Vec<Diagnostic>>);

impl Diagnostics {
    /// Nothing wrong yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `diagnostic`, unless the very same is there: a text that is read once for each variant
    /// is wrong only once.
    pub fn push(&self, diagnostic: Diagnostic) {
        let mut all = self.0.borrow_mut();
        if !all.contains(&diagnostic) {
            all.push(diagnostic);
        }
    }

    /// Adds an error at `span`.
    pub fn error(&self, span: &Span, message: impl Into<String>) {
        self.push(Diagnostic::error(span, message));
    }

    /// Whether nothing was reported.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// Whether an error was reported.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.borrow().iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// All of them by file, line and column; those without a place come last.
    #[must_use]
    pub fn sorted(&self) -> Vec<Diagnostic> {
        let mut all = self.0.borrow().clone();
        all.sort_by(|a, b| {
            let [a, b] = [a, b].map(|diagnostic| diagnostic.span.as_ref().map(Span::order));
            a.is_none().cmp(&b.is_none()).then_with(|| a.cmp(&b))
        });
        all
    }

    /// All of them as a person reads them, in order, in colour or plain.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let all: Vec<String> =
            self.sorted().iter().map(|diagnostic| render::render(diagnostic, colour)).collect();
        all.join("\n")
    }
}

/// The plain rendering.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}
