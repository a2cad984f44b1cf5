//! The folder of a run: `runs/<experiment>/<run id>/`, and the link `latest` beside it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use affekt_atomic::{link_atomically, write_atomically};
use affekt_corpus::EncoderAudit;
use affekt_eval::{Metrics, VariantMetrics};
use affekt_graph::{Failure, Listed, Listing, NodeId, State, Walk};
use affekt_ops::Purpose;
use affekt_pipeline::{RunPart, Training, Trainings};
use affekt_table::TableError;
use affekt_table::predictions::{self, Predictions};
use affekt_table::{examples, folds, history};
use chrono::{DateTime, Utc};

use crate::context::ExperimentContext;
use crate::encoder_audit::encoders;
use crate::exit::{Stop, error};
use crate::finished;
use crate::out::say;
use crate::progress::Summary;
use crate::report;

/// A run folder being filled.
pub struct RunFolder {
    path: PathBuf,
    id: String,
    started: DateTime<Utc>,
    begun: Instant,
}

impl RunFolder {
    /// Makes the folder of a new run.
    pub fn create(context: &ExperimentContext) -> Result<Self, Stop> {
        let started = Utc::now();
        let stem = started.format("%Y%m%d-%H%M%S").to_string();
        fs::create_dir_all(context.runs()).map_err(|cause| unmade(context.runs(), &cause))?;
        let mut id = stem.clone();
        let mut number = 1;
        let path = loop {
            let path = context.runs().join(&id);
            match fs::create_dir(&path) {
                Ok(()) => break path,
                Err(cause) if cause.kind() == std::io::ErrorKind::AlreadyExists => {
                    number += 1;
                    id = format!("{stem}-{number}");
                }
                Err(cause) => return Err(unmade(&path, &cause)),
            }
        };
        let resolved = &context.experiment.resolved;
        write_text(&path.join("resolved.yaml"), &resolved.experiment)?;
        for (name, text) in &resolved.beside {
            let file = path.join(name);
            let folder = file.parent().unwrap_or(&path);
            fs::create_dir_all(folder).map_err(|cause| unmade(folder, &cause))?;
            write_text(&file, text)?;
        }
        Ok(Self { path, id, started, begun: Instant::now() })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// When the run began.
    pub fn started(&self) -> DateTime<Utc> {
        self.started
    }

    /// For how long it has been running, in seconds.
    pub fn seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// Writes everything a finished run leaves behind.
    pub fn write(&self, context: &ExperimentContext, walk: &Walk<'_>, summary: &Summary) -> Result<(), Stop> {
        let finished = Finished { context, walk };
        let mut variants = Vec::new();
        let mut by_task: Vec<Predictions> = Vec::new();
        for variant in &context.experiment.variants {
            let Some(evaluate) = &variant.evaluate else { continue };
            let mut metrics: VariantMetrics = finished.json(evaluate, "metrics")?;
            // In no key, as the same settings by hand give the same figures: it is said here, for every table.
            let profile = context.experiment.profile.as_ref();
            metrics.about.stamps.extend(profile.map(|name| format!("made with profile `{name}`")));
            metrics.about.stamps.extend(context.left_out());
            let parted = finished.table(&variant.folds, "folds", folds::read)?;
            let labelled = finished.table(&variant.examples, "examples", examples::read)?;
            // Nor is what encoders were trained on.
            let audits = encoders(context, variant, &parted.folds, &labelled.examples);
            let stamps: BTreeSet<String> = audits.iter().flat_map(EncoderAudit::stamps).collect();
            metrics.about.stamps.extend(stamps);
            variants.push(metrics);
            let part = finished.table(evaluate, "predictions", predictions::read)?;
            match by_task.iter_mut().find(|known| known.task == part.task) {
                None => by_task.push(part),
                Some(known) => known.rows.extend(part.rows),
            }
        }
        if by_task.is_empty() {
            return Err(Stop::failed(
                "error: the pipeline has no `evaluate` node, so there is nothing to report",
            ));
        }
        let compared = context.experiment.compare.as_ref().map(|node| finished.json(node, "comparison"));
        let mut metrics = Metrics::new(context.experiment.name.clone(), variants);
        metrics.comparisons = compared.transpose()?;
        let text = metrics.to_json().map_err(|cause| error("failed to write metrics.json", &cause))?;
        write_text(&self.path.join("metrics.json"), &text)?;
        for (number, predictions) in by_task.iter().enumerate() {
            self.write_predictions(number, predictions)?;
        }
        self.write_submissions(&finished)?;
        self.write_trainings(&finished)?;

        let page = report::assemble(self, &finished, metrics, summary)?;
        write_text(&self.path.join("report.html"), &affekt_report::html(&page))?;
        write_text(&self.path.join("report.md"), &affekt_report::markdown(&page))?;
        let tables = self.path.join("tables");
        fs::create_dir_all(&tables).map_err(|cause| error("failed to make the tables' folder", &cause))?;
        if let Some(text) = affekt_report::method_latex(&page) {
            write_text(&tables.join("method-text.tex"), &text)?;
        }
        for (name, text) in affekt_report::tables(&page) {
            write_text(&tables.join(name), &text)?;
        }
        affekt_report::tensorboard(&self.path.join("tensorboard"), &page)
            .map_err(|cause| error("failed to write TensorBoard's files", &cause))
    }

    /// Writes predictions of one task. A table has one list of classes or outputs: where variants have different ones, those
    /// of the first are `predictions.arrow`, of the next `predictions-2.arrow`.
    fn write_predictions(&self, number: usize, predictions: &Predictions) -> Result<(), Stop> {
        let name = match number {
            0 => "predictions.arrow".to_owned(),
            _ => format!("predictions-{}.arrow", number + 1),
        };
        write_atomically(&self.path.join(&name), |aside| predictions::write(aside, predictions))
            .map_err(|cause: TableError| error(&format!("failed to write {name}"), &cause))
    }

    /// Puts what goes to the organisers of a competition into `submissions/`, a file a node.
    fn write_submissions(&self, finished: &Finished<'_>) -> Result<(), Stop> {
        let folder = self.path.join("submissions");
        for node in finished.walk.graph().nodes().values() {
            let is_submission = |op: &&affekt_ops::Definition| op.purpose == Purpose::Submit;
            let Some(definition) = affekt_ops::find(&node.op).filter(is_submission) else { continue };
            let object = finished.object(&node.id, definition.outputs[0].name)?;
            fs::create_dir_all(&folder)
                .and_then(|()| fs::copy(object.path(), folder.join(format!("{}.csv", node.id))))
                .map_err(|cause| error(&format!("failed to copy `{}`", node.id), &cause))?;
        }
        Ok(())
    }

    /// Writes what became of every training, from which final models take their epochs.
    fn write_trainings(&self, finished: &Finished<'_>) -> Result<(), Stop> {
        let mut trainings = Vec::new();
        for variant in &finished.context.experiment.variants {
            for RunPart { node, fold, seed } in variant.trainings(finished.walk) {
                let epochs = finished.table(&node, "history", history::read)?;
                let kept = epochs.iter().rev().find(|epoch| epoch.kept).or(epochs.last());
                let kept_epoch = kept.map_or(0, |epoch| epoch.number);
                trainings.push(Training { variant: variant.id.clone(), fold, seed, kept_epoch });
            }
        }
        let trainings = Trainings { version: Trainings::VERSION, trainings };
        let text = serde_json::to_string_pretty(&trainings)
            .map_err(|cause| error("failed to write trainings.json", &cause))?;
        write_text(&self.path.join(Trainings::FILE), &text)
    }

    /// Has the store keep what the run is made of, and points `latest` here.
    pub fn finish(&self, walk: &Walk<'_>) -> Result<(), Stop> {
        let keys = walk.states().values().filter_map(|state| match state {
            State::Done { record: Some(record), .. } => Some(record.key),
            _ => None,
        });
        let folder = self.path.canonicalize().map_err(|cause| unmade(&self.path, &cause))?;
        let listing = Listing::new(finished::name(&folder), Some(folder), keys.collect());
        // A store that may only be read is tidied up by others.
        if let Err(error) = walk.store().list(Listed::Run, &listing) {
            say!("warning: {error}; `cache gc --max-size` may drop what this run is made of");
        }
        link_atomically(Path::new(&self.id), &self.path.with_file_name("latest"))
            .map_err(|cause| error("failed to link the latest run", &cause))
    }
}

/// A walk in which every node has its result.
pub struct Finished<'f> {
    pub context: &'f ExperimentContext,
    pub walk: &'f Walk<'f>,
}

