//! Explanations of YAML syntax errors for people who write YAML by hand: which characters are wrong, and what to write
//! instead. The parser often stops well after the mistake, so most functions here search backwards from there.

use std::ops::Range;

use crate::parse::too_deep;
use crate::{Diagnostic, Span};

/// Returns the diagnostic for the parser's error `info` at `place`, within the collections opened at `open`.
pub(crate) fn explain(info: &str, place: &Span, open: &[Span]) -> Diagnostic {
    let (text, at) = (place.source().text(), place.range().start);
    let in_brackets = |span: &&Span| span.text().starts_with(['[', '{']);
    let here = |message: &str, hint: &str| Diagnostic::error(&one_char(place, at), message).hint(hint);

    if info.split_whitespace().any(|word| word == "tab" || word == "tabs") {
        return Diagnostic::error(&one_char(place, tab_near(text, at)), "a tab is not allowed here")
            .hint("indent with spaces");
    }
    if let Some(outermost) = open.iter().find(in_brackets)
        && let Some(diagnostic) = wrong_brackets(outermost)
    {
        return diagnostic;
    }
    match info {
        "simple key expect ':'" | "simple key expected" => without_colon(place, last_line(text, at)),
        "mapping values are not allowed in this context" => misplaced_colon(place),
        "while parsing a block mapping, did not find expected key"
        | "while parsing a block collection, did not find expected '-' indicator"
        | "invalid indentation"
        | "invalid indentation in flow construct" => {
            misaligned(place, info.contains("'-'"), open.last().filter(in_brackets).is_some())
        }
        "block sequence entries are not allowed in this context" => here(
            "a list item on the line of its key",
            "start the list on the next line, or write it in brackets: `[a, b]`",
        ),
        "misplaced bracket" => here(
            &format!("`{}` has no opening bracket", char_at(text, at)),
            "remove it; put text that starts with a bracket into quotes",
        ),
        "while parsing a flow mapping, did not find expected ',' or '}'"
        | "while parsing a flow sequence, expected ',' or ']'"
        | "illegal placement of ':' indicator" => here(
            "missing comma between entries",
            "put a comma between entries; put a value that contains `: ` into quotes",
        ),
        "while parsing a node, did not find expected node content" if char_at(text, at) == ',' => here(
            "a comma without a value before it",
            "remove the comma; put text that starts with `,` into quotes",
        ),
        "invalid indentation in quoted scalar"
        | "while scanning a quoted scalar, found unexpected end of stream"
        | "while scanning a quoted scalar, found unexpected document indicator" => {
            let quote = char_at(text, at);
            here(&format!("`{quote}` is never closed"), &format!("close it with `{quote}`"))
        }
        "invalid trailing content after double-quoted scalar" => here(
            "text after the closing quote",
            "put the whole value into one pair of quotes; within them, double a quote (`''`) or escape it (`\\\"`)",
        ),
        _ if info.starts_with("unexpected character") || is_alias(info) => {
            let first = char_at(text, at);
            let first = if first == '`' { "a backtick".to_owned() } else { format!("`{first}`") };
            here(&format!("text cannot start with {first}"), "put it into quotes")
        }
        _ if info.starts_with("while parsing a quoted scalar") => here(
            "unknown escape sequence in double quotes",
            "write `\\\\` for a backslash, or use single quotes, which have no escape sequences",
        ),
        "while scanning a block scalar, did not find expected comment or line break" => {
            here("text on the line of `|` or `>`", "start the text on the next line, or put it into quotes")
        }
        "mapping keys are not allowed in this context" => {
            here("text cannot start with `?`", "put it into quotes")
        }
        "recursion limit exceeded" => too_deep(&one_char(place, at)),
        _ => Diagnostic::error(&one_char(place, at), format!("invalid YAML: {info}")),
    }
}

/// Reports the first bracket, starting at `outermost`, that is not closed or is closed by one of another kind.
fn wrong_brackets(outermost: &Span) -> Option<Diagnostic> {
    let text = outermost.source().text();
    match brackets(text, outermost.range().start) {
        Brackets::Open(opened) => {
            let bracket = char_at(text, opened);
            let message = format!("`{bracket}` is never closed");
            let hint = format!("close it with `{}`", closing(bracket));
            Some(Diagnostic::error(&one_char(outermost, opened), message).hint(hint))
        }
        Brackets::Crossed(opened, closed) => {
            let (bracket, wrong) = (char_at(text, opened), char_at(text, closed));
            let message = format!("`{bracket}` is closed by `{wrong}`");
            let diagnostic = Diagnostic::error(&one_char(outermost, closed), message)
                .related(&one_char(outermost, opened), "opened here")
                .hint(format!("close it with `{}`", closing(bracket)));
            Some(diagnostic)
        }
        Brackets::Closed => None,
    }
}

