//! Parsing of text into nodes.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput};

use crate::{Diagnostic, Diagnostics, Key, Node, SourceFile, Span, Value, scalar, syntax};

/// The maximum nesting depth. Real files come nowhere near it; it keeps recursive functions within the stack.
const MAX_DEPTH: usize = 64;

/// Parses a file's text, shown to the user as `path`. Returns `None` if the text is not YAML at all; other mistakes are
/// reported and skipped, so that the caller can continue and find more.
#[must_use]
pub fn parse(path: &str, text: &str, diagnostics: &Diagnostics) -> Option<Node> {
    let source = SourceFile::file(path, text);
    parse_from(&source, 0, diagnostics)
}

/// Begins a line that tells editors the JSON Schema of the file.
const SCHEMA_LINE: &str = "# yaml-language-server:";

/// Returns the comment at the start of a file, without its `#`: in an experiment, its question. A line for editors is no part of
/// it.
#[must_use]
pub fn header_comment(text: &str) -> Option<String> {
    let lines: Vec<&str> = text
        .trim_start_matches('\u{feff}')
        .lines()
        .skip_while(|line| line.trim().is_empty() || line.starts_with(SCHEMA_LINE))
        .map_while(|line| line.trim().strip_prefix('#'))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Parses the YAML that starts at byte `offset` of `source`.
pub(crate) fn parse_from(source: &Arc<SourceFile>, offset: usize, diagnostics: &Diagnostics) -> Option<Node> {
    let text = &source.text()[offset..];
    let places = Places { source, offset, starts: byte_of_each_char(text) };
    let mut reader = Reader { events: Parser::new_from_str(text), places, diagnostics, open: Vec::new() };
    match reader.document() {
        Ok(node) => Some(node),
        Err(diagnostic) => {
            diagnostics.push(*diagnostic);
            None
        }
    }
}

pub(crate) fn too_deep(span: &Span) -> Diagnostic {
    Diagnostic::error(span, format!("values are nested more than {MAX_DEPTH} levels deep"))
}

/// Maps the parser's character positions to byte offsets in the source.
struct Places<'s> {
    source: &'s Arc<SourceFile>,
    offset: usize,
    /// `None` if every character is one byte long.
    starts: Option<Vec<usize>>,
}

impl Places<'_> {
    fn span(&self, start: Marker, end: Marker) -> Span {
        Span::new(self.source, self.byte(start)..self.byte(end))
    }

    fn byte(&self, marker: Marker) -> usize {
        let text = self.source.text();
        let within = match &self.starts {
            None => marker.index(),
            Some(starts) => starts.get(marker.index()).copied().unwrap_or(text.len()),
        };
        (self.offset + within).min(text.len())
    }
}

fn byte_of_each_char(text: &str) -> Option<Vec<usize>> {
    (!text.is_ascii()).then(|| text.char_indices().map(|(byte, _)| byte).collect())
}

type Fallible<T> = Result<T, Box<Diagnostic>>;

struct Reader<'s> {
    events: Parser<'s, StrInput<'s>>,
    places: Places<'s>,
    diagnostics: &'s Diagnostics,
    /// The places at which the collections being read were opened.
    open: Vec<Span>,
}

