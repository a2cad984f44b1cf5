//! `states`: the states that a frame-level teacher has of every frame of the training rows.

use affekt_graph::Place;
use affekt_spec::Spec;

use crate::operation::{InputPort, Operation, OutputPort, Purpose};
use crate::{Kind, kind};

/// The parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub struct Params {
    /// What numbers states are kept in.
    #[spec(default = Precision::Fp16)]
    pub precision: Precision,
}

/// What numbers states are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum Precision {
    /// Half the room, 11 bits of precision.
    Fp16,
    /// As computed.
    Fp32,
}

/// The operation.
pub struct States;

impl Operation for States {
    type Params = Params;

    const NAME: &'static str = "states";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "the states that a frame-level teacher has of every frame of the training rows";
    const INPUTS: &'static [InputPort] = &[
        InputPort::many("waveforms", &[Kind::Waveforms]),
        InputPort::one("train", &[kind::TRAIN]),
        InputPort::one("model", &[Kind::FrameTeacher]),
    ];
    const OUTPUTS: &'static [OutputPort] = &[OutputPort::new("states", Kind::States)];
    const PLACE: Place = Place::Worker;
    const PURPOSE: Purpose = Purpose::Pretrain;
}
