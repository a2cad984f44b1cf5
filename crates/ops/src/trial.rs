//! `trial`: a training that shows on the dev part what some settings are worth, epoch by epoch as far as it is asked to.
//!
//! No pipeline writes it: a search over settings (`tune` of an experiment) makes trials of a `train`, which read what that
//! reads. A later trial of the same settings goes on from the state that this one leaves.

use affekt_graph::Place;
use affekt_spec::Spec;
use affekt_spec::protocol::Permission;
use affekt_spec::training::{Refit, TrainConfig};

use crate::operation::{Author, Facts, InputPort, Operation, OutputPort, Purpose};
use crate::train::{self, Train};
use crate::{Kind, kind};

/// The parameters: those of a training, and the epochs.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct Params {
    /// The training. What follows early stopping is left to the training with the chosen settings, and `max_epochs` is as
    /// far as any trial goes.
    #[spec(flatten, required)]
    pub training: train::Params,
    /// The epochs.
    pub epochs: Epochs,
}

/// The epochs of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub struct Epochs {
    /// The last one that is done already.
    pub from: u32,
    /// The last one to do.
    pub until: u32,
}

/// The operation. But for the state, it reads what `train` reads.
pub struct Trial;

impl Operation for Trial {
    type Params = Params;

    const NAME: &'static str = "trial";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "a training that shows on the dev rows what some settings are worth";
    const INPUTS: &'static [InputPort] = &[
        InputPort::many("features", train::FEATURES),
        InputPort::one("train", &[kind::TRAIN]),
        InputPort::optional("dev", &[kind::DEV]).test_rows_by(Permission::SelectionOnTest),
        InputPort::optional("standardise", &[Kind::Standardiser]),
        InputPort::optional("encoder", &[Kind::Encoder]),
        InputPort::optional("state", &[Kind::TrainingState]),
    ];
    const OUTPUTS: &'static [OutputPort] =
        &[OutputPort::new("history", Kind::History), OutputPort::new("state", Kind::TrainingState)];
    const PLACE: Place = Place::Worker;
    const SEEDED: bool = true;
    const AUTHOR: Author = Author::Experiment;
    const PURPOSE: Purpose = Purpose::Train;

    /// A trial goes on from one epoch to another.
    fn facts(params: &Params) -> Facts<'_> {
        let Epochs { from, until } = params.epochs;
        Facts { steps: Some((until - from.min(until)).into()), ..Train::facts(&params.training) }
    }

    fn relying_on(params: &Params, permission: Permission) -> Params {
        Params { training: Train::relying_on(&params.training, permission), ..params.clone() }
    }
}

impl Params {
    /// Returns the parameters of a trial of a training: from one epoch to another, of at most `max_epochs`.
    #[must_use]
    pub fn of(training: &train::Params, from: u32, until: u32, max_epochs: u32) -> Self {
        let mut training = training.clone();
        training.training = TrainConfig { max_epochs, refit: Refit::None, ..training.training };
        Self { training, epochs: Epochs { from, until } }
    }
}
