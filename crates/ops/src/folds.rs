//! `folds`: a protocol gives every example a role in every fold, and the result is audited.
//!
//! The audit looks at the rows themselves, whatever made them. What the protocol forbids fails the node.

use affekt_graph::Place;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Kind;
use crate::definition::{Definition, Grain, InputPort, OutputPort, no_params, plain};

/// The parameters, given by the experiment's `protocol`.
#[derive(Serialize, Deserialize)]
pub struct Params {
    /// The protocol, as the corpus crate defines it.
    pub protocol: Value,
}

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "folds",
    version: 1,
    about: "a protocol gives every example a role in every fold, and the result is audited",
    inputs: &[InputPort::one("examples", &[Kind::Examples])],
    outputs: &[OutputPort::new("folds", Kind::Folds), OutputPort::new("audit", Kind::Audit)],
    params: no_params,
    grain: Grain::Whole,
    place: Place::Runner,
    seeded: false,
};

/// The parameters of the node for a protocol.
#[must_use]
pub fn params(protocol: &impl Serialize) -> Value {
    plain(&Params { protocol: plain(protocol) })
}

#[cfg(feature = "host")]
pub(crate) fn run(job: &affekt_graph::Job) -> Result<(), affekt_graph::Failure> {
    use affekt_corpus::Protocol;
    use affekt_graph::Failure;
    use affekt_table::folds::Folds;

    let Params { protocol } = crate::params(job)?;
    let parsed: Protocol =
        serde_json::from_value(protocol.clone()).map_err(|error| Failure::because(&error))?;
    let examples = crate::table::read_port(job, "examples", affekt_table::examples::read)?.examples;
    let folds = affekt_corpus::folds(&parsed, &examples).map_err(|error| Failure::because(&error))?;
    let audit = affekt_corpus::audit(&folds, &examples).map_err(|error| Failure::because(&error))?;
    let table = Folds { protocol: protocol.to_string(), stamps: parsed.stamps(), folds };
    affekt_table::folds::write(job.output("folds")?, &table).map_err(crate::table::unwritten)?;
    crate::write_json(job.output("audit")?, &audit)?;
    let leaks = audit.leaks(&parsed);
    if leaks.is_empty() {
        return Ok(());
    }
    let rows: Vec<String> = leaks.iter().map(|leak| format!("\n  {leak}")).collect();
    Err(Failure::Failed { message: format!("the folds leak what their protocol forbids:{}", rows.concat()) })
}
