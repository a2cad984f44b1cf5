//! `folds`: a protocol gives every example a role in every fold, and the result is audited.
//!
//! The audit looks at the rows themselves, whatever made them. What the protocol forbids fails the node.

use affekt_graph::Place;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Kind;
use crate::definition::{Definition, Grain, InputPort, OutputPort, no_params, plain};

/// The parameters, given by the experiment's `protocol` and its permissions. The corpus crate defines all of them.
#[derive(Serialize, Deserialize)]
pub struct Params {
    /// The protocol.
    pub protocol: Value,
    /// What must not stand in two roles of a fold.
    pub disjoint: Value,
    /// What is permitted nevertheless.
    pub permitted: Value,
}

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "folds",
    version: 2,
    about: "a protocol gives every example a role in every fold, and the result is audited",
    inputs: &[InputPort::one("examples", &[Kind::Examples])],
    outputs: &[OutputPort::new("folds", Kind::Folds), OutputPort::new("audit", Kind::Audit)],
    params: no_params,
    grain: Grain::Whole,
    place: Place::Runner,
    seeded: false,
    source: false,
};

/// The parameters of the node for a protocol and the rules that its folds are held to.
#[must_use]
pub fn params(protocol: &impl Serialize, disjoint: &impl Serialize, permitted: &impl Serialize) -> Value {
    plain(&Params { protocol: plain(protocol), disjoint: plain(disjoint), permitted: plain(permitted) })
}

#[cfg(feature = "host")]
pub(crate) fn run(job: &affekt_graph::Job) -> Result<(), affekt_graph::Failure> {
    use std::collections::BTreeSet;

    use affekt_corpus::{describe_leaks, what_to_do};
    use affekt_graph::Failure;
    use affekt_spec::protocol::{Permission, Protocol, Rules, Sharing};
    use affekt_table::folds::Folds;

    let Params { protocol, disjoint, permitted } = crate::params(job)?;
    let parsed: Protocol = read(protocol.clone())?;
    let rules = Rules::new(read::<BTreeSet<Sharing>>(disjoint)?, read::<BTreeSet<Permission>>(permitted)?);
    let examples = crate::table::read_port(job, "examples", affekt_table::examples::read)?.examples;
    let folds = affekt_corpus::folds(&parsed, &examples).map_err(|error| Failure::because(&error))?;
    let audit = affekt_corpus::audit(&folds, &examples, &rules.forbidden());
    let stamps: BTreeSet<String> = parsed.stamps().into_iter().chain(audit.stamps()).collect();
    let table = Folds { protocol: protocol.to_string(), stamps: stamps.into_iter().collect(), folds };
    affekt_table::folds::write(job.output("folds")?, &table).map_err(crate::table::unwritten)?;
    crate::write_json(job.output("audit")?, &audit)?;
    let leaks = audit.leaks(&rules);
    if leaks.is_empty() {
        return Ok(());
    }
    let (rows, try_this) = (describe_leaks(&leaks).join("\n  "), what_to_do(&leaks));
    let message = format!("the folds share what they must not: {try_this}\n  {rows}");
    Err(Failure::Failed { message })
}

/// A parameter as the corpus crate understands it.
#[cfg(feature = "host")]
fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, affekt_graph::Failure> {
    serde_json::from_value(value).map_err(|error| affekt_graph::Failure::because(&error))
}
