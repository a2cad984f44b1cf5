//! Formatting of a diagnostic with the source line and the characters marked.

use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use crate::{Diagnostic, Severity, Span};

/// Formats a diagnostic; the text ends with a line break.
pub(crate) fn render(diagnostic: &Diagnostic, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(&diagnostic.message));
    if let Some(span) = &diagnostic.span {
        let mut marked =
            snippet(span).annotation(mark(AnnotationKind::Primary, span, diagnostic.label.as_deref()));
        let mut elsewhere = None;
        if let Some((other, label)) = &diagnostic.related {
            let context = mark(AnnotationKind::Context, other, Some(label));
            if other.is_beside(span) {
                marked = marked.annotation(context);
            } else {
                elsewhere = Some(snippet(other).annotation(context));
            }
        }
        group = group.element(marked).elements(elsewhere);
    }
    let mut text = renderer.render(&[group]);
    text.push('\n');
    if let Some(hint) = &diagnostic.hint {
        let title = Level::HELP.with_name("hint").primary_title(hint);
        text.push_str(&renderer.render(&[Group::with_title(title)]));
        text.push('\n');
    }
    text
}

fn snippet<'a>(span: &'a Span) -> Snippet<'a, Annotation<'a>> {
    Snippet::source(span.source().text()).path(span.source().path())
}

fn mark<'a>(kind: AnnotationKind, span: &Span, label: Option<&'a str>) -> Annotation<'a> {
    kind.span(first_line(span)).label(label)
}

/// Returns the first line of a block: marking all of it would bury the message.
fn first_line(span: &Span) -> Range<usize> {
    let range = span.range();
    let line = span.text().lines().next().unwrap_or("").trim_end();
    range.start..range.start + line.len()
}
