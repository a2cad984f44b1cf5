//! What the parser's complaints mean to someone who writes YAML by hand: which characters are at fault, and what
//! to write instead. The parser often stops well after the mistake, so most of this looks back from there.

use std::ops::Range;

use crate::{Diagnostic, Span};

/// The diagnostic for the parser's complaint `info` at `place`, inside the collections opened at `open`.
pub(crate) fn explain(info: &str, place: &Span, open: &[Span]) -> Diagnostic {
    let text = place.source().text();
    let at = place.range().start;
    let span = |range: Range<usize>| Span::new(place.source(), range);
    let one = |at: usize| span(at..at + text[at..].chars().next().map_or(0, char::len_utf8));
    let here = |message: &str, hint: &str| Diagnostic::error(&one(at), message).hint(hint);

    if info.split_whitespace().any(|word| word == "tab" || word == "tabs") {
        return Diagnostic::error(&one(tab_near(text, at)), "a tab where only spaces may stand")
            .hint("indent with spaces");
    }
    if let Some(opened) =
        open.iter().map(|span| span.range().start).find(|at| text[*at..].starts_with(['[', '{']))
    {
        match brackets(text, opened) {
            Brackets::Open(opened) => {
                let bracket = char_at(text, opened);
                return Diagnostic::error(&one(opened), format!("`{bracket}` is never closed"))
                    .hint(format!("close it with `{}`", closing(bracket)));
            }
            Brackets::Crossed(opened, closed) => {
                let (bracket, wrong) = (char_at(text, opened), char_at(text, closed));
                return Diagnostic::error(&one(closed), format!("`{bracket}` is closed by `{wrong}`"))
                    .related(&one(opened), "opened here")
                    .hint(format!("close it with `{}`", closing(bracket)));
            }
            Brackets::Closed => {}
        }
    }
    match info {
        "simple key expect ':'" | "simple key expected" => without_colon(place, significant_line(text, at)),
        "mapping values are not allowed in this context" => {
            let line = line_around(text, at);
            let before = &text[line.start..at];
            let above = line_above(text, at);
            if before.contains(": ") {
                here("a second `: ` in one line", "a value that holds `: ` goes into quotes")
            } else if text[above.clone()].contains(": ") {
                let key = line.start + indentation(before)..at;
                let (name, above) = (&text[key.clone()], &text[above]);
                let message =
                    format!("`{name}` is indented deeper than the line above, which has its value already");
                Diagnostic::error(&span(key), message).hint(format!(
                    "begin it in column {}, like `{}`",
                    indentation(above) + 1,
                    above.trim()
                ))
            } else {
                without_colon(place, above)
            }
        }
        "while parsing a block mapping, did not find expected key"
        | "while parsing a block collection, did not find expected '-' indicator"
        | "invalid indentation"
        | "invalid indentation in flow construct" => {
            let line = line_around(text, at);
            let content = line.start + indentation(&text[line.clone()])..line.end;
            let is_item = text[content.clone()].starts_with("- ");
            let (message, hint) = match (is_item, info.contains("'-'")) {
                (true, false) => ("a list item among keys", "a list stands below a key of its own"),
                (false, true) => (
                    "a key among list items",
                    "begin the line with `- `, or align it with the keys of the item above",
                ),
                _ => ("this line is not aligned with any line above", "align it with the keys it belongs to"),
            };
            if info.contains("flow")
                || open.last().is_some_and(|span| text[span.range().start..].starts_with(['[', '{']))
            {
                return Diagnostic::error(&span(content), "a line within brackets that is not indented")
                    .hint("indent it deeper than the key whose value it belongs to");
            }
            Diagnostic::error(&span(content), message).hint(hint)
        }
        "block sequence entries are not allowed in this context" => here(
            "a list item in the line of its key",
            "begin the list in the next line, or write it in brackets: `[a, b]`",
        ),
        "misplaced bracket" => here(
            &format!("`{}` closes nothing", char_at(text, at)),
            "remove it; text that begins with a bracket goes into quotes",
        ),
        "while parsing a flow mapping, did not find expected ',' or '}'"
        | "while parsing a flow sequence, expected ',' or ']'"
        | "illegal placement of ':' indicator" => here(
            "entries without a comma between them",
            "put a comma between entries; a value that holds `: ` goes into quotes",
        ),
        "while parsing a node, did not find expected node content"
            if !open.is_empty() && char_at(text, at) == ',' =>
        {
            here(
                "a comma without a value before it",
                "remove the comma; text that begins with `,` goes into quotes",
            )
        }
        "invalid indentation in quoted scalar"
        | "while scanning a quoted scalar, found unexpected end of stream"
        | "while scanning a quoted scalar, found unexpected document indicator" => {
            let quote = char_at(text, at);
            here(&format!("`{quote}` is never closed"), &format!("close it with `{quote}`"))
        }
        "invalid trailing content after double-quoted scalar" => here(
            "text after the closing quote",
            "put all of the value into one pair of quotes; a quote within them is doubled (`''`) or escaped (`\\\"`)",
        ),
        _ if info.starts_with("unexpected character") || is_alias(info) => {
            let first = char_at(text, at);
            let first = if first == '`' { "a backtick".to_owned() } else { format!("`{first}`") };
            here(&format!("text cannot begin with {first}"), "put it into quotes")
        }
        _ if info.starts_with("while parsing a quoted scalar") => here(
            "an unknown escape in double quotes",
            "write `\\\\` for a backslash, or use single quotes, which know no escapes",
        ),
        "while scanning a block scalar, did not find expected comment or line break" => {
            here("text in the line of `|` or `>`", "begin the text in the next line, or put it into quotes")
        }
        "recursion limit exceeded" => {
            Diagnostic::error(&one(at), "too many values inside one another").hint("close brackets earlier")
        }
        _ => Diagnostic::error(&one(at), format!("this is no YAML: {info}")),
    }
}

fn is_alias(info: &str) -> bool {
    info == "while parsing node, found unknown anchor"
        || info == "while scanning an anchor or alias, did not find expected alphabetic or numeric character"
}

/// A line that should have been `key: value`.
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
    /// The bracket here is never closed.
    Open(usize),
    /// The bracket at the first place is closed by another kind at the second.
    Crossed(usize, usize),
    /// All are closed.
    Closed,
}

/// Follows the bracket at `start` to its end, past quotes and comments.
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

fn closing(bracket: char) -> char {
    if bracket == '[' { ']' } else { '}' }
}

fn char_at(text: &str, at: usize) -> char {
    text[at..].chars().next().unwrap_or(' ')
}

/// The first tab that indents a line from the one at `at` on, else the nearest tab at all.
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

/// The line around byte `at`, without its end.
fn line_around(text: &str, at: usize) -> Range<usize> {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    start..text[at..].find('\n').map_or(text.len(), |newline| at + newline)
}

/// The last line before the one at `at` that holds more than a comment; an empty range if there is none.
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

/// The line that ends at or before `at`.
fn significant_line(text: &str, at: usize) -> Range<usize> {
    let line = line_around(text, at);
    if text[line.start..at].trim().is_empty() { line_above(text, at) } else { line }
}

/// How many bytes of white space a line begins with.
fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}
