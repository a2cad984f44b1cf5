//! `folds`: a protocol gives every example a role in every fold, and the result is audited.
//!
//! The audit looks at the rows themselves, whatever made them. What the protocol forbids fails the node.

use std::collections::BTreeSet;

use affekt_spec::Spec;
use affekt_spec::protocol::{Permission, Protocol, Sharing};

use crate::Kind;
use crate::operation::{Author, InputPort, Operation, OutputPort};

/// The parameters, given by the experiment's `protocol` and its permissions.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct Params {
    /// The protocol.
    pub protocol: Protocol,
    /// What must not stand in two roles of a fold.
    pub disjoint: BTreeSet<Sharing>,
    /// What is permitted nevertheless.
    pub permitted: BTreeSet<Permission>,
}

/// The operation.
pub struct Folds;

impl Operation for Folds {
    type Params = Params;

    const NAME: &'static str = "folds";
    const VERSION: u32 = 2;
    const ABOUT: &'static str =
        "a protocol gives every example a role in every fold, and the result is audited";
    const INPUTS: &'static [InputPort] = &[InputPort::one("examples", &[Kind::Examples])];
    const OUTPUTS: &'static [OutputPort] =
        &[OutputPort::new("folds", Kind::Folds), OutputPort::new("audit", Kind::Audit)];
    const AUTHOR: Author = Author::Experiment;
}
