//! The shards of a feature, of waveforms or of pictures, read as one: utterance → values or pixels.

use std::collections::{BTreeMap, HashMap};

use affekt_graph::{Failure, Object};
use affekt_table::features::{self, Features};
use affekt_table::spectrogram_images::{self, SpectrogramImages};
use affekt_table::waveforms::{self, Waveforms};
use affekt_table::{TableError, TableFile};

use crate::table;

/// Where a row lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    shard: u32,
    row: u32,
}

/// All shards of a feature, of waveforms or of pictures, mapped.
pub struct FeatureSet {
    shards: Vec<(Object, Shard)>,
    /// The rows of each utterance, the original first, then its augmented copies in order.
    index: HashMap<String, Vec<At>>,
    layout: Layout,
}

/// What every row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// Values of this shape, such as `[128, 94]`.
    Frames(Vec<usize>),
    /// Samples at this rate, another number in every row.
    Waveforms {
        /// In Hz.
        rate: u32,
    },
    /// Pixels: channels, height and width.
    Pictures([usize; 3]),
}

/// One table.
enum Shard {
    Frames(Features),
    Waveforms(Waveforms),
    Pictures(SpectrogramImages),
}

impl Shard {
    fn open(file: TableFile) -> Result<Self, TableError> {
        match file.kind() {
            waveforms::KIND => Ok(Self::Waveforms(Waveforms::open(file)?)),
            spectrogram_images::KIND => Ok(Self::Pictures(SpectrogramImages::open(file)?)),
            _ => Ok(Self::Frames(Features::open(file)?)),
        }
    }

    fn layout(&self) -> Layout {
        match self {
            Self::Frames(features) => Layout::Frames(features.shape().to_vec()),
            Self::Waveforms(waveforms) => Layout::Waveforms { rate: waveforms.rate() },
            Self::Pictures(pictures) => Layout::Pictures(pictures.shape()),
        }
    }

    const fn len(&self) -> usize {
        match self {
            Self::Frames(features) => features.len(),
            Self::Waveforms(waveforms) => waveforms.len(),
            Self::Pictures(pictures) => pictures.len(),
        }
    }

    /// The utterance of a row, and which copy of it the row is.
    fn row(&self, row: usize) -> Result<(&str, i32), TableError> {
        match self {
            Self::Frames(features) => Ok((features.utterance(row)?, features.copy(row)?)),
            Self::Waveforms(waveforms) => Ok((waveforms.utterance(row)?, waveforms.copy(row)?)),
            Self::Pictures(pictures) => Ok((pictures.utterance(row)?, pictures.copy(row)?)),
        }
    }

    fn values(&self, row: usize) -> Result<&[f32], TableError> {
        match self {
            Self::Frames(features) => features.frames(row),
            Self::Waveforms(waveforms) => waveforms.samples(row),
            Self::Pictures(_) => Err(another_kind(features::KIND, spectrogram_images::KIND)),
        }
    }

    fn pixels(&self, row: usize) -> Result<&[u8], TableError> {
        match self {
            Self::Pictures(pictures) => pictures.pixels(row),
            Self::Frames(_) => Err(another_kind(spectrogram_images::KIND, features::KIND)),
            Self::Waveforms(_) => Err(another_kind(spectrogram_images::KIND, waveforms::KIND)),
        }
    }
}

impl FeatureSet {
    /// Opens the shards and notes which utterances they hold.
    ///
    /// # Errors
    /// When one is damaged, they are not all alike, or there is none.
    pub fn open(objects: &[Object]) -> Result<Self, Failure> {
        let mut shards: Vec<(Object, Shard)> = Vec::with_capacity(objects.len());
        let mut index: HashMap<String, Vec<At>> = HashMap::new();
        let mut layout: Option<Layout> = None;
        for object in objects {
            let failed = |error| table::failure(object, error);
            let shard = Shard::open(table::open(object)?).map_err(failed)?;
            let first = layout.get_or_insert_with(|| shard.layout());
            if *first != shard.layout() {
                let message = format!("{first} and {} cannot be used together", shard.layout());
                return Err(Failure::Failed { message });
            }
            for row in 0..shard.len() {
                let (utterance, copy) = shard.row(row).map_err(failed)?;
                let rows = index.entry(utterance.to_owned()).or_default();
                // Copies are written in order after their original.
                if usize::try_from(copy) != Ok(rows.len()) {
                    let message =
                        format!("copy {copy} of `{utterance}` comes twice: only one feature can be read");
                    return Err(Failure::Failed { message });
                }
                rows.push(At { shard: shards.len() as u32, row: row as u32 });
            }
            shards.push((object.clone(), shard));
        }
        match layout {
            Some(layout) => Ok(Self { shards, index, layout }),
            None => Err(Failure::Failed { message: "there are no features".into() }),
        }
    }

