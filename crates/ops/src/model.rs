//! `model`: a network that was trained and exported elsewhere becomes a model of this experiment.
//!
//! The steps before it are the export's: `features` of a node of this operation stands for what they make. A source: its
//! fingerprint is made of what the export holds, never of where it lies, nor of what it says of its past.

use std::collections::BTreeMap;

use affekt_spec::Spec;

use crate::operation::{Facts, InputPort, Operation, OutputPort};
use crate::{Kind, Sentence, Topic};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq, Spec)]
pub struct Params {
    /// The folder that `export` made, or one of transformers with a `Wav2Vec2ForSequenceClassification`, from the experiment's
    /// folder on; or a repository of the Hub with either, `owner/name` or `owner/name@revision`, that `fetch` has brought.
    pub from: String,
    /// Its classes or outputs that are called otherwise here: its name → that of the experiment's label scheme.
    #[spec(default = BTreeMap::new())]
    pub rename: BTreeMap<String, String>,
}

/// The operation.
pub struct Model;

impl Operation for Model {
    type Params = Params;

    const NAME: &'static str = "model";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "a network that was trained elsewhere, with what recordings go through before it";
    const INPUTS: &'static [InputPort] = &[];
    const OUTPUTS: &'static [OutputPort] = &[OutputPort::new("model", Kind::Model)];
    const SOURCE: bool = true;

    fn facts(params: &Params) -> Facts<'_> {
        Facts { checkpoint: Some(&params.from), ..Facts::default() }
    }

    fn prose(params: &Params) -> Vec<Sentence> {
        vec![Topic::Network.says(format!(
            "The network was trained elsewhere and taken from `{}`, with what recordings go through before it.",
            params.from
        ))]
    }
}
