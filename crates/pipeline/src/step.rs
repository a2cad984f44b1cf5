//! The steps of a pipeline file.
//!
//! ```yaml
//! defaults: { lr: 1e-3 }                        # values of $variables that an experiment does not give
//! profiles: { tiny: { lr: 1e-2 } }              # other such values, for an experiment that chooses them by this name
//! choices: { kind: { cnn: { lr: 1e-4 } } }      # other such values, where the variable `kind` is `cnn`
//! published: { train.training.lr: 1e-3 }        # what the document behind the pipeline used
//! nodes:
//!   mfcc:  { op: mfcc, in: audio, n_mfcc: 128 }
//!   train: { op: train, in: { features: mfcc, train: split.train }, training: { lr: $lr }, per: [fold, seed] }
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use affekt_config::{Diagnostic, Diagnostics, Field, Key, Node, Section, Span, Value, set};
use affekt_graph::Resources;
use affekt_ops::{Author, Definition, MistakeAt, Params};

use crate::recipe::{self, Published};
use crate::{axes, choices, profiles};

/// One step.
pub struct Step {
    pub name: String,
    pub span: Span,
    pub definition: &'static Definition,
    pub params: Arc<dyn Params>,
    /// Port (or `None` where only names are given) → references.
    pub inputs: Vec<StepInput>,
    pub axes: BTreeSet<Axis>,
    pub resources: Resources,
    /// In what it is otherwise than the document behind the pipeline, a line each.
    pub differences: Vec<String>,
}

pub struct StepInput {
    pub port: Option<(String, Span)>,
    pub from: Vec<Reference>,
}

/// `mfcc`, `split.train`.
pub struct Reference {
    pub span: Span,
    pub node: String,
    pub output: Option<String>,
}

/// What a node is multiplied by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Axis {
    Fold,
    Seed,
}

impl Axis {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fold => axes::FOLD,
            Self::Seed => axes::SEED,
        }
    }
}

/// The steps of a pipeline, and the names of those that could not be read: what refers to them is no mistake of its
/// own.
#[derive(Default)]
pub struct Steps {
    pub read: Vec<Step>,
    pub unread: BTreeSet<String>,
    /// The variables that an experiment sets and no step reads.
    pub unread_variables: BTreeSet<String>,
    /// What the document behind the pipeline used.
    pub published: Vec<Published>,
}

/// The steps of the pipeline in `root`, with the experiment's `with` and the pipeline's own profile of that name filled in. What an
/// experiment says of its document's `recipe` wins over what the pipeline says.
pub fn read(
    root: &Node,
    with: &[(Key, Node)],
    profile: Option<&str>,
    recipe: &[(Key, Node)],
    diagnostics: &Diagnostics,
) -> Steps {
    check_names(root, with, diagnostics);
    let mut root = root.clone();
    let unread_variables = fill_in(&mut root, with, profile, diagnostics);
    let Some(mut section) = Section::open(&root, diagnostics, "the pipeline") else {
        return Steps::default();
    };
    section.check_file_version();
    section.node("defaults");
    for key in ["profiles", "choices", "published"] {
        section.node(key);
    }
    let published = recipe::read_section(&root, recipe, diagnostics);
    let mut steps = Steps { unread_variables, ..Steps::default() };
    section.required_section("nodes", |nodes| {
        for (key, field) in nodes.rest() {
            match read_step(key, field.node, diagnostics) {
                Some(mut step) => {
                    step.differences = recipe::differences(&published, &step, field.node, diagnostics);
                    steps.read.push(step);
                }
                None => _ = steps.unread.insert(key.name.clone()),
            }
        }
        Some(())
    });
    section.close();
    steps.published = published;
    steps
}

