//! `examples`: the manifests of all corpora, labelled by their schemes.

use std::collections::BTreeMap;

use affekt_domain::LabelScheme;
use affekt_spec::{Field, Limits, Schema, Spec};
use serde::{Deserialize, Serialize};

use crate::Kind;
use crate::operation::{Author, InputPort, Operation, OutputPort};

/// The parameters, given by the experiment's `labels`.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct Params {
    /// The scheme of each corpus, rules and all.
    pub schemes: Schemes,
}

/// Corpus → its label scheme.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Schemes(pub BTreeMap<String, LabelScheme>);

/// The operation.
pub struct Examples;

impl Operation for Examples {
    type Params = Params;

    const NAME: &'static str = "examples";
    const VERSION: u32 = 4;
    const ABOUT: &'static str = "the manifests of all corpora, labelled by their schemes";
    const INPUTS: &'static [InputPort] = &[InputPort::many("manifests", &[Kind::Manifest])];
    const OUTPUTS: &'static [OutputPort] = &[OutputPort::new("examples", Kind::Examples)];
    const AUTHOR: Author = Author::Experiment;
}

impl Spec for Schemes {
    fn schema(_: &Limits) -> Schema {
        Schema::Any { about: "The label scheme of each corpus." }
    }

    fn read(_: Field<'_>, _: &Limits) -> Option<Self> {
        None
    }
}
