//! The shards of a feature, read as one: utterance → frames.

use std::collections::HashMap;

use affekt_graph::{Failure, Object};
use affekt_table::features::Features;

use crate::table;

/// Where a row of frames lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    shard: u32,
    row: u32,
}

/// All shards of a feature, mapped.
pub struct FeatureSet {
    shards: Vec<(Object, Features)>,
    /// The rows of each utterance, the original first, then its augmented copies in order.
    index: HashMap<String, Vec<At>>,
    shape: Vec<usize>,
}

impl FeatureSet {
    /// Opens the shards and notes which utterances they hold.
    ///
    /// # Errors
    /// When one is damaged, or their shapes differ.
    pub fn open(objects: &[Object]) -> Result<Self, Failure> {
        let mut set = Self { shards: Vec::new(), index: HashMap::new(), shape: Vec::new() };
        for object in objects {
            let failed = |error| table::failure(object, error);
            let features = Features::open(table::open(object)?).map_err(failed)?;
            if !set.shape.is_empty() && set.shape != features.shape() {
                let message = format!(
                    "features of shape {:?} and {:?} cannot be used together",
                    set.shape,
                    features.shape()
                );
                return Err(Failure::Failed { message });
            }
            set.shape = features.shape().to_vec();
            for row in 0..features.len() {
                let (utterance, copy) = features
                    .utterance(row)
                    .and_then(|utterance| Ok((utterance.to_owned(), features.copy(row)?)))
                    .map_err(failed)?;
                let rows = set.index.entry(utterance).or_default();
                let place = At { shard: set.shards.len() as u32, row: row as u32 };
                // Copies are written in order after their original.
                if usize::try_from(copy) != Ok(rows.len()) {
                    let utterance = features.utterance(row).map_err(failed)?;
                    let message =
                        format!("copy {copy} of `{utterance}` comes twice: only one feature can be read");
                    return Err(Failure::Failed { message });
                }
                rows.push(place);
            }
            set.shards.push((object.clone(), features));
        }
        if set.shards.is_empty() {
            return Err(Failure::Failed { message: "there are no features".into() });
        }
        Ok(set)
    }

    /// Bands and frames of every row.
    ///
    /// # Errors
    /// When the rows are of another rank.
    pub fn shape(&self) -> Result<[usize; 2], Failure> {
        self.shape.as_slice().try_into().map_err(|_| Failure::Failed {
            message: format!("features of shape {:?}: expected [bands, frames]", self.shape),
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

    /// The frames of a row, row-major, verified when first read.
    ///
    /// # Errors
    /// When they are damaged.
    pub fn frames(&self, at: At) -> Result<&[f32], Failure> {
        let (object, features) = &self.shards[at.shard as usize];
        features.frames(at.row as usize).map_err(|error| table::failure(object, error))
    }
}
