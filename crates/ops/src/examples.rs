//! `examples`: the manifests of all corpora, labelled by their schemes.

use std::collections::BTreeMap;

use affekt_domain::LabelScheme;
use affekt_graph::Place;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Kind;
use crate::definition::{Definition, Grain, InputPort, OutputPort, no_params, plain};

/// The parameters, given by the experiment's `labels`.
#[derive(Serialize, Deserialize)]
pub struct Params {
    /// Corpus → its scheme, rules and all.
    pub schemes: BTreeMap<String, LabelScheme>,
}

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "examples",
    version: 2,
    about: "the manifests of all corpora, labelled by their schemes",
    inputs: &[InputPort::many("manifests", &[Kind::Manifest])],
    outputs: &[OutputPort::new("examples", Kind::Examples)],
    params: no_params,
    grain: Grain::Whole,
    place: Place::Runner,
    seeded: false,
};

/// The parameters of the node for these schemes.
#[must_use]
pub fn params(schemes: BTreeMap<String, LabelScheme>) -> Value {
    plain(&Params { schemes })
}

#[cfg(feature = "host")]
pub(crate) fn run(job: &affekt_graph::Job) -> Result<(), affekt_graph::Failure> {
    use affekt_graph::Failure;
    use affekt_table::examples::Examples;

    let Params { schemes } = crate::params(job)?;
    let mut examples = Vec::new();
    let mut classes: Vec<String> = Vec::new();
    for manifest in job.open("manifests")? {
        let utterances = crate::table::read(&manifest, affekt_table::manifest::read)?;
        let Some(corpus) = utterances.first().map(|utterance| utterance.corpus.clone()) else { continue };
        let scheme = schemes.get(&corpus).ok_or_else(|| Failure::Failed {
            message: format!("there is no label scheme for corpus {corpus}"),
        })?;
        let labelled = affekt_corpus::label(scheme, utterances);
        // Schemes with fixed classes all name the same ones; native ones add theirs.
        for class in labelled.classes {
            if !classes.contains(&class) {
                classes.push(class);
            }
        }
        examples.extend(labelled.examples);
    }
    if examples.is_empty() {
        return Err(Failure::Failed { message: "no utterance has a class under these label schemes".into() });
    }
    if schemes.values().any(|scheme| scheme.classes.is_none()) {
        classes.sort();
    }
    let mut names: Vec<&str> = schemes.values().map(|scheme| scheme.name.as_str()).collect();
    names.dedup();
    let mut notes: Vec<&str> = schemes.values().filter_map(|scheme| scheme.note.as_deref()).collect();
    notes.dedup();
    let note = (!notes.is_empty()).then(|| notes.join(" "));
    let table = Examples { scheme: names.join(", "), classes, note, examples };
    affekt_table::examples::write(job.output("examples")?, &table).map_err(crate::table::unwritten)
}
