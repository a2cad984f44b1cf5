//! `compare`: which differences between variants other speakers would bear out.

use affekt_graph::Place;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Kind;
use crate::definition::{Definition, Grain, InputPort, OutputPort, no_params, plain};

/// The parameters, given by the experiment.
#[derive(Serialize, Deserialize)]
pub struct Params {
    /// The figure that is compared: `uar`, `wa`, `macro_f1` or `ccc`. Variants of a task that does not have it are compared
    /// by UAR or CCC.
    pub primary: String,
    /// The variant that every other is compared with; without one, each is compared with each.
    pub baseline: Option<String>,
}

/// The op. Its port holds one table a variant, as `evaluate` finished it, in the order of the experiment.
pub const DEFINITION: Definition = Definition {
    name: "compare",
    version: 2,
    about: "which differences between variants other speakers would bear out",
    inputs: &[InputPort::many("predictions", &[Kind::Predictions])],
    outputs: &[OutputPort::new("comparison", Kind::Comparison)],
    params: no_params,
    grain: Grain::Whole,
    place: Place::Runner,
    seeded: false,
    source: false,
};

/// The parameters of the node for an experiment.
#[must_use]
pub fn params(params: &Params) -> Value {
    plain(params)
}

#[cfg(feature = "host")]
pub(crate) fn run(job: &affekt_graph::Job) -> Result<(), affekt_graph::Failure> {
    use affekt_eval::{Candidate, Measure, compare};
    use affekt_graph::Failure;
    use affekt_table::predictions;

    let Params { primary, baseline } = crate::params(job)?;
    let measure = Measure::PRIMARY.into_iter().find(|measure| measure.name() == primary);
    let measure = measure.ok_or_else(|| Failure::Failed {
        message: format!(
            "variants cannot be compared by `{primary}`: expected one of {}",
            Measure::PRIMARY.map(Measure::name).join(", ")
        ),
    })?;
    let mut tables = Vec::new();
    for object in job.open("predictions")? {
        tables.push(crate::table::read(&object, predictions::read)?);
    }
    let mut candidates = Vec::new();
    for table in &tables {
        let id = table.rows.first().map_or("", |row| row.variant.as_str());
        if let Some(other) = table.rows.iter().find(|row| row.variant != id) {
            return Err(Failure::Failed {
                message: format!(
                    "a table holds the variants `{id}` and `{}`: expected one a table",
                    other.variant
                ),
            });
        }
        candidates.push(Candidate { id, task: &table.task, predictions: &table.rows });
    }
    let comparison =
        compare(&candidates, measure, baseline.as_deref()).map_err(|error| Failure::because(&error))?;
    crate::write_json(job.output("comparison")?, &comparison)
}
