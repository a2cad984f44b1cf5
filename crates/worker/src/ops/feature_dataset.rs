//! Rows of tables with their features, waveforms or pictures: what training and prediction read.

use std::collections::BTreeSet;

use affekt_domain::{Role, Target as Truth, Task};
use affekt_graph::Failure;
use affekt_models::InputShape;
use affekt_ops::feature_set::{At, FeatureSet, Layout};
use affekt_table::rows::SplitRows;
use affekt_train::{Dataset, Target, TrainError};

/// What networks read of these features.
fn input_shape(features: &FeatureSet) -> Result<InputShape, Failure> {
    match features.layout() {
        Layout::Waveforms { .. } => Ok(InputShape::Waveforms),
        Layout::Pictures(shape) => Ok(InputShape::Pictures(*shape)),
        Layout::Frames(_) => Ok(InputShape::Frames(features.shape()?)),
    }
}

/// How many samples make a second, where they are waveforms.
fn rate_hz(features: &FeatureSet) -> Option<u32> {
    match features.layout() {
        Layout::Waveforms { rate } => Some(*rate),
        Layout::Frames(_) | Layout::Pictures(_) => None,
    }
}

/// Rows of tables with their features.
pub struct FeatureDataset<'f> {
    features: &'f FeatureSet,
    input: InputShape,
    rows: Vec<DatasetRow<'f>>,
}

struct DatasetRow<'f> {
    at: At,
    name: &'f str,
    copy: usize,
    target: Target<'f>,
    speaker: &'f str,
    role: Role,
}

/// The target of rows whose truth is withheld, which are only ever predicted.
const WITHHELD: Target<'_> = Target::Values(&[]);

impl<'f> FeatureDataset<'f> {
    /// Training rows come with their augmented copies, others without. Every value is verified here, once.
    pub fn new(features: &'f FeatureSet, tables: &[&'f SplitRows]) -> Result<Self, Failure> {
        let mut rows = Vec::new();
        for table in tables {
            for row in &table.rows {
                let target = match &row.target {
                    Some(truth) => target(&table.task, truth, &row.utterance)?,
                    None if table.role == Role::Test => WITHHELD,
                    None => {
                        let message = format!(
                            "`{}` has no label: nothing can be fitted or chosen by it",
                            row.utterance
                        );
                        return Err(Failure::Failed { message });
                    }
                };
                let copies = features.copies(&row.utterance)?;
                let wanted = if table.role == Role::Train { usize::MAX } else { 1 };
                for (copy, &at) in copies.iter().enumerate().take(wanted) {
                    features.verify(at)?;
                    let (name, speaker) = (&row.utterance, &row.speaker);
                    rows.push(DatasetRow { at, name, copy, target, speaker, role: table.role });
                }
            }
        }
        Ok(Self { features, input: input_shape(features)?, rows })
    }

    /// Returns all rows as recordings of which nothing is known, to be predicted. Every value is verified here, once.
    pub fn unknown(features: &'f FeatureSet) -> Result<Self, Failure> {
        let row = |at| {
            features.verify(at)?;
            let (name, speaker) = ("a recording", "somebody");
            Ok(DatasetRow { at, name, copy: 0, target: WITHHELD, speaker, role: Role::Test })
        };
        let rows = features.rows().map(row).collect::<Result<_, Failure>>()?;
        Ok(Self { features, input: input_shape(features)?, rows })
    }
}

fn target<'t>(task: &Task, truth: &'t Truth, utterance: &str) -> Result<Target<'t>, Failure> {
    let misfit = |why: &dyn std::fmt::Display| Failure::Failed { message: format!("`{utterance}`: {why}") };
    task.check(truth).map_err(|why| misfit(&why))?;
    match truth {
        Truth::Values(values) => Ok(Target::Values(values)),
        Truth::Class(class) => {
            let number = task.names().iter().position(|known| known == class);
            number.map(|number| Target::Class(number as i64)).ok_or_else(|| misfit(&"an unknown class"))
        }
    }
}

impl FeatureDataset<'_> {
    /// The utterances of all rows.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|row| row.name)
    }
}

/// Refuses waveforms that are too short for a network, all of an experiment's at once: test rows too, which it would come to only
/// after it was trained.
pub fn check_lengths(features: &FeatureSet, least: usize) -> Result<(), Failure> {
    if !matches!(features.layout(), Layout::Waveforms { .. }) {
        return Ok(());
    }
    let short = features.shorter_than(least)?;
    let Some(&found) = short.values().next() else { return Ok(()) };
    let names = short.into_keys().collect();
    Err(super::failed(&TrainError::TooShort { names, found, expected: least }))
}

/// Complains when something (`what`) was made of an utterance that is none of these training rows. Port kinds keep test rows from
/// it when planning; this looks at the rows themselves.
pub fn check_only<'a>(
    made_of: impl Iterator<Item = &'a String>,
    training: impl Iterator<Item = &'a str>,
    what: &str,
) -> Result<(), Failure> {
    let training: BTreeSet<&str> = training.collect();
    let mut others = made_of.filter(|utterance| !training.contains(utterance.as_str()));
    others.next().map_or(Ok(()), |utterance| {
        let message = format!("there are {what} of `{utterance}`, which is no training row of this fold");
        Err(Failure::Failed { message })
    })
}

impl Dataset for FeatureDataset<'_> {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn input(&self) -> InputShape {
        self.input
    }

    fn rate_hz(&self) -> Option<u32> {
        rate_hz(self.features)
    }

    fn values(&self, row: usize) -> &[f32] {
        // Read once already; what fails now (a vanished mapping) comes out as an error about its length.
        self.features.values(self.rows[row].at).unwrap_or(&[])
    }

    fn pixels(&self, row: usize) -> &[u8] {
        self.features.pixels(self.rows[row].at).unwrap_or(&[])
    }

    fn target(&self, row: usize) -> Target<'_> {
        self.rows[row].target
    }

    fn name(&self, row: usize) -> &str {
        self.rows[row].name
    }

    fn copy(&self, row: usize) -> usize {
        self.rows[row].copy
    }

    fn speaker(&self, row: usize) -> &str {
        self.rows[row].speaker
    }

    fn role(&self, row: usize) -> Option<Role> {
        Some(self.rows[row].role)
    }
}