/// Explains a misplaced colon at `place`: the second one on its line, or on a line that is indented too far, or below a
/// line that lacks its own.
fn misplaced_colon(place: &Span) -> Diagnostic {
    let (text, at) = (place.source().text(), place.range().start);
    let line = line_around(text, at);
    let before = &text[line.start..at];
    if before.contains(": ") {
        return Diagnostic::error(&one_char(place, at), "a second `: ` on one line")
            .hint("put a value that contains `: ` into quotes");
    }
    let above = line_above(text, at);
    if !text[above.clone()].contains(": ") {
        return without_colon(place, above);
    }
    let key = Span::new(place.source(), line.start + indentation(before)..at);
    let above = &text[above];
    let message =
        format!("`{}` is indented deeper than the line above, which already has a value", key.text());
    Diagnostic::error(&key, message).hint(format!(
        "start it in column {}, like `{}`",
        indentation(above) + 1,
        above.trim()
    ))
}

/// Explains a line whose indentation does not match its neighbours'.
fn misaligned(place: &Span, in_list: bool, in_brackets: bool) -> Diagnostic {
    let (text, at) = (place.source().text(), place.range().start);
    let line = line_around(text, at);
    let content = Span::new(place.source(), line.start + indentation(&text[line.clone()])..line.end);
    let (message, hint) = if in_brackets {
        ("a line within brackets must be indented", "indent it deeper than the key whose value it belongs to")
    } else if in_list {
        ("a key among list items", "start the line with `- `, or align it with the keys of the item above")
    } else if content.text().starts_with("- ") {
        ("a list item among keys", "put the list below a key of its own")
    } else {
        ("this line is not aligned with any line above", "align it with the keys of its mapping")
    };
    Diagnostic::error(&content, message).hint(hint)
}

fn is_alias(info: &str) -> bool {
    info == "while parsing node, found unknown anchor"
        || info == "while scanning an anchor or alias, did not find expected alphabetic or numeric character"
}

/// Explains a line that should have been `key: value`.
fn without_colon(place: &Span, line: Range<usize>) -> Diagnostic {
    let text = place.source().text();
    let start = line.start + indentation(&text[line.clone()]);
    let content = text[start..line.end].trim_end();
    let hint = match content.split_once(':') {
        Some((key, value)) if !value.is_empty() => format!("put a space after the colon: `{key}: {value}`"),
        _ => format!("put a colon after the key: `{content}: …`"),
    };
    let span = Span::new(place.source(), start..start + content.len());
    Diagnostic::error(&span, format!("`{content}` is not `key: value`")).hint(hint)
}

enum Brackets {
    /// The bracket at this offset is never closed.
    Open(usize),
    /// The bracket at the first offset is closed by one of another kind at the second.
    Crossed(usize, usize),
    /// All brackets are closed.
    Closed,
}

/// Scans from the bracket at `start` to its end, skipping quotes and comments.
fn brackets(text: &str, start: usize) -> Brackets {
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut quote = None;
    let (mut before, mut meaningful) = (' ', ' ');
    let mut chars = text[start..].char_indices();
    while let Some((offset, c)) = chars.next() {
        let at = start + offset;
        match (quote, c) {
            (Some('"'), '\\') => {
                chars.next();
            }
            (Some(closes), c) if c == closes => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if "[{,:".contains(meaningful) || before == c => quote = Some(c),
            (None, '#') if before.is_whitespace() => {
                chars.by_ref().find(|(_, c)| *c == '\n');
            }
            (None, '[' | '{') => open.push((at, c)),
            (None, ']' | '}') => match open.pop() {
                Some((opened, bracket)) if closing(bracket) != c => return Brackets::Crossed(opened, at),
                _ if open.is_empty() => return Brackets::Closed,
                _ => {}
            },
            _ => {}
        }
        before = c;
        if !c.is_whitespace() {
            meaningful = c;
        }
    }
    open.first().map_or(Brackets::Closed, |(opened, _)| Brackets::Open(*opened))
}

fn one_char(near: &Span, at: usize) -> Span {
    Span::new(near.source(), at..at + char_at(near.source().text(), at).len_utf8())
}

fn closing(bracket: char) -> char {
    if bracket == '[' { ']' } else { '}' }
}

fn char_at(text: &str, at: usize) -> char {
    text[at..].chars().next().unwrap_or(' ')
}

/// Returns the offset of the first tab that indents a line at or after `at`, otherwise of the nearest tab.
fn tab_near(text: &str, at: usize) -> usize {
    let from = line_around(text, at).start;
    let mut start = from;
    for line in text[from..].split_inclusive('\n') {
        if let Some(tab) = line[..line.len() - line.trim_start().len()].find('\t') {
            return start + tab;
        }
        start += line.len();
    }
    text[from..].find('\t').map_or(at, |tab| from + tab)
}

/// Returns the range of the line around byte `at`, without its line break.
fn line_around(text: &str, at: usize) -> Range<usize> {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    start..text[at..].find('\n').map_or(text.len(), |newline| at + newline)
}

/// Returns the last line before that of `at` which holds more than a comment; an empty range if there is none.
fn line_above(text: &str, at: usize) -> Range<usize> {
    let mut line = line_around(text, at);
    while line.start > 0 {
        line = line_around(text, line.start - 1);
        let content = text[line.clone()].trim();
        if !content.is_empty() && !content.starts_with('#') {
            return line;
        }
    }
    0..0
}

/// Returns the line around `at` or, if it is blank before `at`, the one above.
fn last_line(text: &str, at: usize) -> Range<usize> {
    let line = line_around(text, at);
    if text[line.start..at].trim().is_empty() { line_above(text, at) } else { line }
}

/// Returns the number of bytes of leading white space.
fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}
