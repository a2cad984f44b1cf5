//! Formatting of a diagnostic with the source line and the characters marked.

use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use crate::printable::{is_obeyed, printable};
use crate::{Diagnostic, Severity, Span};

/// Formats a diagnostic; the text ends with a line break.
pub(crate) fn render(diagnostic: &Diagnostic, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let message = printable(&diagnostic.message);
    let label = diagnostic.label.as_deref().map(printable);
    let related = diagnostic.related.as_ref().map(|(other, label)| (other, printable(label)));
    let beside = |span: &Span| {
        related
            .as_ref()
            .map(|(other, _)| other.range())
            .filter(|_| related.as_ref().is_some_and(|(other, _)| other.is_beside(span)))
    };
    let window = diagnostic.span.as_ref().map(|span| Window::new(span, beside(span)));
    let elsewhere = match (&related, &diagnostic.span) {
        (Some((other, _)), Some(span)) if !other.is_beside(span) => Some(Window::new(other, None)),
        _ => None,
    };
    let mut group = Group::with_title(level.primary_title(message));
    if let (Some(span), Some(window)) = (&diagnostic.span, &window) {
        let mut marked =
            window.snippet().annotation(window.mark(AnnotationKind::Primary, span, label.as_deref()));
        let mut second = None;
        if let Some((other, label)) = &related {
            let kind = AnnotationKind::Context;
            match &elsewhere {
                None => marked = marked.annotation(window.mark(kind, other, Some(label))),
                Some(window) => {
                    second = Some(window.snippet().annotation(window.mark(kind, other, Some(label))));
                }
            }
        }
        group = group.element(marked).elements(second);
    }
    let mut text = renderer.render(&[group]);
    text.push('\n');
    if let Some(hint) = &diagnostic.hint {
        let title = Level::HELP.with_name("hint").primary_title(printable(hint));
        text.push_str(&renderer.render(&[Group::with_title(title)]));
        text.push('\n');
    }
    text
}

/// The lines of a source that are shown. The renderer goes through all that it is given.
struct Window {
    path: String,
    text: String,
    /// Where it begins in the source, in bytes.
    start: usize,
    /// Its first line, from 1.
    line: usize,
}

impl Window {
    /// The lines from those of `span` to those of another range of the same source.
    fn new(span: &Span, other: Option<Range<usize>>) -> Self {
        let whole = span.source().text();
        let own = first_line(span);
        let (from, to) =
            other.map_or((own.start, own.end), |other| (own.start.min(other.start), own.end.max(other.end)));
        let (line, start) = span.source().line_at(from);
        let end = whole[to..].find('\n').map_or(whole.len(), |newline| to + newline);
        // Of equal length, so that places stay; the renderer does the same for those below 128.
        let shown = |c: char| match c.len_utf8() {
            2 if is_obeyed(c) => '\u{b7}',
            3 if is_obeyed(c) => '\u{fffd}',
            _ => c,
        };
        Self {
            path: printable(span.source().path()).into_owned(),
            text: whole[start..end].chars().map(shown).collect(),
            start,
            line,
        }
    }

    fn snippet<'a>(&'a self) -> Snippet<'a, Annotation<'a>> {
        Snippet::source(&self.text).path(&self.path).line_start(self.line)
    }

    fn mark<'a>(&self, kind: AnnotationKind, span: &Span, label: Option<&'a str>) -> Annotation<'a> {
        let range = first_line(span);
        kind.span(range.start - self.start..range.end - self.start).label(label)
    }
}

/// Returns the first line of a block: marking all of it would bury the message.
fn first_line(span: &Span) -> Range<usize> {
    let range = span.range();
    let line = span.text().lines().next().unwrap_or("").trim_end();
    range.start..range.start + line.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Diagnostics, SourceFile};

    #[test]
    fn a_terminal_obeys_nothing_of_the_text() {
        let obeyed = "\u{1b}[31m\u{7}\u{7f}\u{9b}31m\u{202e}";
        let source =
            SourceFile::file(&format!("a{obeyed}.yaml"), &format!("first\nkey{obeyed}: value\nlast"));
        let at = Span::new(&source, 6..9);
        let text = |obeyed: &str| {
            let diagnostics = Diagnostics::new();
            diagnostics.push(Diagnostic {
                label: Some(format!("label{obeyed}")),
                related: Some((at.clone(), format!("related{obeyed}"))),
                ..Diagnostic::error(&at, format!("message{obeyed}")).hint(format!("hint{obeyed}"))
            });
            diagnostics.to_string()
        };
        let shown = text(obeyed);
        assert!(shown.contains("\n2 | key") && shown.contains("message\\u{1b}[31m"), "{shown}");
        assert!(!shown.contains(is_obeyed), "{shown:?}");
    }
}
