//! Body of `model`: the folder of an export becomes the artefact of a trained network.

use std::collections::BTreeMap;
use std::path::Path;

use affekt_domain::{Digest, Task};
use affekt_encoders::of_network;
use affekt_graph::{Failure, Job, hash_bytes};
use affekt_ops::exported::Exported;
use affekt_ops::model::Params;
use serde_json::json;

use crate::file_digests::FileDigests;

/// The fold of protocols without a split, which is the only one that such a model predicts.
const FOLD: u32 = 1;

/// Returns the digest of card and weights. What the export says of its past is left out.
pub fn fingerprint(folder: &Path, digests: &FileDigests) -> Result<Digest, Failure> {
    let exported = Exported::of_any(folder)?;
    let mut parts = json!([exported.card, exported.steps, exported.weights]).to_string().into_bytes();
    for weights in &exported.weights {
        let path = folder.join(&weights.file);
        let digest = digests.digest(&path).map_err(|error| unreadable(&path, &error))?;
        parts.extend(digest.to_string().into_bytes());
    }
    Ok(hash_bytes(&parts))
}

pub fn run(job: &Job, folder: &Path) -> Result<(), Failure> {
    let Params { rename, .. } = affekt_ops::params(job)?;
    let Exported { mut card, weights, .. } = Exported::of_any(folder)?;
    let mut tensors = BTreeMap::new();
    for file in weights {
        let path = folder.join(&file.file);
        let read = affekt_encoders::tensors(&path).map_err(|error| unreadable(&path, &error))?;
        let own = read.into_iter().filter(|(name, _)| !file.without.contains(name));
        tensors.extend(own.map(|(name, weights)| (of_network(&format!("{}{name}", file.prefix)), weights)));
    }
    let task = serde_json::from_value(card["task"].clone()).map_err(|error| Failure::because(&error))?;
    card["task"] = json!(renamed(&task, &rename)?);
    card["fold"] = json!(FOLD);
    affekt_encoders::write_with_card(job.output("model")?, &card, &tensors)
        .map_err(|error| Failure::because(&error))
}

/// Gives classes or outputs the names of the experiment's label scheme.
fn renamed(task: &Task, rename: &BTreeMap<String, String>) -> Result<Task, Failure> {
    let failed = |message: String| Failure::Failed { message };
    let known = task.names().to_vec();
    if let Some(unknown) = rename.keys().find(|name| !known.contains(name)) {
        let known = known.join(", ");
        return Err(failed(format!("`rename` names `{unknown}`, and the model knows {known}")));
    }
    let names: Vec<String> = known.iter().map(|name| rename.get(name).unwrap_or(name).clone()).collect();
    if let Some(twice) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
        return Err(failed(format!("two outputs of the model would be called `{}`", twice.1)));
    }
    Ok(match task {
        Task::Classes(_) => Task::Classes(names),
        Task::Outputs(_) => Task::Outputs(names),
    })
}

fn unreadable(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::Failed { message: format!("failed to read {}: {why}", path.display()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(names: &[&str]) -> Task {
        Task::Classes(names.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn classes_get_the_names_of_the_scheme() {
        let rename = |from: &str, to: &str| BTreeMap::from([(from.to_owned(), to.to_owned())]);
        let model = || classes(&["anger", "sad"]);
        assert_eq!(renamed(&model(), &rename("anger", "angry")).unwrap(), classes(&["angry", "sad"]));
        let told = |rename| renamed(&model(), &rename).unwrap_err().to_string();
        assert!(told(rename("fear", "afraid")).contains("the model knows anger, sad"));
        assert!(told(rename("anger", "sad")).contains("two outputs of the model would be called `sad`"));
    }
}
