//! What the document behind a pipeline used, and where a variant is otherwise.
//!
//! ```yaml
//! published:
//!   tapt.training.steps: 20000                              # by step and parameter
//!   tapt.training.precision: { unavailable: fp16 }          # not offered here
//!   tapt: { unavailable: a loss summed over masked frames } # no parameter is about it
//!   encoder: { unavailable: …, when: { normalise: true } }  # only where the step is so
//!   encoder.normalise: $normalise                           # the pipeline's own value, whatever an experiment gives
//! ```
//!
//! An experiment says `recipe` under `report.published` where its figures are of another recipe than the pipeline's.
//! The values are laid over a step and read as its own are, so that defaults, words and numbers are compared and not how they
//! are written. What differs is told in the report of a variant that stands beside published figures.

use affekt_config::{Diagnostic, Diagnostics, Key, Node, Section, Value, set, to_json};
use affekt_spec::View;

use crate::step::{Step, read_step};

/// What a document used for one step, or for one of its parameters.
#[derive(Debug, Clone)]
pub struct Published {
    step: Key,
    /// The parameter's path below the step; none where no parameter is about it.
    parameter: Option<Key>,
    value: Node,
    /// Whether this program offers it.
    is_offered: bool,
    /// The parameters that the step must have for this to be about it, below the step.
    when: Vec<(Key, Node)>,
}

/// The key under which a value stands that this program does not offer.
const UNAVAILABLE: &str = "unavailable";

/// The key beside it under which parameters stand that a step must have.
const WHEN: &str = "when";

/// Reads the section `published` of a pipeline, and what an experiment says beside or in place of it.
pub fn read_section(root: &Node, recipe: &[(Key, Node)], diagnostics: &Diagnostics) -> Vec<Published> {
    let mut entries = Vec::new();
    if let Some(node) = root.get("published")
        && let Some(mut section) = Section::open(node, diagnostics, "`published`")
    {
        let own = section.rest().into_iter().map(|(path, field)| (path.clone(), field.node.clone()));
        entries.extend(own.filter(|(path, _)| !recipe.iter().any(|(other, _)| other.name == path.name)));
    }
    entries.extend(recipe.iter().cloned());
    let steps = match root.get("nodes").map(|nodes| &nodes.value) {
        Some(Value::Map(entries)) => entries.iter().map(|(key, _)| key.name.as_str()).collect(),
        _ => Vec::new(),
    };
    let mut published = Vec::new();
    for (path, node) in &entries {
        let (step, parameter) = match path.name.split_once('.') {
            Some((step, parameter)) => (step, Some(parameter)),
            None => (path.name.as_str(), None),
        };
        if !steps.contains(&step) {
            diagnostics.push(Diagnostic::unknown(&path.span, "node", step, "the pipeline has", &steps));
            continue;
        }
        let named = |name: &str| Key { name: name.to_owned(), ..path.clone() };
        let unavailable = node.get(UNAVAILABLE);
        if unavailable.is_none() && parameter.is_none() {
            let message = format!("`{step}` is a step: say which of its parameters is published");
            let hint =
                "`step.parameter: value`, or `step: { unavailable: … }` where no parameter is about it";
            diagnostics.push(Diagnostic::error(&path.span, message).hint(hint));
            continue;
        }
        published.push(Published {
            step: named(step),
            parameter: parameter.map(named),
            value: unavailable.unwrap_or(node).clone(),
            is_offered: unavailable.is_none(),
            when: match unavailable.and(node.get(WHEN)).map(|when| &when.value) {
                Some(Value::Map(entries)) => entries.clone(),
                _ => Vec::new(),
            },
        });
    }
    published
}

impl Published {
    /// Returns the parameter and its published value, where it is about one.
    fn setting(&self) -> Option<(&Key, &Node)> {
        Some((self.parameter.as_ref()?, &self.value))
    }
}

/// Says in what a step is otherwise than published, a line each. `node` is what it was read from.
pub fn differences(
    published: &[Published],
    step: &Step,
    node: &Node,
    diagnostics: &Diagnostics,
) -> Vec<String> {
    let own: Vec<&Published> = published.iter().filter(|it| it.step.name == step.name).collect();
    let key = Key { name: step.name.clone(), span: step.span.clone() };
    let here = step.params.view(View::Key);
    let is_with = |values: &[(&Key, &Node)]| {
        let mut node = node.clone();
        for (parameter, value) in values {
            set(&mut node, parameter, (*value).clone(), &[], diagnostics);
        }
        // What cannot be read was said.
        read_step(&key, &node, diagnostics).is_none_or(|other| other.params.view(View::Key) == here)
    };
    let offered = |it: &&Published| it.is_offered;
    let offered: Vec<_> = own.iter().copied().filter(offered).filter_map(Published::setting).collect();
    let is_as_published = is_with(&offered);
    let mut lines = Vec::new();
    for published in own {
        let when: Vec<_> = published.when.iter().map(|(parameter, value)| (parameter, value)).collect();
        if !is_with(&when) {
            continue;
        }
        let value = shown(&to_json(&published.value));
        let Some(parameter) = &published.parameter else {
            lines.push(format!("step {}: published is {value}, which is not offered", step.name));
            continue;
        };
        let path = format!("{}.{}", step.name, parameter.name);
        let found =
            || at(node, &parameter.name).map_or_else(|| "not given".to_owned(), |node| shown(&to_json(node)));
        if !published.is_offered {
            lines
                .push(format!("parameter {path} is {}; published is {value}, which is not offered", found()));
        } else if !is_as_published && !is_with(&[(parameter, &published.value)]) {
            lines.push(format!("parameter {path} is {}; published is {value}", found()));
        }
    }
    lines
}

/// The value at a dotted path.
fn at<'n>(node: &'n Node, path: &str) -> Option<&'n Node> {
    path.split('.').try_fold(node, |node, name| node.get(name))
}

/// A value as a person writes it.
fn shown(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
