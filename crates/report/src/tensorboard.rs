//! Training histories as TensorBoard event files, one folder per training run.
//!
//! An event file is a sequence of records: length (u64), masked CRC-32C of the length, the bytes of a protobuf
//! `Event`, masked CRC-32C of the bytes, all little-endian (tensorflow/core/lib/io/record_writer.h). The messages
//! are the part of event.proto and summary.proto that scalars need.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use affekt_domain::{Epoch, Stage};
use prost::Message;

use crate::report::{History, Report};
use crate::slug::Slugs;

/// An error of writing an event file.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the TensorBoard log {}: check that the folder is writable and the disk is not full", path.display())]
pub struct TensorboardError {
    /// The file or folder.
    pub path: PathBuf,
    /// The cause.
    pub source: io::Error,
}

/// Writes the epochs of every training run to `folder/<variant>/fold=<fold>,seed=<seed>/`. Files of the same report are
/// replaced.
///
/// # Errors
/// Fails if a folder or file cannot be written.
pub fn tensorboard(folder: &Path, report: &Report) -> Result<(), TensorboardError> {
    let started = report.run.started.timestamp();
    let mut slugs = Slugs::default();
    for variant in &report.variants {
        let slug = slugs.unique(&variant.metrics.about.id);
        for history in &variant.histories {
            let folder = folder.join(&slug).join(format!("fold={},seed={}", history.fold, history.seed));
            let path = folder.join(format!("events.out.tfevents.{started:010}.affekt"));
            fs::create_dir_all(&folder)
                .and_then(|()| write(&path, started as f64, history))
                .map_err(|source| TensorboardError { path, source })?;
        }
    }
    Ok(())
}

fn write(path: &Path, wall_time: f64, history: &History) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let version = Event { wall_time, file_version: Some("brain.Event:2".to_owned()), ..Event::default() };
    record(&mut file, &version.encode_to_vec())?;
    for epoch in &history.epochs {
        let event = Event {
            wall_time,
            step: i64::from(epoch.number),
            file_version: None,
            summary: Some(Summary { values: scalars(epoch) }),
        };
        record(&mut file, &event.encode_to_vec())?;
    }
    file.flush()
}

fn scalars(epoch: &Epoch) -> Vec<Scalar> {
    let values = [
        ("loss/train", Some(epoch.train_loss)),
        ("loss/dev", epoch.dev_loss),
        ("train/accuracy", epoch.train_accuracy),
        ("dev/accuracy", epoch.dev_accuracy),
        ("dev/uar", epoch.dev_uar),
        ("dev/ccc", epoch.dev_ccc),
        ("learning_rate", Some(epoch.learning_rate)),
    ];
    // Epochs are numbered from 1 again in a refit: its curves are shown beside those of the search.
    let prefix = if epoch.stage == Stage::Refit { "refit/" } else { "" };
    let scalar = |(tag, value): (&str, Option<f64>)| {
        Some(Scalar { tag: format!("{prefix}{tag}"), value: value? as f32 })
    };
    values.into_iter().filter_map(scalar).collect()
}

fn record(out: &mut impl Write, data: &[u8]) -> io::Result<()> {
    let length = (data.len() as u64).to_le_bytes();
    out.write_all(&length)?;
    out.write_all(&masked_crc(&length).to_le_bytes())?;
    out.write_all(data)?;
    out.write_all(&masked_crc(data).to_le_bytes())
}

/// Computes the masked CRC: a plain CRC of data that contains CRCs is a weak one.
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Scalar>,
}

#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, tag = "2")]
    value: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What tensorboard 2.21.0 writes for the same events (`tensorboard.summary.writer.record_writer.RecordWriter` with
    /// `Event.SerializeToString()`).
    const REFERENCE: &str = "1800000000000000a37f4b22090000000065cdcd411a0d627261696e2e4576656e743a32f4eb195e\
                             36000000000000004f578cef090000000065cdcd4110032a290a110a0a6c6f73732f747261696e15\
                             0000003f0a140a0d6c6561726e696e675f72617465150000803e64b5b89d";

    #[test]
    fn bytes_are_tensorboard_s() {
        let epoch = Epoch {
            stage: Stage::Search,
            number: 3,
            learning_rate: 0.25,
            train_loss: 0.5,
            train_accuracy: None,
            dev_loss: None,
            dev_accuracy: None,
            dev_uar: None,
            dev_ccc: None,
            kept: false,
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        write(&path, 1e9, &History { fold: 1, seed: 1, epochs: vec![epoch] }).unwrap();
        let hex: String = fs::read(&path).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, REFERENCE);
    }
}
