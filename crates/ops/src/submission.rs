//! `submission`: what networks say about a test part, as the organisers of a competition want it.
//!
//! A CSV with a line for every test utterance, ordered by its name: the name, then a column for each output in the order of
//! the label scheme, or one of the class. What the networks of several seeds say is averaged: values as they are, classes
//! by the probabilities that the logits give. The defaults are those of A-VB 2022
//! (<https://github.com/HumeAI/competitions>).

use affekt_spec::Spec;

use crate::Kind;
use crate::operation::{InputPort, Operation, OutputPort, Purpose};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq, Spec)]
pub struct Params {
    /// The column that names recordings.
    #[spec(default = "File_ID".into())]
    pub id_column: String,
    /// How they are named there: `{name}` stands for the last part of the utterance's id.
    #[spec(default = "[{name}]".into())]
    pub id: String,
    /// The column of classes, where classes are predicted.
    #[spec(default = "Voc_Type".into())]
    pub class_column: String,
}

/// The operation.
pub struct Submission;

impl Operation for Submission {
    type Params = Params;

    const NAME: &'static str = "submission";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "what networks say about a test part, as the organisers of a competition want it";
    const INPUTS: &'static [InputPort] = &[InputPort::many("predictions", &[Kind::Predictions])];
    const OUTPUTS: &'static [OutputPort] = &[OutputPort::new("submission", Kind::Submission)];
    const PURPOSE: Purpose = Purpose::Submit;
}
