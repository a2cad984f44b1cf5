//! YAML values with their places.

use crate::Span;

/// A value with its place. Nodes are equal if their values are, wherever they stand.
#[derive(Debug, Clone)]
pub struct Node {
    /// The place; of a block, from its first character to its last.
    pub span: Span,
    /// The value.
    pub value: Value,
}

/// A key of a mapping with its place. Keys are equal if their names are.
#[derive(Debug, Clone)]
pub struct Key {
    /// The place.
    pub span: Span,
    /// The name as written: `64` and `no` are ordinary names.
    pub name: String,
}

/// A YAML value. Numbers are finite.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer: `12`, `0x1f`.
    Integer(i64),
    /// A number with a point or an exponent: `0.5`, `3e-5`.
    Float(f64),
    /// Anything else, and anything in quotes.
    Text(String),
    /// `[a, b]`, or lines that start with a dash.
    List(Vec<Node>),
    /// `{ key: value }`, or lines of `key: value`; in the order of the file, without duplicate keys.
    Map(Vec<(Key, Node)>),
}

impl Node {
    /// Returns the value under `key`, if this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|(known, _)| known.name == key).map(|(_, node)| node)
    }

    /// Returns the value at a dotted path below this node; keys may contain dots themselves, and the longest one counts.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else { return None };
        let mut found: Vec<_> = entries
            .iter()
            .filter_map(|(key, node)| match path.strip_prefix(&key.name)? {
                "" => Some((key.name.len(), node)),
                rest => Some((key.name.len(), node.at(rest.strip_prefix('.')?)?)),
            })
            .collect();
        found.sort_by_key(|(length, _)| *length);
        found.pop().map(|(_, node)| node)
    }

    /// Returns the text, if this is text.
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
