//! What stands in `affekt.json` of an exported model: all that a program needs to use it, beside the weights.

mod transformers;

use std::path::Path;

use affekt_config::is_contained;
use affekt_domain::Digest;
use affekt_graph::Failure;
use affekt_spec::encoder::TrainedOn;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the file's format.
pub const VERSION: u32 = 1;

/// The file's name.
pub const FILE: &str = "affekt.json";

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exported {
    /// The format's version: [`VERSION`].
    pub version: u32,
    /// The experiment that it was trained in.
    pub experiment: String,
    /// The node that trained it.
    pub node: String,
    /// What every recording goes through before the network reads it, in order. The first is `audio`.
    pub steps: Vec<Step>,
    /// The model's card: network, outputs, standardisation, how it was trained.
    pub card: Value,
    /// The files that hold the weights, in the folder.
    pub weights: Vec<Weights>,
    /// What it was trained on, its encoder included; `None` where nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trained_on: Option<Vec<TrainedOn>>,
    /// The run whose trainings kept, on average, as many epochs as it was trained for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs_from: Option<String>,
}

/// An op on the way from a recording to the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The op.
    pub op: String,
    /// Its version.
    pub version: u32,
    /// Its parameters.
    pub params: Value,
    /// Files of the folder on its ports, beside what the step before gives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<StepFile>,
}

/// A file of the folder that a step reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFile {
    /// The port it flows into.
    pub port: String,
    /// Its name.
    pub file: String,
    /// The digest of its bytes; older exports do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// A safetensors file with weights of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    /// Its name.
    pub file: String,
    /// What is put before its names to have the network's.
    pub prefix: String,
    /// Tensors that other programs need and the network has not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
}

impl Exported {
    /// Reads the file in `folder`, or what a folder of transformers with a network of the same layers says.
    ///
    /// # Errors
    /// When there is neither, or it cannot be used here.
    pub fn of_any(folder: &Path) -> Result<Self, Failure> {
        if folder.join(FILE).exists() {
            return Self::read(folder);
        }
        transformers::read(folder).unwrap_or_else(|| Self::read(folder))
    }

    /// Lists the files of the folder that it names.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let of_steps = self.steps.iter().flat_map(|step| &step.files).map(|read| read.file.as_str());
        self.weights.iter().map(|weights| weights.file.as_str()).chain(of_steps)
    }

    /// Reads the file in `folder`.
    ///
    /// # Errors
    /// When there is none, or it is none of this version.
    pub fn read(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(FILE);
        let failed = |why: &dyn std::fmt::Display| Failure::Failed {
            message: format!("{}: {why}: expected a folder made by `affekt export`", path.display()),
        };
        let text = std::fs::read(&path).map_err(|error| failed(&error))?;
        let exported: Self = serde_json::from_slice(&text).map_err(|error| failed(&error))?;
        if exported.version != VERSION {
            return Err(failed(&format!("version {}, and this program reads {VERSION}", exported.version)));
        }
        if let Some(outside) = exported.files().find(|file| !is_contained(file)) {
            return Err(failed(&format!("it names a file outside its folder, `{outside}`")));
        }
        Ok(exported)
    }
}
