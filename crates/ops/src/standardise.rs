//! `standardise`: what brings features to zero mean and unit deviation, fitted for one fold.

use affekt_config::Section;
use affekt_features::Standardiser;
use affekt_graph::{Failure, Object, Place};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::{Definition, Grain, InputPort, OutputPort, plain};
use crate::{Kind, kind};

/// The version of the artefact's format.
pub const VERSION: u32 = 1;

/// The parameters.
#[derive(Serialize, Deserialize)]
pub struct Params {
    /// What gets its own mean and deviation.
    pub by: By,
}

/// What gets its own mean and deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// All values of the training rows together, augmented copies too: what training sees.
    Global,
    /// Every band of the same values.
    Band,
    /// Every band of every speaker, from the speaker's original recordings: training speakers from the training rows,
    /// others from the rows enrolled. No label is read. A speaker of the training rows gains nothing from enrolment.
    Speaker,
    /// All values of the clip itself: nothing is fitted.
    Utterance,
}

/// The artefact: a standardiser and the fold whose training rows it was fitted to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// The format's version: [`VERSION`].
    pub version: u32,
    /// The fold, from 1.
    pub fold: u32,
    /// The standardiser.
    pub standardiser: Standardiser,
}

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "standardise",
    version: 1,
    about: "means and deviations of features, fitted to a fold's training rows",
    inputs: &[
        InputPort::many("features", &[Kind::Features]),
        InputPort::one("train", &[kind::TRAIN]),
        InputPort::any("enrol", &[kind::DEV, kind::TEST]),
    ],
    outputs: &[OutputPort::new("standardiser", Kind::Standardiser)],
    params: read_params,
    grain: Grain::Whole,
    place: Place::Runner,
    seeded: false,
    source: false,
};

fn read_params(section: &mut Section<'_>) -> Value {
    let choices =
        [("global", By::Global), ("band", By::Band), ("speaker", By::Speaker), ("utterance", By::Utterance)];
    plain(&Params { by: section.one_of("by", By::Global, &choices) })
}

/// Reads the artefact.
///
/// # Errors
/// When the object is damaged, of another version or no standardiser.
pub fn read(object: &Object) -> Result<Fitted, Failure> {
    let fitted: Fitted = serde_json::from_slice(object.all()?)
        .map_err(|error| Failure::Failed { message: format!("this is no standardiser: {error}") })?;
    if fitted.version != VERSION {
        let message = format!("the standardiser has version {}, expected {VERSION}", fitted.version);
        return Err(Failure::Failed { message });
    }
    Ok(fitted)
}

#[cfg(feature = "host")]
pub(crate) fn run(job: &affekt_graph::Job) -> Result<(), Failure> {
    use std::collections::BTreeSet;

    use affekt_domain::Role;
    use affekt_table::rows::{self, Row};

    use crate::feature_set::FeatureSet;

    let Params { by } = crate::params(job)?;
    let train = crate::table::read_port(job, "train", |file| rows::read(file, Role::Train))?;
    let enrolled = job.open("enrol")?;
    if !enrolled.is_empty() && by != By::Speaker {
        let by = plain(&by);
        let by = by.as_str().unwrap_or_default();
        let message = format!(
            "`enrol` holds speakers that training does not hear, and nothing is fitted to them `by: {by}`: \
             leave `enrol` out, or standardise `by: speaker`"
        );
        return Err(Failure::Failed { message });
    }
    let mut others = Vec::new();
    for object in &enrolled {
        let rows = crate::table::read_predictable(object)?;
        if rows.fold != train.fold {
            let message = format!(
                "the training rows are of fold {} and those enrolled of fold {}",
                train.fold, rows.fold
            );
            return Err(Failure::Failed { message });
        }
        others.extend(rows.rows);
    }
    let known: BTreeSet<&str> = train.rows.iter().map(|row| row.speaker.as_str()).collect();
    others.retain(|row| !known.contains(row.speaker.as_str()));

    let features = FeatureSet::open(&job.open("features")?)?;
    let shape = features.shape()?;
    let with_copies = || -> Result<Vec<&[f32]>, Failure> {
        let mut frames = Vec::new();
        for row in &train.rows {
            for &at in features.copies(&row.utterance)? {
                frames.push(features.values(at)?);
            }
        }
        Ok(frames)
    };
    let original = |row: &Row| features.original(&row.utterance).and_then(|at| features.values(at));
    let fitted = match by {
        By::Global => Standardiser::global(&with_copies()?, shape),
        By::Band => Standardiser::band(&with_copies()?, shape),
        By::Speaker => {
            let rows = train.rows.iter().chain(&others);
            let recordings: Vec<(&str, &[f32])> =
                rows.map(|row| Ok((row.speaker.as_str(), original(row)?))).collect::<Result<_, Failure>>()?;
            Standardiser::speaker(recordings, shape)
        }
        By::Utterance => Ok(Standardiser::Utterance),
    };
    let standardiser = fitted.map_err(|error| Failure::because(&error))?;
    crate::write_json(
        job.output("standardiser")?,
        &Fitted { version: VERSION, fold: train.fold, standardiser },
    )
}
