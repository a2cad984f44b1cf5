//! `exported-encoder`: an encoder that an exported model brings along, for the steps before its network that read one.
//!
//! A source: its fingerprint is that of the file's bytes, which must be those that the export names.

use affekt_spec::Spec;

use crate::Kind;
use crate::operation::{Author, InputPort, Operation, OutputPort};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq, Spec)]
pub struct Params {
    /// The model, as `op: model` has it.
    pub from: String,
    /// The file's name in its folder.
    pub file: String,
}

/// The operation.
pub struct ExportedEncoder;

impl Operation for ExportedEncoder {
    type Params = Params;

    const NAME: &'static str = "exported-encoder";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "an encoder that an exported model brings along, for the steps before its network";
    const INPUTS: &'static [InputPort] = &[];
    const OUTPUTS: &'static [OutputPort] = &[OutputPort::new("encoder", Kind::Encoder)];
    const SOURCE: bool = true;
    const AUTHOR: Author = Author::Experiment;
}
