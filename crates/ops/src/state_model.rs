//! `frame-teacher`: a network learns to tell the training rows' labels frame by frame and clip by clip, for the states that it
//! has of the frames. The first step of P-TAPT (arXiv 2110.06309).

use affekt_graph::Place;
use affekt_spec::Spec;
use affekt_spec::network::FrameTeacherConfig;
use affekt_spec::training::{ClassWeights, PretrainConfig, class_weights_prose};

use crate::operation::{Facts, InputPort, Operation, OutputPort, Purpose};
use crate::{Kind, Sentence, Topic, kind};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct Params {
    /// What is built around the encoder.
    #[spec(default = FrameTeacherConfig::default())]
    pub network: FrameTeacherConfig,
    /// How much the rows of each class weigh in the loss.
    #[spec(default = ClassWeights::InverseFrequency, free)]
    pub class_weights: ClassWeights,
    /// How it is trained; a share of the training rows chooses the weights.
    #[spec(defaults(held_out = 0.1))]
    pub training: PretrainConfig,
    /// What first weights, batches and masks are drawn from.
    #[spec(default = 0, range = 0..=u32::MAX, free)]
    pub seed: u64,
}

/// The operation.
pub struct FrameTeacher;

impl Operation for FrameTeacher {
    type Params = Params;

    const NAME: &'static str = "state-model";
    const ALIASES: &'static [&'static str] = &["frame-teacher"];
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "a frame-level teacher learns to tell the training rows' labels, for the states that it has of frames";
    const INPUTS: &'static [InputPort] = &[
        InputPort::many("waveforms", &[Kind::Waveforms]),
        InputPort::one("train", &[kind::TRAIN]),
        InputPort::one("encoder", &[Kind::Encoder]),
    ];
    const OUTPUTS: &'static [OutputPort] =
        &[OutputPort::new("model", Kind::FrameTeacher), OutputPort::new("history", Kind::History)];
    const PLACE: Place = Place::Worker;
    const PURPOSE: Purpose = Purpose::Pretrain;

    fn facts(params: &Params) -> Facts<'_> {
        Facts { steps: Some(params.training.steps), ..Facts::default() }
    }

    fn prose(params: &Params) -> Vec<Sentence> {
        let learnt =
            "A frame-level teacher learnt the labels of the training recordings of each fold.".to_owned();
        let texts = [learnt].into_iter().chain(params.network.prose());
        let texts = texts.chain([class_weights_prose(&params.class_weights)]).chain(params.training.prose());
        Topic::Pretraining.all(texts.collect())
    }
}
