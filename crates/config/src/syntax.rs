//! What the parser's complaints mean to someone who writes YAML by hand.

use crate::{Diagnostic, Span};

/// The diagnostic for the parser's complaint `info` at `place`, inside the collection opened at `open`.
pub(crate) fn explain(info: &str, place: &Span, open: Option<&Span>) -> Diagnostic {
    let diagnostic = Diagnostic::error(place, info.to_owned());
    match open {
        Some(open) if open.text().starts_with(['[', '{']) => diagnostic.related(open, "opened here"),
        _ => diagnostic,
    }
}
