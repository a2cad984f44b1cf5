//! `compare`: which differences between variants other speakers would bear out.

use affekt_spec::Spec;

use crate::Kind;
use crate::operation::{Author, InputPort, Operation, OutputPort};

/// The parameters, given by the experiment.
#[derive(Debug, Clone, PartialEq, Eq, Spec)]
pub struct Params {
    /// The figure that is compared: `uar`, `wa`, `macro_f1` or `ccc`. Variants of a task that does not have it are compared
    /// by UAR or CCC.
    pub primary: String,
    /// The variant that every other is compared with; without one, each is compared with each.
    pub baseline: Option<String>,
}

/// The operation. Its port holds one table a variant, as `evaluate` finished it, in the order of the experiment.
pub struct Compare;

impl Operation for Compare {
    type Params = Params;

    const NAME: &'static str = "compare";
    const VERSION: u32 = 2;
    const ABOUT: &'static str = "which differences between variants other speakers would bear out";
    const INPUTS: &'static [InputPort] = &[InputPort::many("predictions", &[Kind::Predictions])];
    const OUTPUTS: &'static [OutputPort] = &[OutputPort::new("comparison", Kind::Comparison)];
    const AUTHOR: Author = Author::Experiment;
}