/// Complains of nodes and variables that `with`, or any profile of the pipeline, sets and the pipeline lacks.
pub fn check_names(root: &Node, with: &[(Key, Node)], diagnostics: &Diagnostics) {
    let nodes: Vec<&String> = entries(root, "nodes").iter().map(|(key, _)| &key.name).collect();
    let mut variables: BTreeSet<&str> = BTreeSet::new();
    variables.extend(entries(root, "defaults").iter().map(|(key, _)| key.name.as_str()));
    root.get("nodes").into_iter().for_each(|node| collect_variables(node, &mut variables));
    let (paths, values): (Vec<_>, Vec<_>) = with.iter().partition(|(key, _)| key.name.contains('.'));
    for (path, value) in paths {
        collect_variables(value, &mut variables);
        let first = path.name.split('.').next().unwrap_or_default();
        if !nodes.iter().any(|name| *name == first) {
            diagnostics.push(Diagnostic::unknown(&path.span, "node", first, "the pipeline has", &nodes));
        }
    }
    let variables: Vec<&str> = variables.into_iter().collect();
    let profiles = profiles::read_section(root, diagnostics);
    let choices = choices::read_section(root, diagnostics);
    let chosen = choices.iter().flat_map(|choice| choice.words.iter().flat_map(|(_, settings)| settings));
    let set = values.into_iter().chain(profiles.iter().flat_map(|profile| &profile.settings)).chain(chosen);
    let named = set.map(|(key, _)| key).chain(choices.iter().map(|choice| &choice.variable));
    for key in named.filter(|key| !variables.contains(&key.name.as_str())) {
        let unknown = Diagnostic::unknown(&key.span, "variable", &key.name, "the pipeline has", &variables);
        diagnostics.push(unknown);
    }
}

/// The names after `$`.
fn collect_variables<'n>(node: &'n Node, variables: &mut BTreeSet<&'n str>) {
    match &node.value {
        Value::Text(text) => variables.extend(text.strip_prefix('$')),
        Value::List(items) => items.iter().for_each(|item| collect_variables(item, variables)),
        Value::Map(entries) => entries.iter().for_each(|(_, item)| collect_variables(item, variables)),
        _ => {}
    }
}

/// Replaces `$name` by its value and lays `node.parameter` settings over the nodes. Returns which variables of `with` no node
/// reads.
fn fill_in(
    root: &mut Node,
    with: &[(Key, Node)],
    profile: Option<&str>,
    diagnostics: &Diagnostics,
) -> BTreeSet<String> {
    let (paths, mut values): (Vec<_>, Vec<_>) =
        with.iter().cloned().partition(|(key, _)| key.name.contains('.'));
    let of_profile = profiles::read_section(root, diagnostics)
        .into_iter()
        .filter(|known| Some(known.name.name.as_str()) == profile)
        .flat_map(|profile| profile.settings);
    // The first that is found counts.
    values.extend(of_profile);
    let own = values.len();
    values.extend(entries(root, "defaults").iter().cloned());
    let choices = choices::read_section(root, diagnostics);
    let chosen: Vec<_> = choices.iter().flat_map(|choice| choice.settings(&values)).cloned().collect();
    values.splice(own..own, chosen);
    // What is published does not follow what an experiment gives.
    if let Some(published) = entry(root, "published") {
        substitute(published, &values[own..], diagnostics);
    }
    let Some(nodes) = entry(root, "nodes") else { return BTreeSet::new() };
    for (path, value) in &paths {
        let first = path.name.split('.').next().unwrap_or_default();
        if nodes.get(first).is_some() {
            set(nodes, path, value.clone(), &[], diagnostics);
        }
    }
    let mut read = BTreeSet::new();
    collect_variables(nodes, &mut read);
    let unread = with.iter().map(|(key, _)| &key.name);
    let chooses = |name: &str| choices.iter().any(|choice| choice.variable.name == name);
    let is_read = |name: &str| name.contains('.') || read.contains(name) || chooses(name);
    let unread = unread.filter(|name| !is_read(name)).cloned().collect();
    substitute(nodes, &values, diagnostics);
    unread
}

/// Returns whether there is a value. A setting without one is left out: that it is unknown is said once.
fn substitute(node: &mut Node, values: &[(Key, Node)], diagnostics: &Diagnostics) -> bool {
    match &mut node.value {
        Value::Text(text) if text.starts_with('$') => {
            let name = &text[1..];
            match values.iter().find(|(key, _)| key.name == name) {
                Some((_, value)) => *node = value.clone(),
                None => {
                    let known: BTreeSet<&str> = values.iter().map(|(key, _)| key.name.as_str()).collect();
                    let known: Vec<&str> = known.into_iter().collect();
                    let unknown = Diagnostic::unknown(&node.span, "variable", name, "given are", &known);
                    diagnostics.push(unknown);
                    return false;
                }
            }
        }
        Value::List(items) => items.retain_mut(|item| substitute(item, values, diagnostics)),
        Value::Map(entries) => entries.retain_mut(|(_, item)| substitute(item, values, diagnostics)),
        _ => {}
    }
    true
}

/// The entries of the mapping under `name`; none where there is no such mapping.
fn entries<'n>(node: &'n Node, name: &str) -> &'n [(Key, Node)] {
    match node.get(name).map(|node| &node.value) {
        Some(Value::Map(entries)) => entries,
        _ => &[],
    }
}

