//! `pretrain`: an encoder goes on learning from the training rows' recordings, without their labels.
//!
//! `contrastive` is wav2vec 2.0's own pretraining continued (TAPT), `pseudo-labels` tells clusters of masked frames
//! (P-TAPT; arXiv 2110.06309). One node a fold serves all seeds of what is trained from it.

use affekt_graph::Place;
use affekt_spec::Spec;
use affekt_spec::training::{Objective, PretrainConfig};

use crate::operation::{Facts, InputPort, Operation, OutputPort, Purpose};
use crate::{Kind, kind};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct Params {
    /// What the encoder is asked.
    pub objective: Objective,
    /// How it is trained.
    pub training: PretrainConfig,
    /// What first weights, batches and masks are drawn from.
    #[spec(default = 0, range = 0..=u32::MAX, free)]
    pub seed: u64,
}

/// The operation.
pub struct Pretrain;

impl Operation for Pretrain {
    type Params = Params;

    const NAME: &'static str = "pretrain";
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "an encoder goes on learning from the training rows' recordings, without their labels";
    const INPUTS: &'static [InputPort] = &[
        InputPort::many("waveforms", &[Kind::Waveforms]),
        InputPort::one("train", &[kind::TRAIN]),
        InputPort::one("encoder", &[Kind::Encoder]),
        InputPort::optional("labels", &[Kind::PseudoLabels]),
    ];
    const OUTPUTS: &'static [OutputPort] =
        &[OutputPort::new("encoder", Kind::Encoder), OutputPort::new("history", Kind::History)];
    const PLACE: Place = Place::Worker;
    const PURPOSE: Purpose = Purpose::Pretrain;

    fn facts(params: &Params) -> Facts<'_> {
        Facts { steps: Some(params.training.steps), ..Facts::default() }
    }
}
