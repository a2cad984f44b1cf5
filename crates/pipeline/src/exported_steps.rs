//! What recordings go through before they reach a model from elsewhere: an export says it, and the pipeline gets these steps.
//!
//! `model.features` of a step `model` of op `model` stands for the last of them. Their parameters are those of the export, to
//! the letter. Encoders that such steps read come along in the export.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use affekt_config::{Diagnostic, Diagnostics, Span};
use affekt_encoders::Hub;
use affekt_encoders::hub::locate_model;
use affekt_graph::Resources;
use affekt_ops::exported::{self, Exported};
use affekt_ops::exported_encoder::{self, ExportedEncoder};
use affekt_ops::model::Model;
use affekt_ops::{Definition, Operation, Params};

use crate::step::{Reference, Step, StepInput, Steps};

/// The output of a model's step that stands for the features that it reads.
const FEATURES: &str = "features";

/// Adds the steps of every exported model, and points at them what reads `features` of the model. Models whose steps cannot be
/// taken over are reported.
pub fn add(steps: &mut Steps, base: &Path, hub: &Hub, diagnostics: &Diagnostics) {
    let of_model = |step: &Step| {
        let from = step.params.of::<Model>()?.from.clone();
        Some(ExportedModel { name: step.name.clone(), span: step.span.clone(), from })
    };
    let models: Vec<ExportedModel> = steps.read.iter().filter_map(of_model).collect();
    for model in models {
        let located = locate_model(&model.from, Some(base), hub).map_err(|error| error.to_string());
        match located.and_then(|folder| model.before(&folder)) {
            Ok(Before { files, way }) => {
                refer(steps, &model.name, way.last().map(|step| step.name.as_str()));
                steps.read.extend(files.into_iter().chain(way));
            }
            Err(why) => {
                let hint = "name a folder that `export` or transformers made, from the experiment's folder on, or \
                            `owner/name` of the Hub";
                diagnostics.push(Diagnostic::error(&model.span, why).hint(hint));
                steps.unread.insert(model.name.clone());
                steps.read.retain(|step| step.name != model.name);
            }
        }
    }
}

/// A step of op `model`.
struct ExportedModel {
    name: String,
    span: Span,
    from: String,
}

/// What comes before a model.
#[derive(Default)]
struct Before {
    /// What the export brings along for steps on the way.
    files: Vec<Step>,
    /// From recordings to what the network reads.
    way: Vec<Step>,
}

impl ExportedModel {
    /// Makes the steps of the export in `folder`, each named for the model and its operation.
    fn before(&self, folder: &Path) -> Result<Before, String> {
        let exported = Exported::of_any(folder).map_err(|failure| failure.to_string())?;
        let mut before = Before::default();
        for step in exported.steps {
            let made = self.step(step, &mut before)?;
            before.way.push(made);
        }
        Ok(before)
    }

    /// Makes a step that reads the last one and files of the export, which it adds.
    fn step(&self, step: exported::Step, before: &mut Before) -> Result<Step, String> {
        let model = &self.name;
        let found = affekt_ops::find(&step.op).filter(|definition| definition.version == step.version);
        let Some(definition) = found else {
            return Err(format!(
                "`{model}` needs `{}` in version {}: export it again",
                step.op, step.version
            ));
        };
        let mut params = step.params;
        if let (Some(params), true) = (params.as_object_mut(), before.way.is_empty()) {
            // Each shard has its own.
            params.insert("recordings".to_owned(), serde_json::json!([]));
        }
        let params =
            (definition.parse)(&params).map_err(|error| format!("`{}` of `{model}`: {error}", step.op))?;
        let name = format!("{model}-{}", definition.word());
        let last = before.way.last().zip(definition.inputs.first());
        let mut inputs: Vec<StepInput> =
            last.map(|(last, port)| self.input(port.name, &last.name)).into_iter().collect();
        for read in step.files {
            let source = format!("{name}-{}", read.port);
            inputs.push(self.input(&read.port, &source));
            let params = exported_encoder::Params { from: self.from.clone(), file: read.file };
            let params = affekt_ops::with::<ExportedEncoder>(params);
            before.files.push(self.made(source, &ExportedEncoder::DEFINITION, params, Vec::new()));
        }
        Ok(self.made(name, definition, params, inputs))
    }

    fn input(&self, port: &str, node: &str) -> StepInput {
        let from = Reference { span: self.span.clone(), node: node.to_owned(), output: None };
        StepInput { port: Some((port.to_owned(), self.span.clone())), from: vec![from] }
    }

    fn made(
        &self,
        name: String,
        definition: &'static Definition,
        params: Arc<dyn Params>,
        inputs: Vec<StepInput>,
    ) -> Step {
        Step {
            name,
            span: self.span.clone(),
            definition,
            params,
            inputs,
            axes: BTreeSet::new(),
            resources: Resources::default(),
            differences: Vec::new(),
        }
    }
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
