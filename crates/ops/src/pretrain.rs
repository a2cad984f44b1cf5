//! `pretrain`: an encoder goes on learning from the training rows' recordings, without their labels.
//!
//! `contrastive` is wav2vec 2.0's own pretraining continued (TAPT), `pseudo-labels` tells clusters of masked frames
//! (P-TAPT; arXiv 2110.06309). One node a fold serves all seeds of what is trained from it.

use affekt_graph::Place;
use affekt_spec::Spec;
use affekt_spec::training::{Objective, PretrainConfig};

use crate::operation::{Facts, InputPort, Operation, OutputPort, Purpose};
use crate::{Kind, Sentence, Topic, kind};

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

/// What every table says of figures behind a contrastive pretraining that was let begin without the head that it goes on with.
pub const DRAWN_HEAD: &str = "quantiser may be drawn";

/// Returns what is said of a checkpoint that lacks tensors of the head that contrastive pretraining goes on with.
#[must_use]
pub fn lacks_head(encoder: &str, tensors: &[String]) -> String {
    let named = affekt_config::list_names(&tensors.iter().map(String::as_str).collect::<Vec<_>>());
    format!(
        "the encoder `{encoder}` lacks what contrastive pretraining goes on with: {named}. Checkpoints that were fine-tuned \
         (960h) and torchaudio's have no quantiser: begin with one that was pretrained alone, such as `wav2vec2-base`, or \
         permit that its head begins at random with `lacking_head: drawn` under `objective`; every table then says \
         `{DRAWN_HEAD}`"
    )
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
        let lacking_head = match &params.objective {
            Objective::Contrastive(objective) => Some(objective.lacking_head),
            Objective::PseudoLabels(_) => None,
        };
        Facts { steps: Some(params.training.steps), lacking_head, ..Facts::default() }
    }

    fn prose(params: &Params) -> Vec<Sentence> {
        let texts = params.objective.prose().into_iter().chain(params.training.prose());
        Topic::Pretraining.all(texts.collect())
    }
}
