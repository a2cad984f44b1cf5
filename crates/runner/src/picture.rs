//! Body of `picture`.

use affekt_features::{SpectrogramImage, SpectrogramImageConfig};
use affekt_graph::{Context, Failure, Job};
use affekt_ops::picture::Params;
use affekt_ops::table::{failure, open, unwritten};
use affekt_table::features::Features;
use affekt_table::spectrogram_images::SpectrogramImageWriter;

pub fn run(job: &Job, context: &mut dyn Context) -> Result<(), Failure> {
    let Params { size, range_db, colours } = affekt_ops::params(job)?;
    let object = job.open_one("features")?;
    let failed = |error| failure(&object, error);
    let features = Features::open(open(&object)?).map_err(failed)?;
    let &[bands, frames] = features.shape() else {
        let message = format!(
            "features of shape {:?} cannot be drawn: expected bands and frames, as `logmel` gives them",
            features.shape()
        );
        return Err(Failure::Failed { message });
    };
    let config = SpectrogramImageConfig { size, range_db: range_db.map(|db| db as f32), colours };
    let picture =
        SpectrogramImage::new(&config, [bands, frames]).map_err(|error| Failure::because(&error))?;
    let mut writer =
        SpectrogramImageWriter::create(job.output("pictures")?, picture.shape()).map_err(unwritten)?;
    for row in 0..features.len() {
        if context.cancelled() {
            return Err(Failure::Cancelled);
        }
        context.progress(row as u64, features.len() as u64, "recordings");
        let utterance = features.utterance(row).map_err(failed)?;
        let copy = features.copy(row).map_err(failed)?;
        let pixels = picture.draw(features.frames(row).map_err(failed)?);
        writer.push(utterance, copy, &pixels).map_err(unwritten)?;
    }
    writer.finish().map_err(unwritten)
}
