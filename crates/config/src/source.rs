//! Source texts and places within them.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A source text: a file, or an argument of the command line.
#[derive(Debug)]
pub struct SourceFile {
    path: String,
    text: String,
    is_argument: bool,
}

impl SourceFile {
    /// Creates the source of a file, shown under `path`. A byte order mark is removed.
    #[must_use]
    pub fn file(path: &str, text: &str) -> Arc<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Arc::new(Self { path: path.to_owned(), text: text.to_owned(), is_argument: false })
    }

    /// Creates the source of a command-line argument, as typed: `--set protocol.seeds=[1,2]`.
    #[must_use]
    pub fn argument(text: &str) -> Arc<Self> {
        Arc::new(Self { path: "command line".to_owned(), text: text.to_owned(), is_argument: true })
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
        1 + self.source.text()[..self.start].matches('\n').count()
    }

    /// Returns the column in characters, from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        let before = &self.source.text()[..self.start];
        1 + before[before.rfind('\n').map_or(0, |newline| newline + 1)..].chars().count()
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