fn entry<'n>(node: &'n mut Node, name: &str) -> Option<&'n mut Node> {
    match &mut node.value {
        Value::Map(entries) => entries.iter_mut().find(|(key, _)| key.name == name).map(|(_, node)| node),
        _ => None,
    }
}

/// Reads one step.
pub fn read_step(key: &Key, node: &Node, diagnostics: &Diagnostics) -> Option<Step> {
    let mut section = Section::open(node, diagnostics, &format!("node `{}`", key.name))?;
    let op = section.required("op")?;
    let name = op.text()?;
    let inputs = read_inputs(&mut section, diagnostics);
    let axes = read_axes(&mut section);
    let resources = section.section("resources", |section| {
        Some(Resources {
            cpu: section.integer("cpu", 1, 1..=1024),
            gpu: section.integer("gpu", 0, 0..=1),
            memory_mib: section.integer("memory_mib", 0, 0..=1 << 40),
            timeout_s: section.integer("timeout_s", 0, 0..=u32::MAX),
            retries: section.integer("retries", 0, 0..=100),
        })
    });
    let definition = find_op(op, name, diagnostics)?;
    let params = (definition.read)(&mut section);
    section.close();
    let params = params.unwrap_or_else(affekt_ops::unread);
    check_ports(key, node, params.as_ref(), &inputs, diagnostics);
    let resources = resources.unwrap_or_default();
    Some(Step {
        name: key.name.clone(),
        span: key.span.clone(),
        definition,
        params,
        inputs,
        axes,
        resources,
        differences: Vec::new(),
    })
}

fn find_op(op: Field<'_>, name: &str, diagnostics: &Diagnostics) -> Option<&'static Definition> {
    let found = affekt_ops::find(name).filter(|found| found.author != Author::Command);
    let Some(definition) = found else {
        let names: Vec<&str> = affekt_ops::of_pipelines().map(Definition::word).collect();
        diagnostics.push(Diagnostic::unknown(&op.node.span, "op", name, "there are", &names));
        return None;
    };
    if definition.author == Author::Experiment {
        let message =
            format!("op `{name}` is not for pipelines: every experiment has it, by its own settings");
        diagnostics.push(Diagnostic::error(&op.node.span, message).hint("leave the node out"));
        return None;
    }
    Some(definition)
}

/// Complains of ports that do not go with the parameters.
fn check_ports(key: &Key, node: &Node, params: &dyn Params, inputs: &[StepInput], diagnostics: &Diagnostics) {
    let ports: Vec<&(String, Span)> = inputs.iter().filter_map(|input| input.port.as_ref()).collect();
    let names: Vec<&str> = ports.iter().map(|(port, _)| port.as_str()).collect();
    let Some(mistake) = params.check_ports(&key.name, &names) else { return };
    let span = match mistake.at {
        MistakeAt::Parameter(name) => node.get(name).map(|node| &node.span),
        MistakeAt::Port(name) => ports.iter().find(|(port, _)| port == name).map(|(_, span)| span),
    };
    let error = Diagnostic::error(span.unwrap_or(&key.span), mistake.message);
    diagnostics.push(error.hint(mistake.hint));
}

fn read_axes(section: &mut Section<'_>) -> BTreeSet<Axis> {
    let choices = [(axes::FOLD, Axis::Fold), (axes::SEED, Axis::Seed)];
    let Some(field) = section.optional("per") else { return BTreeSet::new() };
    field.one_or_list().into_iter().filter_map(|field| field.one_of(&choices)).collect()
}

fn read_inputs(section: &mut Section<'_>, diagnostics: &Diagnostics) -> Vec<StepInput> {
    let Some(field) = section.optional("in") else { return Vec::new() };
    match &field.node.value {
        Value::Map(entries) => entries
            .iter()
            .map(|(port, node)| StepInput {
                port: Some((port.name.clone(), port.span.clone())),
                from: references(Field::new(node, diagnostics)),
            })
            .collect(),
        _ => vec![StepInput { port: None, from: references(field) }],
    }
}

fn references(field: Field<'_>) -> Vec<Reference> {
    let read = |field: Field<'_>| {
        let text = field.text()?;
        let (node, output) = match text.split_once('.') {
            Some((node, output)) => (node, Some(output.to_owned())),
            None => (text, None),
        };
        Some(Reference { span: field.node.span.clone(), node: node.to_owned(), output })
    };
    field.one_or_list().into_iter().filter_map(read).collect()
}
