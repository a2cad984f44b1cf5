//! `split`: the examples of one fold by role.
//!
//! Each role has its own output and with it its own kind, which is how ports keep test rows away from
//! whatever fits.

#[cfg(feature = "host")]
use affekt_domain::Role;
use affekt_graph::Place;
#[cfg(feature = "host")]
use affekt_graph::{Failure, Job};
#[cfg(feature = "host")]
use affekt_table::rows::{Row, Rows};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::{Definition, Grain, InputPort, OutputPort, no_params, plain};
use crate::{Kind, kind};

/// The parameters, given by the pipeline: one node a fold.
#[derive(Serialize, Deserialize)]
pub struct Params {
    /// The fold, from 1.
    pub fold: u32,
}

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "split",
    version: 3,
    about: "the examples of one fold by role",
    inputs: &[InputPort::one("examples", &[Kind::Examples]), InputPort::one("folds", &[Kind::Folds])],
    outputs: &[
        OutputPort::new("train", kind::TRAIN),
        OutputPort::new("dev", kind::DEV),
        OutputPort::new("test", kind::TEST),
    ],
    params: no_params,
    grain: Grain::Whole,
    place: Place::Runner,
    seeded: false,
    source: false,
};

/// The parameters of the node for a fold.
#[must_use]
pub fn params(fold: u32) -> Value {
    plain(&Params { fold })
}

#[cfg(feature = "host")]
pub(crate) fn run(job: &Job) -> Result<(), Failure> {
    let Params { fold } = crate::params(job)?;
    let examples = crate::table::read_port(job, "examples", affekt_table::examples::read)?;
    let folds = crate::table::read_port(job, "folds", affekt_table::folds::read)?;
    let found = folds.folds.iter().find(|candidate| candidate.number() == fold);
    let found = found.ok_or_else(|| Failure::Failed { message: format!("there is no fold {fold}") })?;
    for role in Role::ALL {
        let of_role = examples.examples.iter().filter(|e| found.role(&e.utterance.id) == Some(role));
        let rows = of_role.map(|example| Row {
            utterance: example.utterance.id.clone(),
            target: example.target.clone(),
            corpus: example.utterance.corpus.clone(),
            speaker: example.utterance.speaker.clone(),
            session: example.utterance.session.clone(),
            sex: example.utterance.sex,
            style: example.utterance.style.clone(),
        });
        let rows = Rows { role, fold, task: examples.task.clone(), rows: rows.collect() };
        affekt_table::rows::write(job.output(role.name())?, &rows).map_err(crate::table::unwritten)?;
    }
    Ok(())
}
