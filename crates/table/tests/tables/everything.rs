//! Reads every row and column of a table of any kind.

use std::sync::Arc;

use affekt_domain::Role;
use affekt_table::features::Features;
use affekt_table::pseudo_labels::PseudoLabelTable;
use affekt_table::spectrogram_images::SpectrogramImages;
use affekt_table::states::States;
use affekt_table::waveforms::Waveforms;
use affekt_table::{
    TableError, TableFile, examples, folds, history, manifest, predictions, problems, ratings, rows,
};

/// Reads everything in a table.
pub fn read(bytes: Vec<u8>) -> Result<(), TableError> {
    let file = TableFile::open(Arc::new(bytes))?;
    match file.kind() {
        "manifest" => manifest::read(&file).map(drop),
        "problems" => problems::read(&file).map(drop),
        "ratings" => ratings::read(&file).map(drop),
        "examples" => examples::read(&file).map(drop),
        "folds" => folds::read(&file).map(drop),
        "rows/dev" => rows::read(&file, Role::Dev).map(drop),
        "rows/test" => rows::read(&file, Role::Test).map(drop),
        "predictions" => predictions::read(&file).map(drop),
        "history" => history::read(&file).map(drop),
        "waveforms" => {
            let table = Waveforms::open(file)?;
            (0..table.len().min(1_000)).try_for_each(|row| {
                table.utterance(row)?;
                table.copy(row)?;
                table.samples(row).map(|samples| assert!(samples.len() < 1_000_000))
            })
        }
        "features" => {
            let table = Features::open(file)?;
            (0..table.len().min(1_000)).try_for_each(|row| {
                table.utterance(row)?;
                table.copy(row)?;
                table.frames(row).map(|frames| assert!(!frames.is_empty()))
            })
        }
        "pictures" => {
            let table = SpectrogramImages::open(file)?;
            (0..table.len().min(1_000)).try_for_each(|row| {
                table.utterance(row)?;
                table.copy(row)?;
                let size: usize = table.shape().iter().product();
                table.pixels(row).map(|pixels| assert_eq!(pixels.len(), size))
            })
        }
        "states" => {
            let table = States::open(file)?;
            (0..table.len().min(1_000)).try_for_each(|row| {
                table.utterance(row)?;
                let n_frames = table.n_frames(row)?;
                let mut frames = vec![0.0; n_frames * table.width()];
                table.read(row, 0..n_frames, &mut frames)
            })
        }
        "pseudo-labels" => {
            let table = PseudoLabelTable::open(file)?;
            (0..table.len().min(1_000)).try_for_each(|row| {
                table.utterance(row)?;
                let n_frames = table.n_frames(row)?;
                table.clusters().iter().enumerate().try_for_each(|(which, k)| {
                    let ids = table.ids(row, which)?;
                    assert!(ids.len() == n_frames && ids.iter().all(|id| usize::from(*id) < *k));
                    Ok(())
                })
            })
        }
        other => Err(TableError::Malformed(format!("unknown kind {other}"))),
    }
}
