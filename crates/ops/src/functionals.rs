//! `functionals`: what openSMILE says about each recording as a whole (ComParE's 6373 numbers, eGeMAPS' 88), from its own
//! files.
//!
//! Each corpus has them under one path in its folder: a file with a row for every recording, or a folder with a file for
//! every recording, named as it is (of several rows the last counts). Files are openSMILE's CSV (parted by semicolons,
//! with a column `name`) or ARFF. What tells the time of a row is left out. A functional is a band of one frame, so that
//! `standardise` can scale each by itself.

use affekt_spec::Spec;

use crate::operation::{InputPort, Operation, OutputPort};
use crate::{Kind, Sentence, Topic};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq, Spec)]
pub struct Params {
    /// Where they lie in a corpus' folder: `features/ComParE`, `eGeMAPS.csv`.
    pub path: String,
}

/// The operation. A source: its fingerprint is made of the bytes of the files.
pub struct Functionals;

impl Operation for Functionals {
    type Params = Params;

    const NAME: &'static str = "functionals";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "what openSMILE says about each recording as a whole";
    const INPUTS: &'static [InputPort] = &[InputPort::one("examples", &[Kind::Examples])];
    const OUTPUTS: &'static [OutputPort] = &[OutputPort::new("features", Kind::Features)];
    const SOURCE: bool = true;

    fn prose(params: &Params) -> Vec<Sentence> {
        let path = &params.path;
        vec![
            Topic::Features
                .says(format!("Each recording was described by functionals of openSMILE (`{path}`).")),
        ]
    }
}
