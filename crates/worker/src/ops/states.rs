//! `states`: what a frame-level teacher makes of every frame of the training rows.

use std::error::Error;

use affekt_domain::Role;
use affekt_graph::{Context, Failure, Job};
use affekt_ops::feature_set::FeatureSet;
use affekt_ops::states::{Params, Precision};
use affekt_ops::table;
use affekt_table::rows;
use affekt_table::states::{self, StateWriter};
use affekt_torch::f_upload;
use affekt_train::{Dataset, ahead};
use tch::{Device, Kind, TchError, Tensor};

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
    let mut rows: Vec<usize> = (0..dataset.len()).collect();
    rows.dedup_by_key(|row| dataset.name(*row));
    // One at a time: a wav2vec's norms are over whole rows.
    let clip = |&row: &usize| -> Result<Tensor, TchError> {
        f_upload(&Tensor::f_from_slice(dataset.values(row))?.f_unsqueeze(0)?, device)
    };
    let mut done = 0;
    ahead(&rows, clip, |&row, clip| {
        if context.cancelled() {
            return Err(Failure::Cancelled);
        }
        context.progress(done, rows.len() as u64, "recordings");
        done += 1;
        let name = dataset.name(row);
        let failed = |error: &dyn Error| Failure::Failed { message: format!("`{name}`: {error}") };
        let clip = clip.map_err(|error| failed(&error))?;
        let (states, _) =
            network.states(&clip, &[dataset.values(row).len()]).map_err(|error| failed(&error))?;
        let states = states.to_device(Device::Cpu).to_kind(Kind::Float).flatten(0, -1);
        let values = Vec::<f32>::try_from(states).map_err(|error| Failure::because(&error))?;
        writer.push(name, &values).map_err(table::unwritten)
    })?;
    writer.finish().map_err(table::unwritten)
}
