//! Pseudo-labels beside the rows they are of: what pretraining by them reads.

use std::collections::BTreeMap;

use affekt_graph::{Failure, Object};
use affekt_ops::table;
use affekt_table::pseudo_labels::PseudoLabelTable;
use affekt_train::Dataset;
use affekt_train::pretraining::FrameLabels;

use super::feature_dataset::FeatureDataset;

/// The pseudo-labels of some training rows.
pub struct LabelledFrames {
    labels: PseudoLabelTable,
    /// The table's row of each of the examples.
    rows: Vec<usize>,
}

impl LabelledFrames {
    /// Those of all examples. Every one is verified here, once.
    ///
    /// # Errors
    /// When an example has none, or there are some of what is no training row: they are another fold's.
    pub fn open(object: &Object, dataset: &FeatureDataset<'_>) -> Result<Self, Failure> {
        let damaged = |error| table::failure(object, error);
        let labels = PseudoLabelTable::open(table::open(object)?).map_err(damaged)?;
        let mut of_utterances = BTreeMap::new();
        for row in 0..labels.len() {
            of_utterances.insert(labels.utterance(row).map_err(damaged)?.to_owned(), row);
            for clustering in 0..labels.clusters().len() {
                labels.ids(row, clustering).map_err(damaged)?;
            }
        }
        let another_fold =
            |message: String| Failure::Failed { message: format!("{message}: are they another fold's?") };
        let of_row = |row| {
            let name = dataset.name(row);
            let known = of_utterances.get(name).copied();
            known.ok_or_else(|| another_fold(format!("there are no pseudo-labels of `{name}`")))
        };
        let rows: Vec<usize> = (0..dataset.len()).map(of_row).collect::<Result<_, _>>()?;
        super::feature_dataset::check_only(of_utterances.keys(), dataset.names(), "pseudo-labels")?;
        Ok(Self { labels, rows })
    }

    /// How many clusters each clustering has.
    pub fn clusters(&self) -> &[usize] {
        self.labels.clusters()
    }
}

impl FrameLabels for LabelledFrames {
    fn of(&self, row: usize, clustering: usize) -> &[u16] {
        // Read once already.
        self.labels.ids(self.rows[row], clustering).unwrap_or(&[])
    }
}
