//! Where a text came from, and a place in it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A text that was read: a file, or an argument of the command line.
#[derive(Debug)]
pub struct SourceFile {
    path: String,
    text: String,
    is_argument: bool,
}

impl SourceFile {
    /// A file, under the path that the person sees. A byte order mark is left out.
    #[must_use]
    pub fn file(path: &str, text: &str) -> Arc<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Arc::new(Self { path: path.to_owned(), text: text.to_owned(), is_argument: false })
    }

    /// An argument as the person typed it: `--set protocol.seeds=[1,2]`.
    #[must_use]
    pub fn argument(text: &str) -> Arc<Self> {
        Arc::new(Self { path: "command line".to_owned(), text: text.to_owned(), is_argument: true })
    }

    /// The path as the person sees it; `command line` for an argument.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A stretch of a text. Cheap to clone.
#[derive(Clone)]
pub struct Span {
    source: Arc<SourceFile>,
    start: usize,
    end: usize,
}

impl Span {
    /// The bytes `range` of `source`, moved outwards to whole characters and inwards to the text.
    #[must_use]
    pub fn new(source: &Arc<SourceFile>, range: Range<usize>) -> Self {
        let text = source.text();
        let start = text.floor_char_boundary(range.start);
        let end = text.ceil_char_boundary(range.end).max(start);
        Self { source: Arc::clone(source), start, end }
    }

    /// The text it is a stretch of.
    #[must_use]
    pub fn source(&self) -> &Arc<SourceFile> {
        &self.source
    }

    /// The stretch, in bytes.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// The characters it covers.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.source.text()[self.start..self.end]
    }

    /// The empty stretch at its start.
    #[must_use]
    pub fn beginning(&self) -> Self {
        Self { end: self.start, ..self.clone() }
    }

    /// Sorts by file, then by place; arguments stay in the order of finding.
    pub(crate) fn order(&self) -> (&str, usize) {
        (self.source.path(), if self.source.is_argument { 0 } else { self.start })
    }

    /// Whether both are stretches of the same text, be it read once or twice.
    #[must_use]
    pub fn is_beside(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.source, &other.source)
            || (self.source.path == other.source.path && self.source.text == other.source.text)
    }

    /// Its line, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        1 + self.source.text()[..self.start].matches('\n').count()
    }

    /// Its column in characters, from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        let before = &self.source.text()[..self.start];
        1 + before[before.rfind('\n').map_or(0, |newline| newline + 1)..].chars().count()
    }
}

/// `pipelines/cnn.yaml:14:12`, or the argument itself.
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
