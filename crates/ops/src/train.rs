//! `train`: a network is fitted to the training rows, its epoch chosen on the dev rows.

use affekt_graph::{Failure, Object, Place};
use affekt_spec::Spec;
use affekt_spec::network::NetworkConfig;
use affekt_spec::protocol::Permission;
use affekt_spec::training::TrainConfig;
use serde_json::Value;

use crate::operation::{Facts, InputPort, Operation, OutputPort, Purpose};
use crate::{Kind, Sentence, Topic, kind};

/// What networks are trained on.
pub(crate) const FEATURES: &[Kind] = &[Kind::Features, Kind::Waveforms, Kind::SpectrogramImages];

/// The parameters.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct Params {
    /// Which network.
    pub network: NetworkConfig,
    /// How it is trained.
    pub training: TrainConfig,
    /// Whether the rows that choose the epoch are test rows: only ever set by an experiment's permission.
    #[spec(hidden)]
    pub select_on_test: bool,
}

/// The operation.
pub struct Train;

impl Operation for Train {
    type Params = Params;

    const NAME: &'static str = "train";
    const VERSION: u32 = 4;
    const ABOUT: &'static str = "a network is fitted to the training rows, its epoch chosen on the dev rows";
    const INPUTS: &'static [InputPort] = &[
        InputPort::many("features", FEATURES),
        InputPort::one("train", &[kind::TRAIN]),
        InputPort::optional("dev", &[kind::DEV]).test_rows_by(Permission::SelectionOnTest),
        InputPort::optional("standardise", &[Kind::Standardiser]),
        InputPort::optional("encoder", &[Kind::Encoder]),
        // Settings that a search chose, in the place of its own.
        InputPort::optional("chosen", &[Kind::Chosen]),
    ];
    const OUTPUTS: &'static [OutputPort] =
        &[OutputPort::new("model", Kind::Model), OutputPort::new("history", Kind::History)];
    const PLACE: Place = Place::Worker;
    const SEEDED: bool = true;
    const PURPOSE: Purpose = Purpose::Train;

    fn facts(params: &Params) -> Facts<'_> {
        Facts {
            network: Some(&params.network),
            training: Some(&params.training),
            steps: Some(params.training.max_epochs.into()),
            ..Facts::default()
        }
    }

    fn relying_on(params: &Params, permission: Permission) -> Params {
        let select_on_test = params.select_on_test || permission == Permission::SelectionOnTest;
        Params { select_on_test, ..params.clone() }
    }

    fn prose(params: &Params) -> Vec<Sentence> {
        let network = Topic::Network.all(params.network.prose());
        network.into_iter().chain(Topic::Training.all(params.training.prose())).collect()
    }
}

/// The card of a trained network: what stands beside the weights in its file (see the worker's half).
///
/// # Errors
/// When the object is damaged or no model.
pub fn card(model: &Object) -> Result<Value, Failure> {
    let header = header(model)?;
    let card = header["__metadata__"]["card"].as_str().ok_or_else(no_model)?;
    serde_json::from_str(card).map_err(|_| no_model())
}

/// The tensors of a trained network, by name and shape, in the order of its file.
///
/// # Errors
/// When the object is damaged or no model.
pub fn tensors(model: &Object) -> Result<Vec<(String, Vec<u64>)>, Failure> {
    let Value::Object(header) = header(model)? else { return Err(no_model()) };
    let mut tensors = Vec::new();
    for (name, of) in header.into_iter().filter(|(name, _)| name != "__metadata__") {
        let at = of["data_offsets"][0].as_u64().ok_or_else(no_model)?;
        let shape: Option<Vec<u64>> =
            of["shape"].as_array().and_then(|shape| shape.iter().map(Value::as_u64).collect());
        tensors.push((at, name, shape.ok_or_else(no_model)?));
    }
    tensors.sort();
    Ok(tensors.into_iter().map(|(_, name, shape)| (name, shape)).collect())
}

/// The header of a safetensors file: its length in 64 bits, then JSON; the weights follow.
fn header(model: &Object) -> Result<Value, Failure> {
    let length = model.bytes(0..8.min(model.len()))?;
    let length = u64::from_le_bytes(length.try_into().map_err(|_| no_model())?);
    let end = usize::try_from(length).ok().and_then(|length| length.checked_add(8)).ok_or_else(no_model)?;
    if end > model.len() {
        return Err(no_model());
    }
    serde_json::from_slice(model.bytes(8..end)?).map_err(|_| no_model())
}

fn no_model() -> Failure {
    Failure::Failed { message: "this is no model".into() }
}
