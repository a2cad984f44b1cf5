//! Body of `evaluate`.

use affekt_domain::{Role, Task};
use affekt_eval::{Description, Training, evaluate};
use affekt_graph::{Failure, Job};
use affekt_ops::evaluate::{Params, SELECTED};
use affekt_table::predictions::{self, Predictions};

pub fn run(job: &Job) -> Result<(), Failure> {
    let Params { variant, params, protocol, stamps, selected_on_dev } = affekt_ops::params(job)?;
    let mut all = Predictions { task: Task::Classes(Vec::new()), rows: Vec::new() };
    for object in job.open("predictions")? {
        let part = affekt_ops::table::read(&object, predictions::read)?;
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
        let rows = affekt_ops::table::read(&object, |file| affekt_table::rows::read(file, Role::Train))?;
        parts.push(rows);
    }
    let training = (!parts.is_empty()).then(|| {
        Training::new(parts.iter().flat_map(|rows| {
            rows.rows.iter().filter_map(|row| Some((rows.fold, row.corpus.as_str(), row.target.as_ref()?)))
        }))
    });
    let stamps = match job.open("folds")?.first() {
        Some(object) => united(affekt_ops::table::read(object, affekt_table::folds::read)?.stamps, stamps),
        None => stamps,
    };
    let params = params.0;
    let about = Description { id: variant, params, protocol, stamps, task: all.task.clone() };
    let mut metrics =
        evaluate(about, &all.rows, training.as_ref()).map_err(|error| Failure::because(&error))?;
    if metrics.part == Role::Dev && selected_on_dev {
        metrics.about.stamps.push(SELECTED.to_owned());
    }
    crate::json::write(job.output("metrics")?, &metrics)?;
    predictions::write(job.output("predictions")?, &all).map_err(affekt_ops::table::unwritten)
}

/// `first`, and what `second` adds.
fn united(first: Vec<String>, second: Vec<String>) -> Vec<String> {
    let mut all = Vec::new();
    for stamp in first.into_iter().chain(second) {
        if !all.contains(&stamp) {
            all.push(stamp);
        }
    }
    all
}
