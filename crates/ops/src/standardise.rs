//! `standardise`: what brings features to zero mean and unit deviation, fitted for one fold.

use affekt_features::Standardiser;
use affekt_graph::{Failure, Object};
use affekt_spec::protocol::Permission;
use affekt_spec::{Spec, Words};
use serde::{Deserialize, Serialize};

use crate::operation::{InputPort, MistakeAt, Operation, OutputPort, PortMistake, Purpose};
use crate::{Kind, Sentence, Topic, kind};

/// The version of the artefact's format.
pub const VERSION: u32 = 1;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq, Spec)]
pub struct Params {
    /// What gets its own mean and deviation.
    #[spec(default = By::Global)]
    pub by: By,
}

/// What gets its own mean and deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum By {
    /// Nothing: features stay as they are.
    None,
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

/// The operation.
pub struct Standardise;

impl Operation for Standardise {
    type Params = Params;

    const NAME: &'static str = "standardise";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "means and deviations of features, fitted to a fold's training rows";
    const INPUTS: &'static [InputPort] = &[
        InputPort::many("features", &[Kind::Features]),
        InputPort::one("train", &[kind::TRAIN]),
        InputPort::any("enrol", &[kind::DEV, kind::TEST]).test_rows_by(Permission::TestSpeakerStatistics),
    ];
    const OUTPUTS: &'static [OutputPort] = &[OutputPort::new("standardiser", Kind::Standardiser)];
    const PURPOSE: Purpose = Purpose::Fit;

    /// Statistics by speaker need recordings of the speakers that are not trained on; others have no use for them.
    fn check_ports(params: &Params, node: &str, ports: &[&str]) -> Option<PortMistake> {
        match (params.by, ports.contains(&"enrol")) {
            (By::Speaker, false) => Some(PortMistake {
                at: MistakeAt::Parameter("by"),
                message: format!("`{node}` knows nothing of speakers that are not trained on"),
                hint: "add `enrol: [split.dev, split.test]` to its `in`: their own recordings, without labels",
            }),
            (By::Speaker, true) | (_, false) => None,
            (other, true) => Some(PortMistake {
                at: MistakeAt::Port("enrol"),
                message: format!("`enrol` is for statistics by speaker, and these are by {}", other.word()),
                hint: "leave `enrol` out, or say `by: speaker`",
            }),
        }
    }

    fn prose(params: &Params) -> Vec<Sentence> {
        let text = match params.by {
            By::None => "Features were not standardised.",
            By::Global => {
                "Features were brought to zero mean and unit variance, by the values of each fold’s training part together."
            }
            By::Band => {
                "Features were brought to zero mean and unit variance band by band, by each fold’s training part."
            }
            By::Speaker => {
                "Features were brought to zero mean and unit variance band by band for every speaker, by recordings of the \
                 same speaker."
            }
            By::Utterance => "The features of each clip were brought to zero mean and unit variance.",
        };
        vec![Topic::Features.says(text)]
    }
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
