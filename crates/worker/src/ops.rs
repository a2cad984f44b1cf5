//! The ops that need libtorch.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use affekt_domain::{Digest, Prediction, Role, Stage, Target, Task};
use affekt_features::Standardiser;
use affekt_graph::{Context, Failure, Job, Node, Object, Ops};
use affekt_models::{InputShape, NetworkConfig};
use affekt_ops::feature_set::{At, FeatureSet};
use affekt_ops::{predict, standardise, table, train};
use affekt_table::predictions::Predictions;
use affekt_table::rows::{self, Rows};
use affekt_torch::device::{DeviceChoice, set_threads};
use affekt_train::{
    BatchLimit, DevPart, Examples, Part, PartRole, Progress, Refit, Resume, StateOutcome, TestPart,
    TrainConfig, TrainError, Training, TrainingPart,
};
use serde::Deserialize;
use tch::Device;

use crate::model::{self, Card};

/// How often a training writes down where it is.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);

/// The worker's ops.
#[derive(Debug, Clone, Copy)]
pub struct WorkerOps;

impl WorkerOps {
    /// The ops it runs, with their versions.
    #[must_use]
    pub fn versions(self) -> BTreeMap<String, u32> {
        let ops = [&train::DEFINITION, &predict::DEFINITION];
        ops.into_iter().map(|op| (op.name.to_owned(), op.version)).collect()
    }
}

impl Ops for WorkerOps {
    fn fingerprint(&self, node: &Node, _: bool, _: &mut dyn Context) -> Result<Option<Digest>, Failure> {
        Err(Failure::Failed { message: format!("a worker reads nothing outside the graph: `{}`", node.op) })
    }

    fn run(&self, job: &Job, context: &mut dyn Context) -> Result<(), Failure> {
        let device = device(job)?;
        match job.op.as_str() {
            "train" => fit(job, device, context),
            "predict" => score(job, device, context),
            other => Err(Failure::Failed { message: format!("the worker has no op `{other}`") }),
        }
    }
}

/// The parameters of `train`, of which the planner only knows the words.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrainParams {
    network: NetworkConfig,
    training: TrainConfig,
    /// Whether the rows that choose the epoch are test rows: only ever set by an experiment's
    /// `unsafe: [selection-on-test]`.
    #[serde(default)]
    select_on_test: bool,
}

