//! Source texts and places within them.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// A source text: a file, or an argument of the command line.
#[derive(Debug)]
pub struct SourceFile {
    path: String,
    text: String,
    is_argument: bool,
    /// Where its lines begin, once that was asked for.
    lines: OnceLock<Vec<usize>>,
}

impl SourceFile {
    /// Creates the source of a file, shown under `path`. A byte order mark is removed.
    #[must_use]
    pub fn file(path: &str, text: &str) -> Arc<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Arc::new(Self {
            path: path.to_owned(),
            text: text.to_owned(),
            is_argument: false,
            lines: OnceLock::new(),
        })
    }

    /// Creates the source of a command-line argument, as typed: `--set protocol.seeds=[1,2]`.
    #[must_use]
    pub fn argument(text: &str) -> Arc<Self> {
        let path = "command line".to_owned();
        Arc::new(Self { path, text: text.to_owned(), is_argument: true, lines: OnceLock::new() })
    }

    /// Returns the path as shown to the user; `command line` for an argument.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the line that has the byte at `at`, from 1, and where it begins. Found by halves, as a file has as many mistakes as
    /// lines.
    pub(crate) fn line_at(&self, at: usize) -> (usize, usize) {
        let lines = self.lines.get_or_init(|| {
            let breaks = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect()
        });
        let line = lines.partition_point(|start| *start <= at).max(1);
        (line, lines[line - 1])
    }
}

/// A range of a source text. Cheap to clone.
#[derive(Clone)]
pub struct Span {
    source: Arc<SourceFile>,
    start: usize,
    end: usize,
}

impl Span {
    /// Creates a span of the bytes `range` of `source`, clamped to the text and widened to whole characters.
    #[must_use]
    pub fn new(source: &Arc<SourceFile>, range: Range<usize>) -> Self {
        let text = source.text();
        let start = text.floor_char_boundary(range.start);
        let end = text.ceil_char_boundary(range.end).max(start);
        Self { source: Arc::clone(source), start, end }
    }

    /// Returns the source text.
    #[must_use]
    pub fn source(&self) -> &Arc<SourceFile> {
        &self.source
    }

    /// Returns the range in bytes.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// Returns the characters in the range.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.source.text()[self.start..self.end]
    }

    /// Returns the empty span at the start.
    #[must_use]
    pub fn beginning(&self) -> Self {
        Self { end: self.start, ..self.clone() }
    }

    /// Returns a sort key: by file, then by place; all arguments are equal and keep their order.
    pub(crate) fn order(&self) -> (&str, usize) {
        (self.source.path(), if self.source.is_argument { 0 } else { self.start })
    }

    /// Returns whether both are spans of the same text, even if it was read twice.
    #[must_use]
    pub fn is_beside(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.source, &other.source)
            || (self.source.path == other.source.path && self.source.text == other.source.text)
    }

    /// Returns the line, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.source.line_at(self.start).0
    }

    /// Returns the column in characters, from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        let (_, line) = self.source.line_at(self.start);
        1 + self.source.text()[line..self.start].chars().count()
    }
}

/// Formats as `pipelines/cnn.yaml:14:12`, or as the argument itself.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.source.is_argument {
            return f.write_str(self.source.text());
        }
        write!(f, "{}:{}:{}", self.source.path(), self.line(), self.column())
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl PartialEq for Span {
    fn eq(&self, other: &Self) -> bool {
        self.range() == other.range() && self.is_beside(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_from_one() {
        let source = SourceFile::file("a.yaml", "\u{feff}ä: 1\n\nb: ü2\n");
        let place = |at| {
            let span = Span::new(&source, at..at);
            (span.line(), span.column())
        };
        assert_eq!(place(0), (1, 1));
        assert_eq!(place(3), (1, 3));
        assert_eq!(place(5), (1, 5), "the line break belongs to its line");
        assert_eq!(place(6), (2, 1));
        assert_eq!(place(12), (3, 5));
        assert_eq!(place(14), (4, 1), "behind the last line break");
        let empty = SourceFile::file("b.yaml", "");
        assert_eq!((Span::new(&empty, 0..0).line(), Span::new(&empty, 0..0).column()), (1, 1));
    }
}
