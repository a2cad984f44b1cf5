//! What a node is called: a name and axes.
//!
//! `train[fold=1,seed=2]` is how the name `train` with the axes `fold` = 1 and `seed` = 2 is written. Programs read the
//! axes ([`NodeId::axis`]), people the text; a text leads back to its node through the graph ([`crate::Graph::find`]),
//! which knows the ids it is made of. Ids are never part of a key.

use std::borrow::Borrow;
use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// The id of a node. Cheap to clone. Two ids are equal when they are written alike.
#[derive(Clone)]
pub struct NodeId(Arc<Inner>);

struct Inner {
    text: String,
    /// The length of the name, with which the text begins.
    name: usize,
    axes: Vec<(&'static str, AxisValue)>,
}

/// Where a node lies on an axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AxisValue {
    /// At a number: a fold, a seed, a shard.
    Number(u64),
    /// At a name: a variant, a corpus.
    Name(String),
    /// At every number there will be: the node grows to one for each. Written `*`.
    Every,
}

impl NodeId {
    /// Makes the id of a node with a name and axes, written in this order.
    pub fn new(name: &str, axes: impl IntoIterator<Item = (&'static str, AxisValue)>) -> Self {
        let axes: Vec<_> = axes.into_iter().collect();
        let mut text = name.to_owned();
        for (number, (axis, value)) in axes.iter().enumerate() {
            // Writing to a string does not fail.
            let _ = write!(text, "{}{axis}={value}", if number == 0 { '[' } else { ',' });
        }
        if !axes.is_empty() {
            text.push(']');
        }
        Self(Arc::new(Inner { text, name: name.len(), axes }))
    }

    /// Returns the id as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Returns the name without the axes.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.text[..self.0.name]
    }

    /// Returns all axes, in the order they are written.
    #[must_use]
    pub fn axes(&self) -> &[(&'static str, AxisValue)] {
        &self.0.axes
    }

    /// Returns where the node lies on an axis; `None` where it does not have that axis.
    #[must_use]
    pub fn axis(&self, axis: &str) -> Option<&AxisValue> {
        self.0.axes.iter().find(|(known, _)| *known == axis).map(|(_, value)| value)
    }

    /// Returns the number at which the node lies on an axis; `None` where there is no such axis, or no single number.
    #[must_use]
    pub fn number(&self, axis: &str) -> Option<u64> {
        match self.axis(axis)? {
            AxisValue::Number(number) => Some(*number),
            AxisValue::Name(_) | AxisValue::Every => None,
        }
    }

    /// Returns this id with one axis set: in its place where it has it, else after the others.
    #[must_use]
    pub fn with(&self, axis: &'static str, value: impl Into<AxisValue>) -> Self {
        let mut axes = self.0.axes.clone();
        match axes.iter_mut().find(|(known, _)| *known == axis) {
            Some((_, known)) => *known = value.into(),
            None => axes.push((axis, value.into())),
        }
        Self::new(self.name(), axes)
    }

    /// Returns this id under another name.
    #[must_use]
    pub fn renamed(&self, name: &str) -> Self {
        Self::new(name, self.0.axes.iter().cloned())
    }

    /// Returns whether the node stands for one at every number of an axis.
    #[must_use]
    pub fn is_pattern(&self) -> bool {
        self.0.axes.iter().any(|(_, value)| *value == AxisValue::Every)
    }

    /// Returns what every text that the id matches begins with: the id up to its first `*`.
    pub(crate) fn literal_start(&self) -> &str {
        let mut len = self.0.name;
        for (axis, value) in &self.0.axes {
            // The bracket or comma, and the sign of equality.
            len += axis.len() + 2;
            match value {
                AxisValue::Every => break,
                AxisValue::Number(_) | AxisValue::Name(_) => len += value.to_string().len(),
            }
        }
        &self.0.text[..len]
    }

    /// Returns whether `text` is written like this id, any number standing for a `*`.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some(mut rest) = text.strip_prefix(self.name()) else { return false };
        for (number, (axis, value)) in self.0.axes.iter().enumerate() {
            let opens = if number == 0 { '[' } else { ',' };
            let after = rest.strip_prefix(opens).and_then(|rest| rest.strip_prefix(axis));
            let Some(after) = after.and_then(|rest| rest.strip_prefix('=')) else { return false };
            let after = match value {
                AxisValue::Every => {
                    let past = after.trim_start_matches(|digit: char| digit.is_ascii_digit());
                    (past.len() < after.len()).then_some(past)
                }
                AxisValue::Number(_) => after.strip_prefix(value.to_string().as_str()),
                AxisValue::Name(name) => after.strip_prefix(name.as_str()),
            };
            let Some(after) = after else { return false };
            rest = after;
        }
        rest == if self.0.axes.is_empty() { "" } else { "]" }
    }
}

impl fmt::Display for AxisValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => f.write_str(name),
            Self::Every => f.write_str("*"),
        }
    }
}

impl From<u64> for AxisValue {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for AxisValue {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<&str> for AxisValue {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<&str> for NodeId {
    /// Makes the id of a node without axes.
    fn from(name: &str) -> Self {
        Self::new(name, [])
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq for NodeId {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for NodeId {}

impl PartialOrd for NodeId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for NodeId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for NodeId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl Borrow<str> for NodeId {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for NodeId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_as_a_name_and_axes() {
        let id = NodeId::new("train", [("variant", "a,lr=2".into()), ("fold", 1_u32.into())]);
        assert_eq!(id.as_str(), "train[variant=a,lr=2,fold=1]");
        assert_eq!((id.name(), id.number("fold"), id.number("variant")), ("train", Some(1), None));
        assert_eq!(
            id.axis("variant"),
            Some(&AxisValue::Name("a,lr=2".into())),
            "whatever its name looks like"
        );
        assert_eq!(id.with("shard", 3_u32).as_str(), "train[variant=a,lr=2,fold=1,shard=3]");
        assert_eq!(
            id.with("fold", AxisValue::Every).renamed("split").as_str(),
            "split[variant=a,lr=2,fold=*]"
        );
        assert_eq!(NodeId::from("audio").as_str(), "audio");
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"train[variant=a,lr=2,fold=1]\"");
    }

    #[test]
    fn patterns_match_every_number() {
        let axes = [("variant", "fold=*".into()), ("fold", AxisValue::Every), ("seed", 1_u32.into())];
        let pattern = NodeId::new("train", axes);
        assert!(pattern.is_pattern() && !pattern.with("fold", 2_u32).is_pattern());
        assert!(pattern.matches("train[variant=fold=*,fold=12,seed=1]"));
        for other in [
            "train[variant=fold=*,fold=12,seed=2]",
            "train[variant=fold=*,fold=,seed=1]",
            "train[variant=fold=*,fold=*,seed=1]",
            "train[variant=fold=*,fold=1,seed=12]",
            "train[variant=fold=3,fold=1,seed=1]",
            "train[variant=fold=*,fold=1,seed=1",
            "trains[variant=fold=*,fold=1,seed=1]",
            "train",
        ] {
            assert!(!pattern.matches(other), "{other}");
        }
        assert!(NodeId::from("audio").matches("audio") && !NodeId::from("audio").matches("audio[shard=1]"));
    }
}
