//! `predictions-file`: what some other program says about dev and test rows, from a CSV.
//!
//! A line for each recording: the column `utterance` names it, by its id or by its path in the corpus without the extension.
//! Then a column for each class or output, logits or values; or, for classes, one called `predicted`. Lines of other recordings
//! are left alone, and every row must have one. A source: its fingerprint is made of the file's bytes.

use affekt_spec::Spec;

use crate::operation::{InputPort, Operation, OutputPort, Purpose};
use crate::{Kind, Sentence, Topic, kind};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq, Spec)]
pub struct Params {
    /// The CSV, from the experiment's folder on.
    pub path: String,
}

/// The operation.
pub struct PredictionsFile;

impl Operation for PredictionsFile {
    type Params = Params;

    const NAME: &'static str = "predictions-file";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "what some other program says about dev and test rows, from a CSV";
    const INPUTS: &'static [InputPort] = &[InputPort::many("rows", &[kind::DEV, kind::TEST])];
    const OUTPUTS: &'static [OutputPort] = &[OutputPort::new("predictions", Kind::Predictions)];
    const SOURCE: bool = true;
    const PURPOSE: Purpose = Purpose::Predict;

    fn prose(_: &Params) -> Vec<Sentence> {
        vec![Topic::Network.says("Predictions were made by another program and read from a file.")]
    }
}
