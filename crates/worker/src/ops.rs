//! The ops that need libtorch: one file each.

mod bottleneck;
mod cached;
mod embed;
mod feature_dataset;
mod infer;
mod kmeans;
mod labels;
mod predict;
mod pretrain;
mod pretraining;
mod progress;
mod state_model;
mod states;
mod train;
mod trial;

use std::collections::BTreeMap;
use std::time::Duration;

use affekt_domain::Digest;
use affekt_graph::{Context, Failure, Job, Node, Ops};
use affekt_torch::device::{DeviceChoice, set_threads};
use affekt_train::{Resume, TrainError};
use tch::Device;

/// The worker's ops, and what they keep from one job for the next.
#[derive(Debug, Default)]
pub struct WorkerOps {
    base: bottleneck::Cached,
    embedder: embed::Cached,
    model: infer::Cached,
}

impl WorkerOps {
    /// The ops it runs, with their versions.
    #[must_use]
    pub fn versions() -> BTreeMap<String, u32> {
        use affekt_ops::{
            bottleneck, embed, infer, kmeans, predict, pretrain, state_model, states, train, trial,
        };
        let ops = [
            &bottleneck::DEFINITION,
            &embed::DEFINITION,
            &state_model::DEFINITION,
            &states::DEFINITION,
            &kmeans::DEFINITION,
            &pretrain::DEFINITION,
            &train::DEFINITION,
            &trial::DEFINITION,
            &predict::DEFINITION,
            &infer::DEFINITION,
        ];
        ops.into_iter().map(|op| (op.name.to_owned(), op.version)).collect()
    }
}

impl Ops for WorkerOps {
    fn fingerprint(&self, node: &Node, _: bool, _: &mut dyn Context) -> Result<Option<Digest>, Failure> {
        Err(Failure::Failed { message: format!("a worker reads nothing outside the graph: `{}`", node.op) })
    }

    fn run(&self, job: &Job, context: &mut dyn Context) -> Result<(), Failure> {
        let device = device(job)?;
        // Shards come one after the other; when they are over, their encoder only takes room.
        if job.op != "embed" {
            self.embedder.forget();
        }
        if job.op != "bottleneck" {
            self.base.forget();
        }
        match job.op.as_str() {
            "bottleneck" => bottleneck::run(job, device, &self.base, context),
            "embed" => embed::run(job, device, &self.embedder, context),
            "state-model" => state_model::run(job, device, context),
            "states" => states::run(job, device, context),
            "kmeans" => kmeans::run(job, device, context),
            "pretrain" => pretrain::run(job, device, context),
            "train" => train::run(job, device, context),
            "trial" => trial::run(job, device, context),
            "predict" => predict::run(job, device, context),
            "infer" => infer::run(job, device, &self.model),
            other => Err(Failure::Failed { message: format!("the worker has no op `{other}`") }),
        }
    }
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

/// How often a training writes down where it is.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);

/// Where a job keeps the state to resume from, if anywhere.
fn resume(job: &Job) -> Option<Resume> {
    job.state.clone().map(|folder| Resume { folder, every: CHECKPOINT_EVERY })
}

fn failed(error: &TrainError) -> Failure {
    match error {
        TrainError::Cancelled(_) => Failure::Cancelled,
        other => Failure::because(other),
    }
}

#[cfg(test)]
mod tests;
