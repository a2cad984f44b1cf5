//! `picture`: spectrograms are drawn as pictures, over one range of decibels and one colour map.

use affekt_config::Section;
use affekt_features::Colours;
use affekt_graph::Place;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Kind;
use crate::definition::{Definition, Grain, InputPort, OutputPort, plain};

/// The parameters.
#[derive(Serialize, Deserialize)]
pub struct Params {
    /// Height and width in pixels.
    pub size: usize,
    /// The decibels that get the first colour and the last; what lies beyond gets the same.
    pub range_db: [f64; 2],
    /// The colours between.
    pub colours: Colours,
}

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "picture",
    version: 1,
    about: "spectrograms are drawn as pictures, over one range of decibels and one colour map",
    inputs: &[InputPort::one("features", &[Kind::Features])],
    outputs: &[OutputPort::new("pictures", Kind::Pictures)],
    params: read,
    grain: Grain::Shard,
    place: Place::Runner,
    seeded: false,
    source: false,
};

fn read(section: &mut Section<'_>) -> Value {
    let size = section.integer("size", 224, 8..=2048);
    let range_db = read_range(section).unwrap_or([-80.0, 0.0]);
    let colours = section.one_of("colours", Colours::Magma, &[("magma", Colours::Magma)]);
    plain(&Params { size, range_db, colours })
}

fn read_range(section: &mut Section<'_>) -> Option<[f64; 2]> {
    let field = section.field("range_db")?;
    let range = field.list();
    let [lowest, highest] = range.as_slice() else {
        field.expected("the decibels of the first and the last colour, such as [-80, 0]");
        return None;
    };
    let lowest = lowest.float(-1000.0..=999.0)?;
    Some([lowest, highest.float(lowest + LEAST_RANGE..=1000.0)?])
}

/// In decibels.
const LEAST_RANGE: f64 = 1.0;

#[cfg(feature = "host")]
pub(crate) fn run(
    job: &affekt_graph::Job,
    context: &mut dyn affekt_graph::Context,
) -> Result<(), affekt_graph::Failure> {
    use affekt_features::{Picture, PictureConfig};
    use affekt_graph::Failure;
    use affekt_table::features::Features;
    use affekt_table::pictures::PictureWriter;

    use crate::table::{failure, open, unwritten};

    let Params { size, range_db, colours } = crate::params(job)?;
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
    let config = PictureConfig { size, range_db: range_db.map(|db| db as f32), colours };
    let picture = Picture::new(&config, [bands, frames]).map_err(|error| Failure::because(&error))?;
    let mut writer = PictureWriter::create(job.output("pictures")?, picture.shape()).map_err(unwritten)?;
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
