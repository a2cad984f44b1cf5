//! `ingest`: a corpus folder becomes a manifest.
//!
//! The one op that reads what is outside the graph. Its fingerprint is made of what file names say and of the
//! digests of decoded audio, never of paths or times: moving a folder, touching its files or packing WAV as
//! FLAC changes nothing below.

use affekt_graph::Place;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Kind;
use crate::definition::{Definition, Grain, OutputPort, no_params, plain};

/// The parameters, given by the experiment's `corpora`.
#[derive(Serialize, Deserialize)]
pub struct Params {
    /// The corpus, by the name on its card. What the card says of names and labels is in the fingerprint.
    pub corpus: String,
}

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "ingest",
    version: 4,
    about: "a corpus folder becomes a manifest",
    inputs: &[],
    outputs: &[
        OutputPort::new("manifest", Kind::Manifest),
        OutputPort::new("problems", Kind::Problems),
        OutputPort::new("ratings", Kind::Ratings),
    ],
    params: no_params,
    grain: Grain::Whole,
    place: Place::Runner,
    seeded: false,
    source: true,
};

/// The parameters of the node for a corpus.
#[must_use]
pub fn params(corpus: &str) -> Value {
    plain(&Params { corpus: corpus.to_owned() })
}

#[cfg(feature = "host")]
pub(crate) fn run(
    job: &affekt_graph::Job,
    ingested: &affekt_corpus::Ingested,
) -> Result<(), affekt_graph::Failure> {
    if ingested.utterances.is_empty() {
        return Err(affekt_graph::Failure::Failed { message: nothing_left(&ingested.problems) });
    }
    let (manifest, problems) = (job.output("manifest")?, job.output("problems")?);
    affekt_table::manifest::write(manifest, &ingested.utterances).map_err(crate::table::unwritten)?;
    affekt_table::problems::write(problems, &ingested.problems).map_err(crate::table::unwritten)?;
    affekt_table::ratings::write(job.output("ratings")?, &ingested.ratings).map_err(crate::table::unwritten)
}

/// A corpus of which nothing is left is no corpus: an experiment without it would go unnoticed.
#[cfg(feature = "host")]
fn nothing_left(problems: &[affekt_domain::Problem]) -> String {
    let dropped: Vec<_> = problems.iter().filter(|problem| problem.dropped).collect();
    match &dropped[..] {
        [] => "no recording can be used".to_owned(),
        [first, ..] => format!(
            "no recording of {} can be used, {} are left out; `{}`, for one: {}",
            first.corpus,
            dropped.len(),
            first.path,
            first.message
        ),
    }
}