impl Finished<'_> {
    /// An output that is a table.
    pub fn table<T>(
        &self,
        node: &NodeId,
        output: &str,
        read: impl FnOnce(&affekt_table::TableFile) -> Result<T, TableError>,
    ) -> Result<T, Stop> {
        Ok(affekt_ops::table::read(&self.object(node, output)?, read)?)
    }

    /// An output that is a JSON file.
    pub fn json<T: serde::de::DeserializeOwned>(&self, node: &NodeId, output: &str) -> Result<T, Stop> {
        let object = self.object(node, output)?;
        let bytes = object.all().map_err(Failure::from)?;
        serde_json::from_slice(bytes).map_err(|cause| error(&format!("failed to read `{node}`"), &cause))
    }

    /// The stored object of an output.
    pub fn object(&self, node: &NodeId, output: &str) -> Result<affekt_graph::Object, Stop> {
        let state = self.walk.graph().find(node).map(|at| &self.walk.states()[at]);
        let Some(State::Done { record: Some(record), .. }) = state else {
            return Err(Stop::failed(format!("error: node `{node}` has no result")));
        };
        let digest = record.output(output).map(|output| output.digest);
        let digest =
            digest.ok_or_else(|| Stop::failed(format!("error: `{node}` has no output `{output}`")))?;
        Ok(self.context.store.object(digest).map_err(Failure::from)?)
    }
}

fn unmade(folder: &Path, cause: &std::io::Error) -> Stop {
    error(&format!("failed to make the run folder {}", folder.display()), cause)
}

fn write_text(path: &Path, text: &str) -> Result<(), Stop> {
    write_atomically(path, |unfinished| fs::write(unfinished, text))
        .map_err(|cause| error(&format!("failed to write {}", path.display()), &cause))
}
