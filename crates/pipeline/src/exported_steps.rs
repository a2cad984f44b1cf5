//! What recordings go through before they reach a model from elsewhere: an export says it, and the pipeline gets these steps.
//!
//! `model.features` of a step `model` of op `model` stands for the last of them. Their parameters are those of the export, to
//! the letter.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use affekt_config::{Diagnostic, Diagnostics, Span};
use affekt_graph::Resources;
use affekt_ops::exported::Exported;
use affekt_ops::model::Model;

use crate::step::{Reference, Step, StepInput, Steps};

/// The output of a model's step that stands for the features that it reads.
const FEATURES: &str = "features";

/// Adds the steps of every exported model, and points at them what reads `features` of the model. Models whose steps cannot be
/// taken over are reported.
pub fn add(steps: &mut Steps, base: &Path, diagnostics: &Diagnostics) {
    let models: Vec<(String, Span, PathBuf)> = steps
        .read
        .iter()
        .filter_map(|step| {
            let folder = folder(base, &step.params.of::<Model>()?.from);
            Some((step.name.clone(), step.span.clone(), folder))
        })
        .collect();
    for (model, span, folder) in models {
        match before(&model, &span, &folder) {
            Ok(before) => {
                let last = before.last().map(|step| step.name.clone());
                refer(steps, &model, last.as_deref());
                steps.read.extend(before);
            }
            Err(why) => {
                let hint =
                    "name a folder that `export` or transformers made, from the experiment's folder on";
                diagnostics.push(Diagnostic::error(&span, why).hint(hint));
                steps.unread.insert(model.clone());
                steps.read.retain(|step| step.name != model);
            }
        }
    }
}

/// Finds the folder of an export, from where an experiment's paths begin or from where the program was started.
fn folder(base: &Path, from: &str) -> PathBuf {
    let beside = base.join(from);
    if beside.exists() { beside } else { PathBuf::from(from) }
}

/// Makes the steps of the export in `folder`, each named for the model and its operation.
fn before(model: &str, span: &Span, folder: &Path) -> Result<Vec<Step>, String> {
    let exported = Exported::of_any(folder).map_err(|failure| failure.to_string())?;
    let mut before: Vec<Step> = Vec::new();
    for step in exported.steps {
        let found = affekt_ops::find(&step.op).filter(|definition| definition.version == step.version);
        let Some(definition) = found else {
            return Err(format!(
                "`{model}` needs `{}` in version {}: export it again",
                step.op, step.version
            ));
        };
        if let Some(file) = step.files.first() {
            let (op, file) = (&step.op, &file.file);
            return Err(format!(
                "`{op}` of `{model}` reads `{file}` of the export, which experiments cannot"
            ));
        }
        let mut params = step.params;
        if let (Some(params), true) = (params.as_object_mut(), before.is_empty()) {
            // Each shard has its own.
            params.insert("recordings".to_owned(), serde_json::json!([]));
        }
        let params =
            (definition.parse)(&params).map_err(|error| format!("`{}` of `{model}`: {error}", step.op))?;
        let inputs = before.last().map(|last| StepInput {
            port: None,
            from: vec![Reference { span: span.clone(), node: last.name.clone(), output: None }],
        });
        before.push(Step {
            name: format!("{model}-{}", definition.word()),
            span: span.clone(),
            definition,
            params,
            inputs: inputs.into_iter().collect(),
            axes: BTreeSet::new(),
            resources: Resources::default(),
            differences: Vec::new(),
        });
    }
    Ok(before)
}

/// Points every reference to the features of `model` at the step that makes them.
fn refer(steps: &mut Steps, model: &str, features: Option<&str>) {
    let references =
        steps.read.iter_mut().flat_map(|step| &mut step.inputs).flat_map(|input| &mut input.from);
    for reference in references {
        if reference.node == model
            && reference.output.as_deref() == Some(FEATURES)
            && let Some(features) = features
        {
            features.clone_into(&mut reference.node);
            reference.output = None;
        }
    }
}
