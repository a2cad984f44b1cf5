//! `ingest`: a corpus folder becomes a manifest.
//!
//! Its fingerprint is made of what file names say and of the digests of decoded audio, never of paths or times: moving a folder,
//! touching its files or packing WAV as FLAC changes nothing below.

use affekt_spec::Spec;

use crate::Kind;
use crate::operation::{Author, Facts, InputPort, Operation, OutputPort};

/// The parameters, given by the experiment's `corpora`.
#[derive(Debug, Clone, PartialEq, Eq, Spec)]
pub struct Params {
    /// The corpus, by the name on its card. What the card says of names and labels is in the fingerprint.
    pub corpus: String,
}

/// The operation.
pub struct Ingest;

impl Operation for Ingest {
    type Params = Params;

    const NAME: &'static str = "ingest";
    const VERSION: u32 = 4;
    const ABOUT: &'static str = "a corpus folder becomes a manifest";
    const INPUTS: &'static [InputPort] = &[];
    const OUTPUTS: &'static [OutputPort] = &[
        OutputPort::new("manifest", Kind::Manifest),
        OutputPort::new("problems", Kind::Problems),
        OutputPort::new("ratings", Kind::Ratings),
    ];
    const SOURCE: bool = true;
    const AUTHOR: Author = Author::Experiment;

    fn facts(params: &Params) -> Facts<'_> {
        Facts { corpus: Some(&params.corpus), ..Facts::default() }
    }
}
