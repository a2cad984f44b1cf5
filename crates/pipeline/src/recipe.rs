//! What the document behind a pipeline used, and where a variant is otherwise.
//!
//! ```yaml
//! published:
//!   tapt.training.steps: 20000                              # by step and parameter
//!   tapt.training.lr: { unavailable: one for each layer }    # not offered here
//!   tapt: { unavailable: a loss summed over masked frames } # no parameter is about it
//!   encoder: { unavailable: …, when: { normalise: true } }  # only where the step is so
//!   encoder.normalise: $normalise                           # the pipeline's own value, whatever an experiment gives
//!   base.from: { described: Keras' own, when: { from: x } } # in words, which count where the step is so
//!   train.network.dropout: { unpublished: }                 # the document does not say it; words say why it is as it is
//!   protocol.test: 0.1                                      # a setting of the experiment: of `corpora`, `labels`, `protocol`, `tune`
//! ```
//!
//! An experiment says `recipe` under `report.published` where its figures are of another recipe than the pipeline's.
//! The values are laid over a step and read as its own are, so that defaults, words and numbers are compared and not how they
//! are written. What differs is told in the report of a variant that stands beside published figures.

use affekt_config::{Diagnostic, Diagnostics, Field, Key, Node, Section, Span, Value, set, to_json};
use affekt_spec::protocol::Protocol;
use affekt_spec::{Limits, Spec, SpecTagged, View};

use crate::method;
use crate::protocol::ProtocolSection;
use crate::step::{Step, read_step};

/// What a document has for one step, for one of its parameters, or for a setting of the experiment.
#[derive(Debug, Clone)]
pub struct Published {
    of: Subject,
    value: PublishedValue,
    /// The parameters that the step must have for this to be about it, below the step.
    when: Vec<(Key, Node)>,
}

#[derive(Debug, Clone)]
enum Subject {
    Step {
        step: Key,
        /// The parameter's path below the step; none where no parameter is about it.
        parameter: Option<Key>,
    },
    /// The path in the experiment.
    Experiment(Key),
}

#[derive(Debug, Clone)]
enum PublishedValue {
    /// As it would be written here.
    Offered(Node),
    /// In words, which say what else it is where the step is as `when` has it.
    Described(String),
    /// What this program does not offer, in words.
    Unavailable(String),
    /// The document does not say it: why it is what it is here, in words or empty.
    Unpublished(String),
}

/// What is made of words.
type InWords = fn(String) -> PublishedValue;

/// The keys under which words stand in the place of a value.
const IN_WORDS: [(&str, InWords); 3] = [
    ("described", PublishedValue::Described),
    ("unavailable", PublishedValue::Unavailable),
    ("unpublished", PublishedValue::Unpublished),
];

/// The key beside it under which parameters stand that a step must have.
const WHEN: &str = "when";

/// The settings of an experiment that a document can be about.
const SETTINGS: [&str; 4] = ["corpora", "labels", "protocol", "tune"];

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
    entries.iter().filter_map(|(path, node)| read_one(path, node, &steps, diagnostics)).collect()
}

fn read_one(path: &Key, node: &Node, steps: &[&str], diagnostics: &Diagnostics) -> Option<Published> {
    let (first, rest) = match path.name.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path.name.as_str(), None),
    };
    let named = |name: &str| Key { name: name.to_owned(), ..path.clone() };
    let of = match steps.contains(&first) {
        true => Subject::Step { step: named(first), parameter: rest.map(named) },
        false if SETTINGS.contains(&first) => Subject::Experiment(path.clone()),
        false => {
            diagnostics.push(Diagnostic::unknown(&path.span, "node", first, "the pipeline has", steps));
            return None;
        }
    };
    let words = |node: &Node| match node.value {
        Value::Null => String::new(),
        _ => shown(&to_json(node)),
    };
    let in_words = IN_WORDS.into_iter().find_map(|(kind, value)| Some(value(words(node.get(kind)?))));
    let when = match (&in_words, node.get(WHEN).map(|when| &when.value)) {
        (Some(_), Some(Value::Map(entries))) => entries.clone(),
        _ => Vec::new(),
    };
    let value = in_words.unwrap_or_else(|| PublishedValue::Offered(node.clone()));
    if matches!(of, Subject::Step { parameter: None, .. }) && !matches!(value, PublishedValue::Unavailable(_))
    {
        let message = format!("`{first}` is a step: say which of its parameters is published");
        let hint = "`step.parameter: value`, or `step: { unavailable: … }` where no parameter is about it";
        diagnostics.push(Diagnostic::error(&path.span, message).hint(hint));
        return None;
    }
    Some(Published { of, value, when })
}