impl<'s> Reader<'s> {
    fn document(&mut self) -> Fallible<Node> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                _ if root.is_some() => {
                    return Err(Diagnostic::error(&span, "a second document in one file")
                        .hint("keep one document per file: remove the `---` and everything after it")
                        .into());
                }
                event => root = Some(self.node(event, span)?),
            }
        }
        let start = Span::new(self.places.source, self.places.offset..self.places.offset);
        Ok(root.unwrap_or(Node { span: start, value: Value::Null }))
    }

    fn next(&mut self) -> Fallible<(Event<'s>, Span)> {
        match self.events.next_event() {
            Some(Ok((event, span))) => Ok((event, self.places.span(span.start, span.end))),
            Some(Err(error)) => Err(self.syntax_error(&error)),
            None => Err(self.ends_early()),
        }
    }

    fn syntax_error(&self, error: &ScanError) -> Box<Diagnostic> {
        let place = self.places.span(*error.marker(), *error.marker());
        syntax::explain(error.info(), &place, &self.open).into()
    }

    fn node(&mut self, event: Event<'s>, span: Span) -> Fallible<Node> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse(&span, anchor, tag.is_some());
                // The parser locates an omitted value at whatever comes next, possibly lines below.
                let is_left_out = style == ScalarStyle::Plain && text.is_empty();
                let span = if is_left_out { span.beginning() } else { span };
                let value = if style == ScalarStyle::Plain {
                    self.refuse_swallowed_item(&span);
                    scalar::resolve(&text).unwrap_or_else(|problem| {
                        self.diagnostics.error(&span, problem);
                        Value::Text(text.into_owned())
                    })
                } else {
                    Value::Text(text.into_owned())
                };
                Ok(Node { span, value })
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse(&span, anchor, tag.is_some());
                self.nested(&span, Self::list)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse(&span, anchor, tag.is_some());
                self.nested(&span, Self::map)
            }
            Event::Alias(_) => {
                self.diagnostics.push(
                    Diagnostic::error(&span, "aliases are not supported")
                        .hint("write the value out; put text that starts with `*` into quotes"),
                );
                let value = Value::Text(span.text().to_owned());
                Ok(Node { span, value })
            }
            _ => Err(self.ends_early()),
        }
    }

    fn ends_early(&self) -> Box<Diagnostic> {
        let end = self.places.source.text().len();
        Diagnostic::error(
            &Span::new(self.places.source, end..end),
            "unexpected end of the text within a value",
        )
        .into()
    }

    fn nested(&mut self, opened: &Span, read: fn(&mut Self) -> Fallible<(Value, Span)>) -> Fallible<Node> {
        if self.open.len() == MAX_DEPTH {
            return Err(too_deep(opened).into());
        }
        self.open.push(opened.clone());
        let (value, closed) = read(self)?;
        self.open.pop();
        Ok(Node { span: Span::new(opened.source(), opened.range().start..closed.range().end), value })
    }

    fn list(&mut self) -> Fallible<(Value, Span)> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok((Value::List(items), span));
            }
            items.push(self.node(event, span)?);
        }
    }

    fn map(&mut self) -> Fallible<(Value, Span)> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut known: HashMap<String, Span> = HashMap::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok((Value::Map(entries), span));
            }
            let key = self.key(event, span)?;
            let (event, span) = self.next()?;
            let mut value = self.node(event, span)?;
            let Some(key) = key else { continue };
            if self.has_no_colon(&key, &value) {
                let diagnostic = Diagnostic::error(&key.span, format!("key `{}` has no value", key.name));
                self.diagnostics.push(match key.name.split_once(':') {
                    Some((name, value)) => {
                        diagnostic.hint(format!("put a space after the colon: `{name}: {value}`"))
                    }
                    None => diagnostic.hint(format!("write `{}: value`", key.name)),
                });
            } else if let Some(first) = known.get(&key.name) {
                self.diagnostics.push(
                    Diagnostic::error(&key.span, format!("duplicate key `{}`", key.name))
                        .related(first, "first given here")
                        .hint("remove one of the two"),
                );
            } else {
                if value.span.range().is_empty() {
                    value.span = key.span.clone();
                }
                known.insert(key.name.clone(), key.span.clone());
                entries.push((key, value));
            }
        }
    }

    /// Reads a key; `None` if the node cannot be one.
    fn key(&mut self, event: Event<'s>, span: Span) -> Fallible<Option<Key>> {
        let Event::Scalar(name, style, anchor, tag) = event else {
            let node = self.node(event, span)?;
            self.diagnostics
                .push(Diagnostic::error(&node.span, "invalid key").hint("a key is a word or a number"));
            return Ok(None);
        };
        self.refuse(&span, anchor, tag.is_some());
        if style == ScalarStyle::Plain && name == "<<" {
            let merge = Diagnostic::error(&span, "merge keys are not supported");
            self.diagnostics.push(merge.hint("write the keys out"));
            return Ok(None);
        }
        if style == ScalarStyle::Plain && name.is_empty() {
            self.diagnostics.error(&span, "a colon without a key before it");
            return Ok(None);
        }
        Ok(Some(Key { span, name: name.into_owned() }))
    }

    /// Returns whether the key stands alone, as in `{ lr:1e-4 }`, where the missing space makes all of it one name.
    fn has_no_colon(&self, key: &Key, value: &Node) -> bool {
        let text = self.places.source.text();
        value.value == Value::Null
            && value.span.range().is_empty()
            && !text[key.span.range().end..].trim_start().starts_with(':')
    }

    /// Reports text that continues on a line starting with a dash, which was probably meant to be a list item.
    fn refuse_swallowed_item(&self, span: &Span) {
        let mut start = span.range().start;
        for (number, line) in span.text().split_inclusive('\n').enumerate() {
            let content = line.trim();
            if number > 0 && (content == "-" || content.starts_with("- ")) {
                let item = start + (line.len() - line.trim_start().len());
                let place = Span::new(span.source(), item..item + content.len());
                self.diagnostics
                    .push(Diagnostic::error(&place, "a list item continues the text above").hint(
                        "give all items the same indentation; put text over several lines into quotes",
                    ));
            }
            start += line.len();
        }
    }

    fn refuse(&self, span: &Span, anchor: usize, tag: bool) {
        if anchor != 0 {
            self.diagnostics.push(
                Diagnostic::error(span, "anchors are not supported").hint(
                    "write the value out where it is needed; put text that starts with `&` into quotes",
                ),
            );
        }
        if tag {
            self.diagnostics.push(
                Diagnostic::error(span, "tags are not supported")
                    .hint("remove the tag; put text that starts with `!` into quotes"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{to_json, to_yaml};

    #[test]
    fn spans_count_characters_and_blocks_reach_their_end() {
        let diagnostics = Diagnostics::new();
        let text =
            "\u{feff}größe: ümlaut\r\nblock:\r\n  - é: 1\r\n    b: [x, 2.5]\r\nnothing:\r\nlast: 'ä'\r\n";
        let node = parse("f.yaml", text, &diagnostics).unwrap();
        assert!(diagnostics.is_empty(), "{diagnostics}");
        assert_eq!(
            to_json(&node).to_string(),
            r#"{"block":[{"b":["x",2.5],"é":1}],"größe":"ümlaut","last":"ä","nothing":null}"#
        );
        let place = |node: &Node| (node.span.to_string(), node.span.text().trim_end().to_owned());
        assert_eq!(place(node.get("größe").unwrap()), ("f.yaml:1:8".into(), "ümlaut".into()));
        assert_eq!(place(node.get("last").unwrap()), ("f.yaml:6:7".into(), "'ä'".into()));
        assert_eq!(place(node.get("nothing").unwrap()), ("f.yaml:5:1".into(), "nothing".into()));
        let block = node.get("block").unwrap();
        assert_eq!(place(block), ("f.yaml:3:3".into(), "- é: 1\r\n    b: [x, 2.5]".into()));
    }

    #[test]
    fn nothing_is_null() {
        for text in ["", "\n\n", "# only a comment\n", "---\n"] {
            let diagnostics = Diagnostics::new();
            assert_eq!(parse("f.yaml", text, &diagnostics).unwrap().value, Value::Null);
            assert!(diagnostics.is_empty());
        }
    }

    #[test]
    fn header() {
        let text = "\n# Question: does it\n#   generalise?\n#\n# Run: now\n\n# not this\nname: x\n";
        assert_eq!(header_comment(text).as_deref(), Some("Question: does it\n  generalise?\n\nRun: now"));
        assert_eq!(header_comment("name: x # no\n"), None);
    }

    #[test]
    fn depth_is_bounded() {
        for text in ["[".repeat(100_000), "- ".repeat(100_000), "? ".repeat(100_000), "{a: ".repeat(100_000)]
        {
            let diagnostics = Diagnostics::new();
            assert!(parse("f.yaml", &text, &diagnostics).is_none());
            assert!(diagnostics.to_string().starts_with("error: values are nested more than 64 levels deep"));
        }
    }

    /// Checks that every mangled text is either parsed or reported, and that what parses can be written and parsed
    /// again.
    #[test]
    fn mangled_text_is_read_or_reported() {
        let seeds: [Vec<char>; 2] = [
            "# Q\nname: cnn\nnodes:\n  train: { op: train, in: mfcc, lr: 1e-4 } # é\n  list:\n    - 1\n    - 'it''s'\n"
                .chars()
                .collect(),
            "text: |\n  several\n   lines\n\"quoted\\n\": [a, \"b\", {c: ~}]\n? key\n: >-\n  folded\nn: 0x1f\n".chars().collect(),
        ];
        let pieces = [
            "[", "]", "{", "}", ": ", "- ", "\n", "\n  ", "\t", "\"", "'", "#", "&a ", "*a", "!x ", "|", ">",
            "%", "é", "😀", "\r\n", "\u{feff}", "---\n", ",", "? ", "\\", "\0", "\u{2028}", ".inf", "<<",
            "~",
        ];
        let mut state = 1_u64;
        let mut below = move |bound: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % bound
        };
        let mut parsed = 0;
        for _ in 0..4000 {
            let mut text = seeds[below(seeds.len())].clone();
            for _ in 0..1 + below(4) {
                let at = below(text.len());
                if below(3) == 0 {
                    text.remove(at);
                } else {
                    text.splice(at..at, pieces[below(pieces.len())].chars());
                }
            }
            let text = String::from_iter(text);
            let diagnostics = Diagnostics::new();
            let node = parse("f.yaml", &text, &diagnostics);
            assert_eq!(diagnostics.to_string().is_empty(), diagnostics.is_empty());
            let Some(node) = node else {
                assert!(diagnostics.has_errors(), "{text:?}");
                continue;
            };
            parsed += 1;
            let (yaml, again) = (to_yaml(&node), Diagnostics::new());
            assert_eq!(parse("again.yaml", &yaml, &again).as_ref(), Some(&node), "{text:?}\n{yaml}\n{again}");
        }
        assert!((500..3500).contains(&parsed), "{parsed} of 4000 parsed");
    }
}