    /// What every row is.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Bands and frames of every row.
    ///
    /// # Errors
    /// When the rows are waveforms or pictures, or of another rank.
    pub fn shape(&self) -> Result<[usize; 2], Failure> {
        let shape = match &self.layout {
            Layout::Frames(shape) => shape.as_slice().try_into().ok(),
            Layout::Waveforms { .. } | Layout::Pictures(_) => None,
        };
        shape.ok_or_else(|| Failure::Failed {
            message: format!("{}: expected features of shape [bands, frames]", self.layout),
        })
    }

    /// Every row, in the order of the shards.
    pub fn rows(&self) -> impl Iterator<Item = At> {
        let shards = self.shards.iter().enumerate();
        shards.flat_map(|(shard, (_, table))| {
            (0..table.len()).map(move |row| At { shard: shard as u32, row: row as u32 })
        })
    }

    /// The original of an utterance.
    ///
    /// # Errors
    /// When the features do not hold it.
    pub fn original(&self, utterance: &str) -> Result<At, Failure> {
        Ok(self.copies(utterance)?[0])
    }

    /// The original of an utterance and its augmented copies: at least one row.
    ///
    /// # Errors
    /// When the features do not hold it.
    pub fn copies(&self, utterance: &str) -> Result<&[At], Failure> {
        let rows = self.index.get(utterance).map(Vec::as_slice);
        rows.ok_or_else(|| Failure::Failed { message: format!("no features of `{utterance}`") })
    }

    /// The values of a row, verified when first read: features row by row of their shape, waveforms sample by sample.
    ///
    /// # Errors
    /// When they are damaged, or the rows are pictures.
    pub fn values(&self, at: At) -> Result<&[f32], Failure> {
        let (object, shard) = &self.shards[at.shard as usize];
        shard.values(at.row as usize).map_err(|error| table::failure(object, error))
    }

    /// The recordings, sorted, that hold fewer values than `least`, each with their number.
    ///
    /// # Errors
    /// When they are damaged, or the rows are pictures.
    pub fn shorter_than(&self, least: usize) -> Result<BTreeMap<String, usize>, Failure> {
        let mut short = BTreeMap::new();
        for (utterance, rows) in &self.index {
            let values = self.values(rows[0])?.len();
            if values < least {
                short.insert(utterance.clone(), values);
            }
        }
        Ok(short)
    }

    /// The pixels of a row, verified when first read: channel by channel, each from its top row down.
    ///
    /// # Errors
    /// When they are damaged, or the rows are no pictures.
    pub fn pixels(&self, at: At) -> Result<&[u8], Failure> {
        let (object, shard) = &self.shards[at.shard as usize];
        shard.pixels(at.row as usize).map_err(|error| table::failure(object, error))
    }

    /// Reads a row for the first time.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn verify(&self, at: At) -> Result<(), Failure> {
        match self.layout {
            Layout::Pictures(_) => self.pixels(at).map(drop),
            Layout::Frames(_) | Layout::Waveforms { .. } => self.values(at).map(drop),
        }
    }
}

fn another_kind(expected: &str, found: &str) -> TableError {
    TableError::Kind { expected: expected.to_owned(), found: format!("`{found}`") }
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Frames(shape) => write!(f, "features of shape {shape:?}"),
            Self::Waveforms { rate } => write!(f, "waveforms at {rate} Hz"),
            Self::Pictures([channels, height, width]) => {
                write!(f, "pictures of {channels} × {height} × {width}")
            }
        }
    }
}