/// Says in what a step is otherwise than published, a line each, and in one more what of it the document leaves open. `node` is
/// what the step was read from.
pub fn differences(
    published: &[Published],
    step: &Step,
    node: &Node,
    diagnostics: &Diagnostics,
) -> Vec<String> {
    let own: Vec<(Option<&Key>, &Published)> = published
        .iter()
        .filter_map(|published| match &published.of {
            Subject::Step { step: of, parameter } if of.name == step.name => {
                Some((parameter.as_ref(), published))
            }
            _ => None,
        })
        .collect();
    let comparison = Comparison { step, node, here: step.params.view(View::Key) };
    let offered: Vec<(&Key, &Node)> = own
        .iter()
        .filter_map(|(parameter, published)| Some((*parameter.as_ref()?, published.offered()?)))
        .collect();
    let is_as_published = comparison.is_with(&offered, diagnostics);
    let (mut lines, mut open) = (Vec::new(), Vec::new());
    for (parameter, published) in own {
        let when: Vec<_> = published.when.iter().map(|(parameter, value)| (parameter, value)).collect();
        if !comparison.is_with(&when, &Diagnostics::new()) {
            continue;
        }
        let found = |parameter: &Key| comparison.found(&parameter.name);
        let path = |parameter: &Key| format!("parameter {}.{}", step.name, parameter.name);
        match (parameter, &published.value) {
            (None, PublishedValue::Unavailable(words)) => {
                lines.push(format!("step {}: published is {words}, which is not offered", step.name));
            }
            (Some(parameter), PublishedValue::Unavailable(words)) => {
                let (path, found) = (path(parameter), found(parameter));
                lines.push(format!("{path} is {found}; published is {words}, which is not offered"));
            }
            (Some(parameter), PublishedValue::Described(words)) => {
                let (path, found) = (path(parameter), found(parameter));
                lines.push(format!("{path} is {found}; published is {words}"));
            }
            (Some(parameter), PublishedValue::Offered(value))
                if !is_as_published && !comparison.is_with(&[(parameter, value)], &Diagnostics::new()) =>
            {
                let (path, found) = (path(parameter), found(parameter));
                lines.push(format!("{path} is {found}; published is {}", shown(&to_json(value))));
            }
            (Some(parameter), PublishedValue::Unpublished(why)) => {
                open.push(left_open(&parameter.name, &found(parameter), why));
            }
            _ => {}
        }
    }
    if !open.is_empty() {
        lines.push(format!("step {}: not published is {}", step.name, open.join(", ")));
    }
    lines
}

impl Published {
    /// Returns the published value, where this program offers it.
    const fn offered(&self) -> Option<&Node> {
        match &self.value {
            PublishedValue::Offered(value) => Some(value),
            _ => None,
        }
    }
}

/// A step beside itself with other parameters.
struct Comparison<'s> {
    step: &'s Step,
    node: &'s Node,
    here: serde_json::Value,
}

impl Comparison<'_> {
    /// Whether the step is the same with these parameters. Where it cannot be read with them it is not; mistakes in them are
    /// reported.
    fn is_with(&self, values: &[(&Key, &Node)], diagnostics: &Diagnostics) -> bool {
        let scratch = Diagnostics::new();
        let mut node = self.node.clone();
        for (parameter, value) in values {
            set(&mut node, parameter, (*value).clone(), &[], &scratch);
        }
        let key = Key { name: self.step.name.clone(), span: self.step.span.clone() };
        let other = read_step(&key, &node, &scratch);
        let is_of_these = |span: &Span| {
            let own = values.iter().flat_map(|(parameter, value)| [&parameter.span, &value.span]);
            let contains =
                |own: &Span| own.range().start <= span.range().start && span.range().end <= own.range().end;
            own.into_iter().any(|own| own.is_beside(span) && contains(own))
        };
        let mistakes = scratch.sorted().into_iter();
        mistakes.filter(|it| it.span.as_ref().is_some_and(is_of_these)).for_each(|it| diagnostics.push(it));
        !scratch.has_errors() && other.is_some_and(|other| other.params.view(View::Key) == self.here)
    }

    /// A parameter's value as it is written, else the default that it has.
    fn found(&self, parameter: &str) -> String {
        if let Some(node) = self.node.at(parameter) {
            return shown(&to_json(node));
        }
        let settings = method::settings(&(self.step.definition.fields)(), self.step.params.as_ref());
        let setting = settings.into_iter().find(|setting| setting.path == parameter);
        setting.map_or_else(|| "not given".to_owned(), |setting| shown(&setting.value))
    }
}

