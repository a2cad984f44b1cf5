//! `states`: what a frame-level teacher makes of every frame of the training rows.

use affekt_domain::Role;
use affekt_graph::{Context, Failure, Job};
use affekt_ops::feature_set::FeatureSet;
use affekt_ops::states::{Params, Precision};
use affekt_ops::table;
use affekt_table::rows;
use affekt_table::states::{self, StateWriter};
use affekt_train::Dataset;
use tch::{Device, Kind, Tensor};

use super::feature_dataset::FeatureDataset;
use crate::artefact::frame_teacher;

pub fn run(job: &Job, device: Device, context: &mut dyn Context) -> Result<(), Failure> {
    let params: Params = affekt_ops::params(job)?;
    let (network, fold) = frame_teacher::read(&job.open_one("model")?, device)?;
    let train_rows = table::read_port(job, "train", |file| rows::read(file, Role::Train))?;
    if fold != train_rows.fold {
        let own = train_rows.fold;
        let message = format!("a frame-level teacher of fold {fold} must not be used in fold {own}");
        return Err(Failure::Failed { message });
    }
    let features = FeatureSet::open(&job.open("waveforms")?)?;
    let dataset = FeatureDataset::new(&features, &[&train_rows])?;
    let precision = match params.precision {
        Precision::Fp16 => states::Precision::F16,
        Precision::Fp32 => states::Precision::F32,
    };
    let path = job.output("states")?;
    let mut writer = StateWriter::create(path, network.width(), precision).map_err(table::unwritten)?;
    // Originals alone: what noise does to a recording is not to make clusters of its own.
    let mut last = None;
    for row in 0..dataset.len() {
        if context.cancelled() {
            return Err(Failure::Cancelled);
        }
        context.progress(row as u64, dataset.len() as u64, "recordings");
        let name = dataset.name(row);
        if last.replace(name) == Some(name) {
            continue;
        }
        // One at a time: a wav2vec's norms are over whole rows.
        let samples = dataset.values(row);
        let clip = Tensor::from_slice(samples).view([1, samples.len() as i64]).to_device(device);
        let (states, _) = network
            .states(&clip, &[samples.len()])
            .map_err(|error| Failure::Failed { message: format!("`{name}`: {error}") })?;
        let states = states.to_device(Device::Cpu).to_kind(Kind::Float).flatten(0, -1);
        let values = Vec::<f32>::try_from(states).map_err(|error| Failure::because(&error))?;
        writer.push(name, &values).map_err(table::unwritten)?;
    }
    writer.finish().map_err(table::unwritten)
}
