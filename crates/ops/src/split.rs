//! `split`: the examples of one fold by role.
//!
//! Each role has its own output and with it its own kind, which is how ports keep test rows away from
//! whatever fits.

use affekt_spec::Spec;

use crate::operation::{Author, Facts, InputPort, Operation, OutputPort};
use crate::{Kind, kind};

/// The parameters, given by the experiment: one node a fold.
#[derive(Debug, Clone, PartialEq, Eq, Spec)]
pub struct Params {
    /// The fold, from 1.
    pub fold: u32,
}

/// The operation.
pub struct Split;

impl Operation for Split {
    type Params = Params;

    const NAME: &'static str = "split";
    const VERSION: u32 = 3;
    const ABOUT: &'static str = "the examples of one fold by role";
    const INPUTS: &'static [InputPort] =
        &[InputPort::one("examples", &[Kind::Examples]), InputPort::one("folds", &[Kind::Folds])];
    const OUTPUTS: &'static [OutputPort] = &[
        OutputPort::new("train", kind::TRAIN),
        OutputPort::new("dev", kind::DEV),
        OutputPort::new("test", kind::TEST),
    ];
    const AUTHOR: Author = Author::Experiment;

    fn facts(params: &Params) -> Facts<'_> {
        Facts { fold: Some(params.fold), ..Facts::default() }
    }

    fn of_fold(_: &Params, fold: u32) -> Params {
        Params { fold }
    }
}
