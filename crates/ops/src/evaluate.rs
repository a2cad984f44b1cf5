//! `evaluate`: the figures of a variant, over all its folds and seeds.

use affekt_spec::{Settings, Spec};

use crate::operation::{InputPort, Operation, OutputPort, Purpose};
use crate::{Kind, kind};

/// The parameters, given by the experiment.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct Params {
    /// The variant's id.
    #[spec(given)]
    pub variant: String,
    /// What tells it from the other variants.
    #[spec(given)]
    pub params: Settings,
    /// The kind of its protocol.
    #[spec(given)]
    pub protocol: String,
    /// What every table must say about it, besides what its folds say.
    #[spec(given)]
    pub stamps: Vec<String>,
    /// Whether training chose by the dev part, its epoch above all. Where the test part's labels are withheld, figures are
    /// of the dev part, and a stamp says that they were chosen by what they measure.
    #[spec(given)]
    pub selected_on_dev: bool,
}

/// What every table says of figures of the rows that training chose by.
pub const SELECTED: &str = "selected on these rows";

/// The operation.
pub struct Evaluate;

impl Operation for Evaluate {
    type Params = Params;

    const NAME: &'static str = "evaluate";
    const VERSION: u32 = 4;
    const ABOUT: &'static str = "the figures of a variant, over all its folds and seeds";
    const INPUTS: &'static [InputPort] = &[
        InputPort::many("predictions", &[Kind::Predictions]),
        InputPort::any("train", &[kind::TRAIN]),
        InputPort::optional("folds", &[Kind::Folds]),
    ];
    const OUTPUTS: &'static [OutputPort] =
        &[OutputPort::new("metrics", Kind::Metrics), OutputPort::new("predictions", Kind::Predictions)];
    const PURPOSE: Purpose = Purpose::Evaluate;
}
