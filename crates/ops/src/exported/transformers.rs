//! A folder of transformers with a fine-tuned wav2vec 2.0 (`Wav2Vec2ForSequenceClassification`), as if it had been exported
//! here.
//!
//! Its head is a projector of the last layer, the mean over frames and a linear map: our network has the same layers under the
//! same names. Recordings are resampled to 16 kHz and read whole.

use std::path::Path;

use affekt_domain::Task;
use affekt_graph::Failure;
use affekt_spec::encoder::{Family, RELATIVES, SpeechConfig};
use affekt_spec::network::{FineTunedConfig, NetworkConfig, ProjectorConfig};
use affekt_spec::{Spec, View, from_json};
use serde_json::{Map, Value, json};

use super::{Exported, Step, VERSION, Weights};
use crate::audio::{self, Audio};
use crate::operation::Operation;

/// How transformers' names of the classes end.
const CLASS: &str = "ForSequenceClassification";

/// The file of weights.
const WEIGHTS: &str = "model.safetensors";

/// Reads the configuration in `folder`; `None` where it has none.
///
/// # Errors
/// When the network is another one, or a setting is unknown.
pub fn read(folder: &Path) -> Option<Result<Exported, Failure>> {
    let path = folder.join("config.json");
    let text = std::fs::read(&path).ok()?;
    let exported = serde_json::from_slice(&text).map_err(|error| error.to_string());
    let exported = exported.and_then(|fields| exported_of(folder, &fields));
    Some(exported.map_err(|why| Failure::Failed { message: format!("{}: {why}", path.display()) }))
}

fn exported_of(folder: &Path, fields: &Map<String, Value>) -> Result<Exported, String> {
    let class = fields.get("architectures").and_then(|classes| classes[0].as_str()).unwrap_or_default();
    if !RELATIVES.iter().any(|relative| class.strip_prefix(relative.class) == Some(CLASS)) {
        return Err(format!("the network is `{class}`: expected `Wav2Vec2{CLASS}`, or that of a relative"));
    }
    if !folder.join(WEIGHTS).is_file() {
        return Err(format!(
            "there is no `{WEIGHTS}` beside it, the only form of weights that is read of a model"
        ));
    }
    let known = SpeechConfig::known_fields(fields).map_err(|error| error.to_string())?;
    let family = Family::of(&known).map_err(|error| error.to_string())?;
    let encoder = family.speech().ok_or("expected an encoder of speech")?.clone();
    let width = fields.get("classifier_proj_size").and_then(Value::as_u64).unwrap_or(256) as usize;
    let default: FineTunedConfig = from_json(json!({ "encoder": encoder, "normalise": normalises(folder)? }))
        .map_err(|error| error.to_string())?;
    let network = FineTunedConfig { projector: Some(ProjectorConfig { width }), ..default };
    let audio: audio::Params = from_json(json!({ "rate_hz": 16_000, "seconds": null, "recordings": [] }))
        .map_err(|error| error.to_string())?;
    let card = json!({
        "version": 3,
        "network": NetworkConfig::Wav2Vec2(Box::new(network)),
        "task": Task::Classes(classes(fields)?),
        "input": "waveforms",
        "standardise": null,
        "encoder": null,
        "parameters": { "total": 0, "trainable": 0 },
        "fold": 1,
        "seed": 1,
        "training_rows": 0,
        "epochs": 0,
        "stage": "search",
        "kept_epoch": 0,
    });
    Ok(Exported {
        version: VERSION,
        experiment: String::new(),
        node: class.to_owned(),
        steps: vec![Step {
            op: Audio::NAME.to_owned(),
            version: Audio::VERSION,
            params: audio.view(View::Key),
            files: Vec::new(),
        }],
        card,
        weights: vec![Weights { file: WEIGHTS.to_owned(), prefix: String::new(), without: Vec::new() }],
        trained_on: None,
        epochs_from: None,
    })
}

/// The names of the classes in the order of the logits.
fn classes(fields: &Map<String, Value>) -> Result<Vec<String>, String> {
    let names = fields.get("id2label").and_then(Value::as_object).ok_or("there is no `id2label`")?;
    let name = |id: usize| names.get(&id.to_string()).and_then(Value::as_str).map(str::to_owned);
    (0..names.len()).map(|id| name(id).ok_or_else(|| format!("`id2label` has no `{id}`"))).collect()
}

/// Whether waveforms are brought to zero mean and unit variance: transformers' default, unless the folder says otherwise.
fn normalises(folder: &Path) -> Result<bool, String> {
    let Ok(text) = std::fs::read(folder.join("preprocessor_config.json")) else { return Ok(true) };
    let fields: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    Ok(fields["do_normalize"].as_bool().unwrap_or(true))
}