/// Says in what the settings of an experiment, whose variant has `root`, are otherwise than published.
pub fn differences_of_settings(
    published: &[Published],
    root: &Node,
    diagnostics: &Diagnostics,
) -> Vec<String> {
    let (mut lines, mut open) = (Vec::new(), Vec::new());
    for published in published {
        let Subject::Experiment(path) = &published.of else { continue };
        let found = || {
            root.at(&path.name)
                .map_or_else(|| default_of(root, &path.name), |node| shown(&setting(path, node)))
        };
        match &published.value {
            PublishedValue::Offered(value) if !is_so(root, path, value, diagnostics) => {
                lines.push(format!(
                    "setting {} is {}; published is {}",
                    path.name,
                    found(),
                    shown(&setting(path, value))
                ));
            }
            PublishedValue::Offered(_) => {}
            PublishedValue::Described(words) => {
                lines.push(format!("setting {} is {}; published is {words}", path.name, found()));
            }
            PublishedValue::Unavailable(words) => {
                lines.push(format!(
                    "setting {} is {}; published is {words}, which is not offered",
                    path.name,
                    found()
                ));
            }
            PublishedValue::Unpublished(why) => open.push(left_open(&path.name, &found(), why)),
        }
    }
    if !open.is_empty() {
        lines.push(format!("settings: not published is {}", open.join(", ")));
    }
    lines
}

/// Whether an experiment has this value there.
fn is_so(root: &Node, path: &Key, value: &Node, diagnostics: &Diagnostics) -> bool {
    if !path.name.starts_with("protocol") {
        return root.at(&path.name).is_some_and(|node| setting(path, node) == setting(path, value));
    }
    let read = |root: &Node, diagnostics: &Diagnostics| {
        let section = ProtocolSection::read(Field::new(root.get("protocol")?, diagnostics), &Limits::NONE);
        section.map(|section| section.view(View::Key))
    };
    let mut other = root.clone();
    set(&mut other, path, value.clone(), &[], diagnostics);
    let scratch = Diagnostics::new();
    let other = read(&other, &scratch);
    other.is_some() && !scratch.has_errors() && other == read(root, &scratch)
}

/// A setting as it is compared and shown: of corpora, their names in the alphabet's order.
fn setting(path: &Key, node: &Node) -> serde_json::Value {
    let mut names: Vec<&str> = match &node.value {
        _ if path.name != "corpora" => return to_json(node),
        Value::Map(entries) => entries.iter().map(|(key, _)| key.name.as_str()).collect(),
        Value::List(items) => items.iter().filter_map(Node::as_text).collect(),
        _ => return to_json(node),
    };
    names.sort_unstable();
    names.into()
}

/// The default of a key of the protocol.
fn default_of(root: &Node, path: &str) -> String {
    let find = || {
        let kind = root.at("protocol.kind")?.as_text()?;
        let variant = Protocol::documented().into_iter().find(|variant| variant.word.name == kind)?;
        let name = path.strip_prefix("protocol.")?;
        variant.fields.into_iter().find(|field| field.name == name)?.default
    };
    find().map_or_else(|| "not given".to_owned(), |value| shown(&value))
}

/// `training.batch_size: 32 (Keras' default)`.
fn left_open(path: &str, found: &str, why: &str) -> String {
    match why {
        "" => format!("{path}: {found}"),
        _ => format!("{path}: {found} ({why})"),
    }
}

/// A value as a person writes it.
fn shown(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        // 0 and not 0.0, as Rust shows it.
        serde_json::Value::Number(number) if number.is_f64() => {
            number.as_f64().unwrap_or_default().to_string()
        }
        other => other.to_string(),
    }
}
