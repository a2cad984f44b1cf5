//! `infer`: an exported network reads recordings that no experiment knows.

use std::path::{Path, PathBuf};

use affekt_encoders::of_network;
use affekt_graph::{Context, Failure, Job};
use affekt_models::Network;
use affekt_ops::exported::Exported;
use affekt_ops::feature_set::FeatureSet;
use affekt_ops::infer::{Outputs, Params};
use affekt_torch::{Checkpoint, NamedTensors};
use affekt_train::{BatchLimit, TestPart};
use tch::Device;

use super::feature_dataset::FeatureDataset;
use crate::artefact;
use crate::artefact::model::Card;

/// The network that was used last, by its folder: the next piece of a stream is for the same one.
pub type Cached = super::cached::Cached<PathBuf, Model>;

/// A network with its card.
#[derive(Debug)]
pub struct Model {
    card: Card,
    network: Network,
}

/// As many rows go through the network at once as the job holds; this is for memory.
const BATCH: usize = 32;

pub fn run(job: &Job, device: Device, cached: &Cached, context: &mut dyn Context) -> Result<(), Failure> {
    let Params { folder } = affekt_ops::params(job)?;
    let features = FeatureSet::open(&job.open("features")?)?;
    let recordings = FeatureDataset::unknown(&features)?;
    let part = TestPart::of(&recordings);
    let outputs: Outputs = cached.with(
        folder,
        |folder| load(folder, device),
        |Model { card, network }| {
            affekt_train::predict(
                network,
                &part,
                card.standardise.as_ref(),
                BatchLimit::rows(BATCH),
                &mut |done, total| context.progress(done as u64, total as u64, "batches"),
            )
            .map_err(|error| super::failed(&error))
        },
    )?;
    let bytes = serde_json::to_vec(&outputs).map_err(|error| Failure::because(&error))?;
    artefact::write_bytes(job, "outputs", &bytes)
}

fn load(folder: &Path, device: Device) -> Result<Model, Failure> {
    let exported = Exported::read(folder)?;
    let card: Card = serde_json::from_value(exported.card).map_err(|error| Failure::because(&error))?;
    let mut weights = NamedTensors::new();
    for file in exported.weights {
        let path = folder.join(&file.file);
        let failed = |why: &dyn std::error::Error| {
            let Failure::Failed { message } = Failure::because(why) else { return Failure::because(why) };
            Failure::Failed { message: format!("{}: {message}", path.display()) }
        };
        let bytes = std::fs::read(&path).map_err(|error| failed(&error))?;
        let checkpoint = Checkpoint::from_bytes(&bytes).map_err(|error| failed(&error))?;
        let own = checkpoint.tensors.into_iter().filter(|(name, _)| !file.without.contains(name));
        weights.extend(own.map(|(name, tensor)| (of_network(&format!("{}{name}", file.prefix)), tensor)));
    }
    let network = card.network(&weights, device)?;
    Ok(Model { card, network })
}