fn fit(job: &Job, device: Device, context: &mut dyn Context) -> Result<(), Failure> {
    let params: TrainParams = affekt_ops::params(job)?;
    let seed = job.seed.ok_or_else(|| Failure::Failed { message: "training needs a seed".into() })?;
    let train_rows = table::read_port(job, "train", |file| rows::read(file, Role::Train))?;
    let dev_rows =
        job.open("dev")?.first().map(|object| selecting(object, params.select_on_test)).transpose()?;
    let classes = classes(&train_rows)?;
    let mut tables = vec![&train_rows];
    tables.extend(&dev_rows);
    let features = FeatureSet::open(&job.open("features")?)?;
    let examples = Featured::new(&features, &tables)?;
    let trained_on = TrainingPart::of(&examples);
    let selected_on = dev_rows.as_ref().map(|_| DevPart::of(&examples));
    let together = match (&dev_rows, params.training.refit) {
        (Some(_), Refit::BestEpochsWithDev) if params.select_on_test => {
            let message = "`refit: best-epochs-with-dev` would train on the test rows that chose the epoch: \
                           refit on `best-epochs`, or choose on a dev part";
            return Err(Failure::Failed { message: message.into() });
        }
        (Some(dev), Refit::BestEpochsWithDev) => Some(Rows { role: Role::Train, ..dev.clone() }),
        _ => None,
    };
    let together = together.as_ref().map(|dev| Featured::new(&features, &[&train_rows, dev])).transpose()?;
    let refitted_on = together.as_ref().map(|examples| TrainingPart::of(examples));

    let standardiser = job.open("standardise")?.first().map(standardise::read).transpose()?;
    if let Some(fitted) = standardiser.as_ref().filter(|fitted| fitted.fold != train_rows.fold) {
        let (own, other) = (train_rows.fold, fitted.fold);
        let message = format!("a standardiser of fold {other} must not be used to train in fold {own}");
        return Err(Failure::Failed { message });
    }
    let standardiser = standardiser.map(|fitted| fitted.standardiser);
    let resume = job.state.clone().map(|folder| Resume { folder, every: CHECKPOINT_EVERY });
    let training = Training {
        network: &params.network,
        config: &params.training,
        encoder: None,
        task: &train_rows.task,
        seed,
        trained_on: &trained_on,
        selected_on: selected_on.as_ref(),
        refitted_on: refitted_on.as_ref(),
        standardiser: standardiser.as_ref(),
        device,
        resume: resume.as_ref(),
    };
    let mut epochs = u64::from(params.training.max_epochs);
    let trained = affekt_train::train(&training, &mut |progress| {
        match progress {
            Progress::Batch { stage, epoch, max_epochs, done, total, loss } => {
                epochs = u64::from(max_epochs);
                let loss = loss.map_or_else(String::new, |loss| format!(", loss {loss:.3}"));
                let note = format!("{}epoch {epoch}, batch {done}/{total}{loss}", prefix(stage));
                context.progress(u64::from(epoch - 1), epochs, &note);
            }
            Progress::OutOfMemory { stage, epoch, batch, parts } => {
                let note = format!(
                    "{}epoch {epoch}, batch {batch}: memory is used up, going on with batches in {parts} parts",
                    prefix(stage)
                );
                context.progress(u64::from(epoch - 1), epochs, &note);
            }
            Progress::Epoch(epoch) => {
                let dev = epoch.dev_loss.map_or_else(String::new, |loss| format!(", dev loss {loss:.3}"));
                let stage = prefix(epoch.stage);
                let note = format!("{stage}epoch {}, loss {:.3}{dev}", epoch.number, epoch.train_loss);
                context.progress(u64::from(epoch.number), epochs, &note);
            }
        }
        ControlFlow::Continue(())
    });
    let trained = trained.map_err(|error| failed(&error))?;
    if let StateOutcome::Ignored(why) = &trained.state {
        context.progress(epochs, epochs, &format!("an unusable checkpoint was passed over: {why}"));
    }
    let card = Card {
        version: model::VERSION,
        network: params.network.clone(),
        classes: classes.to_vec(),
        shape: features.shape()?,
        standardise: standardiser,
        parameters: trained.parameters,
        fold: train_rows.fold,
        seed,
        training_rows: trained.trained_rows,
        epochs: trained.history.len() as u32,
        stage: trained.stage,
        kept_epoch: trained.kept_epoch,
    };
    let bytes = model::to_bytes(&card, trained.weights)?;
    let path = job.output("model")?;
    std::fs::write(path, bytes).map_err(|error| Failure::unwritten(path, &error))?;
    affekt_table::history::write(job.output("history")?, &trained.history).map_err(table::unwritten)
}

/// What stands before a training's progress.
fn prefix(stage: Stage) -> &'static str {
    match stage {
        Stage::Search => "",
        Stage::Refit => "refit, ",
    }
}

fn score(job: &Job, device: Device, context: &mut dyn Context) -> Result<(), Failure> {
    let predict::Params { batch_size } = affekt_ops::params(job)?;
    let (card, weights) = model::read(&job.open_one("model")?)?;
    let mut network = card
        .network
        .build(&InputShape::Frames(card.shape), card.classes.len(), card.seed, device)
        .map_err(|error| Failure::because(&error))?;
    network.load(&weights).map_err(|error| Failure::because(&error))?;
    let features = FeatureSet::open(&job.open("features")?)?;
    let mut predictions = Predictions { task: Task::Classes(card.classes.clone()), rows: Vec::new() };
    let objects = job.open("rows")?;
    for (done, object) in objects.iter().enumerate() {
        context.progress(done as u64, objects.len() as u64, "parts");
        let rows = table::read_predictable(object)?;
        if rows.task != predictions.task {
            return Err(Failure::Failed { message: "the rows have other classes than the model".into() });
        }
        if rows.fold != card.fold {
            let message =
                format!("a model of fold {} must not predict rows of fold {}", card.fold, rows.fold);
            return Err(Failure::Failed { message });
        }
        let examples = Featured::new(&features, &[&rows])?;
        let standardiser = card.standardise.as_ref();
        let scores = match rows.role {
            Role::Dev => scores(&network, &DevPart::of(&examples), standardiser, batch_size)?,
            _ => scores(&network, &TestPart::of(&examples), standardiser, batch_size)?,
        };
        predictions.rows.extend(rows.rows.into_iter().zip(scores).map(|(row, scores)| Prediction {
            variant: String::new(),
            utterance: row.utterance,
            corpus: row.corpus,
            speaker: row.speaker,
            session: row.session,
            sex: row.sex,
            fold: rows.fold,
            seed: card.seed,
            role: rows.role,
            truth: row.target,
            outputs: scores,
        }));
    }
    affekt_table::predictions::write(job.output("predictions")?, &predictions).map_err(table::unwritten)
}

