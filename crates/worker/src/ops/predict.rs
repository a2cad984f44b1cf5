//! `predict`: what a trained network says about dev and test rows.

use affekt_domain::{Role, Task};
use affekt_features::Standardiser;
use affekt_graph::{Context, Failure, Job};
use affekt_models::Network;
use affekt_ops::feature_set::FeatureSet;
use affekt_ops::predict::Params;
use affekt_ops::table;
use affekt_table::predictions::Predictions;
use affekt_train::{BatchLimit, DevPart, Part, PartRole, TestPart};
use tch::Device;

use super::failed;
use super::feature_dataset::FeatureDataset;
use crate::artefact;
use crate::artefact::model::Card;

pub fn run(job: &Job, device: Device, context: &mut dyn Context) -> Result<(), Failure> {
    let Params { batch_size } = affekt_ops::params(job)?;
    let (card, weights) = artefact::read::<Card>(&job.open_one("model")?)?;
    let network = card.network(&weights, device)?;
    let features = FeatureSet::open(&job.open("features")?)?;
    let mut predictions = Predictions { task: card.task.clone(), rows: Vec::new() };
    let objects = job.open("rows")?;
    for (done, object) in objects.iter().enumerate() {
        let rows = table::read_predictable(object)?;
        if let Some(message) = unknown(&rows.task, &card.task) {
            return Err(Failure::Failed { message });
        }
        if rows.fold != card.fold {
            let message =
                format!("a model of fold {} must not predict rows of fold {}", card.fold, rows.fold);
            return Err(Failure::Failed { message });
        }
        let dataset = FeatureDataset::new(&features, &[&rows])?;
        let standardiser = card.standardise.as_ref();
        let role = rows.role.name();
        let progress = &mut |batches: usize, of: usize| {
            context.progress(done as u64, objects.len() as u64, &format!("{role} batch {batches}/{of}"));
        };
        let outputs = match rows.role {
            Role::Dev => outputs(&network, &DevPart::of(&dataset), standardiser, batch_size, progress)?,
            _ => outputs(&network, &TestPart::of(&dataset), standardiser, batch_size, progress)?,
        };
        predictions.rows.extend(
            rows.rows
                .into_iter()
                .zip(outputs)
                .map(|(row, outputs)| row.predicted(rows.fold, rows.role, card.seed, outputs)),
        );
    }
    affekt_table::predictions::write(job.output("predictions")?, &predictions).map_err(table::unwritten)
}

/// Describes what rows have that a model does not know. A model from elsewhere may know more classes than there are, in
/// another order.
fn unknown(rows: &Task, model: &Task) -> Option<String> {
    let fits = match (rows, model) {
        (Task::Classes(_), Task::Classes(_)) => {
            rows.names().iter().all(|class| model.names().contains(class))
        }
        _ => rows == model,
    };
    let [rows, model] = [rows, model].map(|task| task.names().join(", "));
    (!fits).then(|| format!("the rows have {rows}, and the model knows {model}"))
}

fn outputs<R: PartRole>(
    network: &Network,
    part: &Part<'_, R>,
    standardiser: Option<&Standardiser>,
    batch_size: usize,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Vec<f32>>, Failure> {
    let limit = BatchLimit::rows(batch_size);
    affekt_train::predict(network, part, standardiser, limit, progress).map_err(|error| failed(&error))
}
