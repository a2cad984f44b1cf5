//! The ops that need libtorch: one file each.

mod bottleneck;
mod cached;
mod device;
mod embed;
mod feature_dataset;
mod fp32_convolutions;
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
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use affekt_domain::Digest;
use affekt_graph::{Context, Failure, Job, Node, Ops};
use affekt_ops::Operation;
use affekt_ops::bottleneck::Bottleneck;
use affekt_ops::embed::Embed;
use affekt_ops::infer::Infer;
use affekt_ops::kmeans::Kmeans;
use affekt_ops::predict::Predict;
use affekt_ops::pretrain::Pretrain;
use affekt_ops::state_model::FrameTeacher;
use affekt_ops::states::States;
use affekt_ops::train::Train;
use affekt_ops::trial::Trial;
use affekt_train::{Resume, TrainError};
use tch::Device;

use self::fp32_convolutions::Reporting;

/// The worker's ops, and what they keep from one job for the next.
#[derive(Debug, Default)]
pub struct WorkerOps {
    base: bottleneck::Cached,
    embedder: embed::Cached,
    model: infer::Cached,
}

/// The body of an operation.
type Body = fn(&Job, Device, &WorkerOps, &mut dyn Context) -> Result<(), Failure>;

/// All bodies, by the operation's name.
const BODIES: &[(&str, Body)] = &[
    (Bottleneck::NAME, |job, device, ops, context| bottleneck::run(job, device, &ops.base, context)),
    (Embed::NAME, |job, device, ops, context| embed::run(job, device, &ops.embedder, context)),
    (FrameTeacher::NAME, |job, device, _, context| state_model::run(job, device, context)),
    (States::NAME, |job, device, _, context| states::run(job, device, context)),
    (Kmeans::NAME, |job, device, _, context| kmeans::run(job, device, context)),
    (Pretrain::NAME, |job, device, _, context| pretrain::run(job, device, context)),
    (Train::NAME, |job, device, _, context| train::run(job, device, context)),
    (Trial::NAME, |job, device, _, context| trial::run(job, device, context)),
    (Predict::NAME, |job, device, _, context| predict::run(job, device, context)),
    (Infer::NAME, |job, device, ops, context| infer::run(job, device, &ops.model, context)),
];

impl WorkerOps {
    /// Returns the operations it runs, with their versions.
    #[must_use]
    pub fn versions() -> BTreeMap<String, u32> {
        let definitions = BODIES.iter().filter_map(|(name, _)| affekt_ops::find(name));
        definitions.map(|definition| (definition.name.to_owned(), definition.version)).collect()
    }

    /// Gives up what was kept for another operation than this: shards come one after the other, and when they are over, their
    /// encoder only takes room.
    fn forget_others(&self, op: &str) {
        if op != Embed::NAME {
            self.embedder.forget();
        }
        if op != Bottleneck::NAME {
            self.base.forget();
        }
    }
}

impl Ops for WorkerOps {
    fn fingerprint(&self, node: &Node, _: bool, _: &mut dyn Context) -> Result<Option<Digest>, Failure> {
        Err(Failure::Failed { message: format!("a worker reads nothing outside the graph: `{}`", node.op) })
    }

    fn run(&self, job: &Job, context: &mut dyn Context) -> Result<(), Failure> {
        let device = device::of(job)?;
        device::begin(device, context)?;
        self.forget_others(&job.op);
        let body = BODIES.iter().find(|(name, _)| *name == job.op).map(|(_, body)| body);
        let body = body.ok_or_else(|| Failure::Failed {
            message: format!("the worker has no operation `{}`", job.op),
        })?;
        let mut reporting = Reporting::new(context);
        let result = catch_unwind(AssertUnwindSafe(|| body(job, device, self, &mut reporting)));
        reporting.report();
        device::end(device, result, context)
    }
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
