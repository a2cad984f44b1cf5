//! `trial`: a training that shows on the dev part what some settings are worth, epoch by epoch as far as it is asked to.
//!
//! No pipeline writes it: a search over settings (`tune` of an experiment) makes trials of a `train`, which read what that
//! reads. A later trial of the same settings goes on from the state that this one leaves.

use affekt_graph::Place;
use serde_json::{Value, json};

use crate::definition::{Definition, Grain, InputPort, OutputPort, no_params};
use crate::{Kind, kind, train};

/// The op. But for the state, it reads what `train` reads.
pub const DEFINITION: Definition = Definition {
    name: "trial",
    version: 1,
    about: "a training that shows on the dev rows what some settings are worth",
    inputs: &[
        InputPort::many("features", train::FEATURES),
        InputPort::one("train", &[kind::TRAIN]),
        InputPort::optional("dev", &[kind::DEV]),
        InputPort::optional("standardise", &[Kind::Standardiser]),
        InputPort::optional("encoder", &[Kind::Encoder]),
        InputPort::optional("state", &[Kind::TrainingState]),
    ],
    outputs: &[OutputPort::new("history", Kind::History), OutputPort::new("state", Kind::TrainingState)],
    params: no_params,
    grain: Grain::Whole,
    place: Place::Worker,
    seeded: true,
    source: false,
};

/// The parameters of a trial of `train`'s own: from one epoch to another. What follows early stopping is left to the training
/// with the chosen settings, and `max_epochs` is as far as any trial goes.
#[must_use]
pub fn params(train: &Value, from: u32, until: u32, max_epochs: u32) -> Value {
    let mut params = train.clone();
    params["training"]["max_epochs"] = max_epochs.into();
    params["training"]["refit"] = "none".into();
    params["epochs"] = json!({ "from": from, "until": until });
    params
}
