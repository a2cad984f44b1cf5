//! `evaluate`: the figures of a variant, over all its folds and seeds.

use std::collections::BTreeMap;

use affekt_graph::Place;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::{Definition, Grain, InputPort, OutputPort, no_params, plain};
use crate::{Kind, kind};

/// The parameters, given by the experiment.
#[derive(Serialize, Deserialize)]
pub struct Params {
    /// The variant's id.
    pub variant: String,
    /// What tells it from the other variants.
    pub params: BTreeMap<String, Value>,
    /// The kind of its protocol.
    pub protocol: String,
    /// What every table must say about it, besides what its folds say.
    pub stamps: Vec<String>,
    /// Whether training chose by the dev part, its epoch above all. Where the test part's labels are withheld, figures are
    /// of the dev part, and a stamp says that they were chosen by what they measure.
    pub selected_on_dev: bool,
}

/// What every table says of figures of the rows that training chose by.
pub const SELECTED: &str = "selected on these rows";

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "evaluate",
    version: 4,
    about: "the figures of a variant, over all its folds and seeds",
    inputs: &[
        InputPort::many("predictions", &[Kind::Predictions]),
        InputPort::any("train", &[kind::TRAIN]),
        InputPort::optional("folds", &[Kind::Folds]),
    ],
    outputs: &[OutputPort::new("metrics", Kind::Metrics), OutputPort::new("predictions", Kind::Predictions)],
    params: no_params,
    grain: Grain::Whole,
    place: Place::Runner,
    seeded: false,
    source: false,
};

/// The parameters of the node for a variant.
#[must_use]
pub fn params(params: &Params) -> Value {
    plain(params)
}

#[cfg(feature = "host")]
pub(crate) fn run(job: &affekt_graph::Job) -> Result<(), affekt_graph::Failure> {
    use affekt_domain::{Role, Task};
    use affekt_eval::{Description, Training, evaluate};
    use affekt_graph::Failure;
    use affekt_table::predictions::{self, Predictions};

    let Params { variant, params, protocol, stamps, selected_on_dev } = crate::params(job)?;
    let mut all = Predictions { task: Task::Classes(Vec::new()), rows: Vec::new() };
    for object in job.open("predictions")? {
        let part = crate::table::read(&object, predictions::read)?;
        if !all.rows.is_empty() && all.task != part.task {
            return Err(Failure::Failed {
                message: "predictions of different classes or outputs cannot be pooled".into(),
            });
        }
        all.task = part.task;
        all.rows.extend(part.rows);
    }
    for row in &mut all.rows {
        row.variant.clone_from(&variant);
    }
    all.rows
        .sort_by(|a, b| (a.fold, a.seed, a.role, &a.utterance).cmp(&(b.fold, b.seed, b.role, &b.utterance)));
    let mut parts = Vec::new();
    for object in job.open("train")? {
        let rows = crate::table::read(&object, |file| affekt_table::rows::read(file, Role::Train))?;
        parts.push(rows);
    }
    let training = (!parts.is_empty()).then(|| {
        Training::new(parts.iter().flat_map(|rows| {
            rows.rows.iter().filter_map(|row| Some((rows.fold, row.corpus.as_str(), row.target.as_ref()?)))
        }))
    });
    let stamps = match job.open("folds")?.first() {
        Some(object) => united(crate::table::read(object, affekt_table::folds::read)?.stamps, stamps),
        None => stamps,
    };
    let about = Description { id: variant, params, protocol, stamps, task: all.task.clone() };
    let mut metrics =
        evaluate(about, &all.rows, training.as_ref()).map_err(|error| Failure::because(&error))?;
    if metrics.part == Role::Dev && selected_on_dev {
        metrics.about.stamps.push(SELECTED.to_owned());
    }
    crate::write_json(job.output("metrics")?, &metrics)?;
    predictions::write(job.output("predictions")?, &all).map_err(crate::table::unwritten)
}

/// `first`, and what `second` adds.
#[cfg(feature = "host")]
fn united(first: Vec<String>, second: Vec<String>) -> Vec<String> {
    let mut all = Vec::new();
    for stamp in first.into_iter().chain(second) {
        if !all.contains(&stamp) {
            all.push(stamp);
        }
    }
    all
}
