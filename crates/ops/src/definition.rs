//! What the rest of the program knows about an op without running it.

use affekt_config::Section;
use affekt_graph::Place;
use serde_json::Value;

use crate::Kind;

/// An op: its name, ports, parameters and version.
pub struct Definition {
    /// Its name in pipelines.
    pub name: &'static str,
    /// Raised whenever the same inputs and parameters give other bytes than before.
    pub version: u32,
    /// What it does, in one line.
    pub about: &'static str,
    /// What it reads.
    pub inputs: &'static [InputPort],
    /// What it writes; the first is what a node's bare name stands for.
    pub outputs: &'static [OutputPort],
    /// Reads its parameters, defaults filled in. Mistakes go to the section's diagnostics.
    pub params: fn(&mut Section<'_>) -> Value,
    /// Whether it works utterance by utterance (and is run shard by shard) or on whatever it is given.
    pub grain: Grain,
    /// Where it runs.
    pub place: Place,
    /// Whether it draws random numbers.
    pub seeded: bool,
    /// Whether it reads something outside the graph, whose fingerprint enters its nodes' keys. (`audio` does not: which
    /// recordings it reads stands in its parameters, by their digests.)
    pub source: bool,
}

/// How finely an op's work is keyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    /// One node a shard of a few hundred utterances of what flows into its first port; all nodes read the same of the
    /// others.
    Shard,
    /// One node.
    Whole,
}

/// Something an op reads.
pub struct InputPort {
    /// Its name.
    pub name: &'static str,
    /// The kinds it takes.
    pub kinds: &'static [Kind],
    /// How many artefacts it takes.
    pub arity: Arity,
}

/// How many artefacts a port takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// Exactly one.
    One,
    /// One or none.
    Optional,
    /// Any number, at least one: shards, folds, seeds.
    Many,
    /// Any number or none.
    Any,
}

/// Something an op writes.
pub struct OutputPort {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

impl InputPort {
    pub(crate) const fn one(name: &'static str, kinds: &'static [Kind]) -> Self {
        Self { name, kinds, arity: Arity::One }
    }

    pub(crate) const fn optional(name: &'static str, kinds: &'static [Kind]) -> Self {
        Self { name, kinds, arity: Arity::Optional }
    }

    pub(crate) const fn many(name: &'static str, kinds: &'static [Kind]) -> Self {
        Self { name, kinds, arity: Arity::Many }
    }

    pub(crate) const fn any(name: &'static str, kinds: &'static [Kind]) -> Self {
        Self { name, kinds, arity: Arity::Any }
    }

    /// Whether a node works without it.
    #[must_use]
    pub const fn is_optional(&self) -> bool {
        matches!(self.arity, Arity::Optional | Arity::Any)
    }

    /// Whether it takes several artefacts.
    #[must_use]
    pub const fn takes_many(&self) -> bool {
        matches!(self.arity, Arity::Many | Arity::Any)
    }
}

impl OutputPort {
    pub(crate) const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind }
    }
}

/// The parameters of an op that has none.
pub(crate) fn no_params(_: &mut Section<'_>) -> Value {
    Value::Object(serde_json::Map::new())
}

/// Parameters as the plain data that keys and jobs carry.
pub(crate) fn plain(params: &impl serde::Serialize) -> Value {
    serde_json::to_value(params).unwrap_or_default()
}