fn scores<R: PartRole>(
    network: &affekt_models::Network,
    part: &Part<'_, R>,
    standardiser: Option<&Standardiser>,
    batch_size: usize,
) -> Result<Vec<Vec<f32>>, Failure> {
    affekt_train::predict(network, part, standardiser, BatchLimit::rows(batch_size))
        .map_err(|error| failed(&error))
}

/// The rows that choose the epoch. Test rows are read as such where the experiment allows it, and nowhere else.
fn selecting(object: &Object, on_test: bool) -> Result<Rows, Failure> {
    if on_test {
        return Ok(Rows { role: Role::Dev, ..table::read_predictable(object)? });
    }
    table::read(object, |file| rows::read(file, Role::Dev))
}

/// The classes of rows, of which there must be some.
fn classes(rows: &Rows) -> Result<&[String], Failure> {
    rows.task.classes().ok_or_else(|| Failure::Failed {
        message:
            "networks are trained on classes, and these rows have values: use a label scheme with classes"
                .into(),
    })
}

fn device(job: &Job) -> Result<Device, Failure> {
    let threads = job.numerics.get("threads").and_then(|threads| threads.parse().ok());
    set_threads(threads.unwrap_or(1));
    let choice = match job.numerics.get("device").map(String::as_str) {
        Some("cuda") => DeviceChoice::Cuda(0),
        _ => DeviceChoice::Cpu,
    };
    choice.resolve().map_err(|error| Failure::because(&error))
}

fn failed(error: &TrainError) -> Failure {
    match error {
        TrainError::Cancelled(_) => Failure::Cancelled,
        other => Failure::because(other),
    }
}

/// Rows of tables with their features: what training and prediction read.
struct Featured<'f> {
    features: &'f FeatureSet,
    rows: Vec<FeaturedRow<'f>>,
    shape: [usize; 2],
}

/// The class of rows whose label is withheld, which are only ever predicted: no class, to whoever would train on it.
const UNKNOWN: i64 = -1;

struct FeaturedRow<'f> {
    at: At,
    class: i64,
    name: &'f str,
    speaker: &'f str,
    role: Role,
}

impl<'f> Featured<'f> {
    /// Training rows come with their augmented copies, others without. Every frame is verified here, once.
    fn new(features: &'f FeatureSet, tables: &[&'f Rows]) -> Result<Self, Failure> {
        let shape = features.shape()?;
        let mut rows = Vec::new();
        for table in tables {
            let classes = classes(table)?;
            for row in &table.rows {
                let class = row.target.as_ref().and_then(Target::class);
                let class = class.and_then(|class| classes.iter().position(|known| known == class));
                if class.is_none() && table.role != Role::Test {
                    let message =
                        format!("`{}` has no label: nothing can be fitted or chosen by it", row.utterance);
                    return Err(Failure::Failed { message });
                }
                let copies = features.copies(&row.utterance)?;
                let wanted = if table.role == Role::Train { usize::MAX } else { 1 };
                for &at in copies.iter().take(wanted) {
                    features.frames(at)?;
                    rows.push(FeaturedRow {
                        at,
                        class: class.map_or(UNKNOWN, |class| class as i64),
                        name: &row.utterance,
                        speaker: &row.speaker,
                        role: table.role,
                    });
                }
            }
        }
        Ok(Self { features, rows, shape })
    }
}

impl Examples for Featured<'_> {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn input(&self) -> InputShape {
        InputShape::Frames(self.shape)
    }

    fn values(&self, row: usize) -> &[f32] {
        // Read once already; what fails now (a vanished mapping) comes out as an error about its length.
        self.features.frames(self.rows[row].at).unwrap_or(&[])
    }

    fn target(&self, row: usize) -> affekt_train::Target<'_> {
        affekt_train::Target::Class(self.rows[row].class)
    }

    fn name(&self, row: usize) -> &str {
        self.rows[row].name
    }

    fn speaker(&self, row: usize) -> &str {
        self.rows[row].speaker
    }

    fn role(&self, row: usize) -> Option<Role> {
        Some(self.rows[row].role)
    }
}

#[cfg(test)]
mod tests;
