//! `bottleneck`: spectrogram images become what the frozen convolutions of a VGG16 give of them. They never change, so they are
//! computed once and not in every epoch of every training.

use affekt_graph::Place;
use affekt_spec::Spec;
use affekt_spec::network::Unfreeze;

use crate::operation::{Facts, Grain, InputPort, Operation, OutputPort};
use crate::{Kind, Sentence, Topic};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct Params {
    /// What of the base is trained and no part of this, as the network that trains it says.
    #[spec(none = "none")]
    pub unfreeze: Option<Unfreeze>,
    /// Images that go through the convolutions at a time. Changes nothing beyond float rounding.
    #[spec(default = 16, range = 1..=4096)]
    pub batch_size: usize,
}

/// The operation.
pub struct Bottleneck;

impl Operation for Bottleneck {
    type Params = Params;

    const NAME: &'static str = "bottleneck";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "spectrogram images become what the frozen convolutions of a VGG16 give of them";
    const INPUTS: &'static [InputPort] = &[
        InputPort::one("pictures", &[Kind::SpectrogramImages]),
        InputPort::one("encoder", &[Kind::Encoder]),
    ];
    const OUTPUTS: &'static [OutputPort] = &[OutputPort::new("features", Kind::Features)];
    const GRAIN: Grain = Grain::Shard;
    const PLACE: Place = Place::Worker;

    fn facts(params: &Params) -> Facts<'_> {
        Facts { bottleneck: Some(params.unfreeze), ..Facts::default() }
    }

    fn prose(_: &Params) -> Vec<Sentence> {
        vec![Topic::Features.says("What the frozen convolutions make of each image was computed once.")]
    }
}
