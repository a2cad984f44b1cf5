//! Body of `compare`.

use std::ops::ControlFlow;

use affekt_eval::{Candidate, EvalError, Measure, compare_watched};
use affekt_graph::{Context, Failure, Job};
use affekt_ops::compare::Params;
use affekt_table::predictions;

pub fn run(job: &Job, context: &mut dyn Context) -> Result<(), Failure> {
    let Params { primary, baseline } = affekt_ops::params(job)?;
    let measure = Measure::PRIMARY.into_iter().find(|measure| measure.name() == primary);
    let measure = measure.ok_or_else(|| Failure::Failed {
        message: format!(
            "variants cannot be compared by `{primary}`: expected one of {}",
            Measure::PRIMARY.map(Measure::name).join(", ")
        ),
    })?;
    let mut tables = Vec::new();
    for object in job.open("predictions")? {
        tables.push(affekt_ops::table::read(&object, predictions::read)?);
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
    let mut watch = |done: usize, total: usize| {
        context.progress(done as u64, total as u64, "resamples");
        if context.cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let compared = compare_watched(&candidates, measure, baseline.as_deref(), &mut watch);
    let comparison = compared.map_err(|error| match error {
        EvalError::Cancelled => Failure::Cancelled,
        error => Failure::because(&error),
    })?;
    crate::json::write(job.output("comparison")?, &comparison)
}
