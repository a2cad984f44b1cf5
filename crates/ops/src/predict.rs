//! `predict`: what a trained network says about dev and test rows.

use affekt_graph::Place;
use affekt_spec::Spec;

use crate::operation::{InputPort, Operation, OutputPort, Purpose};
use crate::{Kind, kind};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq, Spec)]
pub struct Params {
    /// Utterances that go through the network at a time. Changes no prediction beyond float rounding.
    #[spec(default = 64, range = 1..=65_536)]
    pub batch_size: usize,
}

/// The operation.
pub struct Predict;

impl Operation for Predict {
    type Params = Params;

    const NAME: &'static str = "predict";
    const VERSION: u32 = 4;
    const ABOUT: &'static str = "what a trained network says about dev and test rows";
    const INPUTS: &'static [InputPort] = &[
        InputPort::one("model", &[Kind::Model]),
        InputPort::many("features", &[Kind::Features, Kind::Waveforms, Kind::SpectrogramImages]),
        InputPort::many("rows", &[kind::DEV, kind::TEST]),
    ];
    const OUTPUTS: &'static [OutputPort] = &[OutputPort::new("predictions", Kind::Predictions)];
    const PLACE: Place = Place::Worker;
    const PURPOSE: Purpose = Purpose::Predict;
}
