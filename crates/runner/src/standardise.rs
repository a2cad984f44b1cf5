//! Body of `standardise`.

use affekt_domain::Role;
use affekt_features::Standardiser;
use affekt_graph::{Failure, Job};
use affekt_ops::feature_set::FeatureSet;
use affekt_ops::standardise::{By, Fitted, Params, VERSION};
use affekt_spec::Words;
use affekt_table::rows::{self, SplitRow};
use std::collections::BTreeSet;

pub fn run(job: &Job) -> Result<(), Failure> {
    let Params { by }: Params = affekt_ops::params(job)?;
    let train = affekt_ops::table::read_port(job, "train", |file| rows::read(file, Role::Train))?;
    let enrolled = job.open("enrol")?;
    if !enrolled.is_empty() && by != By::Speaker {
        let by = by.word();
        let message = format!(
            "`enrol` holds speakers that training does not hear, and nothing is fitted to them `by: {by}`: \
             leave `enrol` out, or standardise `by: speaker`"
        );
        return Err(Failure::Failed { message });
    }
    let mut others = Vec::new();
    for object in &enrolled {
        let rows = affekt_ops::table::read_predictable(object)?;
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
    let original = |row: &SplitRow| features.original(&row.utterance).and_then(|at| features.values(at));
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
        By::None => Ok(Standardiser::None),
    };
    let standardiser = fitted.map_err(|error| Failure::because(&error))?;
    crate::json::write(
        job.output("standardiser")?,
        &Fitted { version: VERSION, fold: train.fold, standardiser },
    )
}
