//! A YAML value that knows its place.

use crate::Span;

/// A value and where it stands. Two nodes are equal when their values are, wherever they stand.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it stands; for a block, from its first character to its last.
    pub span: Span,
    /// What it is.
    pub value: Value,
}

/// A key of a mapping and where it stands. Two keys are equal when their names are.
#[derive(Debug, Clone)]
pub struct Key {
    /// Where it stands.
    pub span: Span,
    /// The name, as written: `64` and `no` are names like any other.
    pub name: String,
}

/// What a node is. Numbers are finite.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number: `12`, `0x1f`.
    Integer(i64),
    /// A number with a point or an exponent: `0.5`, `3e-5`.
    Float(f64),
    /// Anything else, and whatever is in quotes.
    Text(String),
    /// `[a, b]`, or lines that begin with a dash.
    List(Vec<Node>),
    /// `{ key: value }`, or lines of `key: value`; in the order of the file, no key twice.
    Map(Vec<(Key, Node)>),
}

impl Node {
    /// The value under `key`, where this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|(known, _)| known.name == key).map(|(_, node)| node)
    }

    /// The text, where this is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
