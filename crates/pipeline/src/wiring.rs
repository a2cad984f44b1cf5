//! Whether steps fit together: names, kinds, how many, in which order.

use std::collections::{BTreeMap, BTreeSet};

use affekt_config::{Diagnostic, Diagnostics, list_names};
use affekt_domain::Role;
use affekt_graph::Place;
use affekt_ops::examples::Examples;
use affekt_ops::folds::Folds;
use affekt_ops::split::Split;
use affekt_ops::{Author, Definition, Grain, InputPort, Kind, Operation, OutputPort, Purpose};
use affekt_spec::network::InputKind;
use affekt_spec::protocol::Permission;

use crate::protocol::Permitted;
use crate::step::{Axis, Reference, Step, Steps};
use crate::tuning;

/// What every pipeline finds there: made from the experiment's corpora, labels and protocol.
pub static GIVEN: &[(&str, &Definition, &[Axis])] = &[
    ("examples", &Examples::DEFINITION, &[]),
    ("folds", &Folds::DEFINITION, &[]),
    ("split", &Split::DEFINITION, &[Axis::Fold]),
];

/// Whether a node's name is taken: by what every pipeline finds there, by operations that experiments add, and by searches.
fn is_reserved(name: &str) -> bool {
    let own = affekt_ops::ALL.iter().filter(|definition| definition.author == Author::Experiment);
    GIVEN.iter().any(|(given, ..)| *given == name)
        || own.into_iter().any(|definition| definition.name == name)
        || name == tuning::TUNE
}

/// A step whose references are resolved: one list a port of its op, in the op's order.
pub struct Wired {
    pub step: Step,
    pub inputs: Vec<Vec<Wire>>,
    /// The permissions without which it would have been refused.
    pub relies_on: BTreeSet<Permission>,
}

impl Wired {
    /// What flows into a port.
    pub fn port(&self, name: &str) -> &[Wire] {
        let mut ports = self.step.definition.inputs.iter().zip(&self.inputs);
        ports.find(|(port, _)| port.name == name).map_or(&[], |(_, wires)| wires)
    }
}

/// One reference, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wire {
    pub node: String,
    pub output: String,
    relies_on: Option<Permission>,
}

/// What can be referred to.
struct Named {
    definition: &'static Definition,
    axes: BTreeSet<Axis>,
}

/// What a step is wired among.
struct Pipeline<'p> {
    named: BTreeMap<String, Named>,
    unread: BTreeSet<String>,
    permitted: &'p Permitted,
}

/// Resolves all references and orders the steps so that each comes after what it reads. `None` (and errors) when
/// they do not fit.
pub fn wire(
    steps: Steps,
    permitted: &Permitted,
    goal: Goal,
    diagnostics: &Diagnostics,
) -> Option<Vec<Wired>> {
    let Steps { read: steps, unread, .. } = steps;
    let mut is_sound = unread.is_empty();
    let mut named: BTreeMap<String, Named> = GIVEN
        .iter()
        .map(|(name, definition, axes)| {
            ((*name).to_owned(), Named { definition, axes: axes.iter().copied().collect() })
        })
        .collect();
    for step in &steps {
        let name = Named { definition: step.definition, axes: step.axes.clone() };
        if is_reserved(&step.name) {
            let message = format!("`{}` is given and cannot be a node's name", step.name);
            diagnostics.push(Diagnostic::error(&step.span, message).hint("call it something else"));
            is_sound = false;
        }
        named.insert(step.name.clone(), name);
    }
    let pipeline = Pipeline { named, unread, permitted };
    let mut wired = Vec::new();
    for step in steps {
        match wire_step(&step, &pipeline, diagnostics) {
            Some(inputs) => {
                let relies_on = inputs.iter().flatten().filter_map(|wire| wire.relies_on).collect();
                wired.push(Wired { step, inputs, relies_on });
            }
            None => is_sound = false,
        }
    }
    let reporting: Vec<&Wired> =
        wired.iter().filter(|w| w.step.definition.purpose == Purpose::Evaluate).collect();
    if let [first, second, ..] = reporting[..] {
        let message = format!("`{}` evaluates, as `{}` does already", second.step.name, first.step.name);
        let one = Diagnostic::error(&second.step.span, message).related(&first.step.span, "the first");
        diagnostics.push(one.hint("a variant has one set of figures: make a variant for the other"));
        is_sound = false;
    }
    is_sound &= crate::bottleneck::check(&wired, diagnostics);
    if !is_sound {
        return None;
    }
    in_order(wired, diagnostics).map(|steps| leading_to(goal, steps))
}

/// What a pipeline is gone through for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Figures and submissions.
    Figures,
    /// A trained model alone.
    Model,
}

/// The steps that the goal is made from: a pipeline may offer features for an experiment to choose from, and what is not
/// chosen is not computed. All of them where there is no such end.
fn leading_to(goal: Goal, steps: Vec<Wired>) -> Vec<Wired> {
    let is_end = |purpose: Purpose| match goal {
        Goal::Figures => purpose.is_end(),
        Goal::Model => purpose == Purpose::Train,
    };
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    for Wired { step, inputs, .. } in steps.iter().rev() {
        if is_end(step.definition.purpose) || wanted.contains(&step.name) {
            wanted.insert(step.name.clone());
            wanted.extend(inputs.iter().flatten().map(|wire| wire.node.clone()));
        }
    }
    let is_wanted = |wired: &Wired| wanted.is_empty() || wanted.contains(&wired.step.name);
    steps.into_iter().filter(is_wanted).collect()
}

fn wire_step(step: &Step, pipeline: &Pipeline<'_>, diagnostics: &Diagnostics) -> Option<Vec<Vec<Wire>>> {
    let Pipeline { named, unread, .. } = pipeline;
    let ports = step.definition.inputs;
    let mut inputs: Vec<Vec<Wire>> = vec![Vec::new(); ports.len()];
    let mut is_sound = true;
    for input in &step.inputs {
        let position = match &input.port {
            None if ports.is_empty() => {
                let message = format!("op `{}` reads nothing", step.definition.name);
                diagnostics.error(&input.from[0].span, message);
                return None;
            }
            None => 0,
            Some((name, span)) => match ports.iter().position(|port| port.name == name) {
                Some(position) => position,
                None => {
                    let names: Vec<&str> = ports.iter().map(|port| port.name).collect();
                    let all = format!("op `{}` has", step.definition.name);
                    diagnostics.push(Diagnostic::unknown(span, "port", name, &all, &names));
                    is_sound = false;
                    continue;
                }
            },
        };
        let port = &ports[position];
        for reference in &input.from {
            if unread.contains(&reference.node) {
                is_sound = false;
                continue;
            }
            match resolve(step, port, reference, pipeline, diagnostics) {
                Some(wire) => inputs[position].push(wire),
                None => is_sound = false,
            }
        }
        if input.from.len() > 1 && !port.takes_many() {
            let message = format!("input `{}` of `{}` takes one artefact", port.name, step.name);
            diagnostics.error(&input.from[1].span, message);
            is_sound = false;
        }
    }
    for (port, wires) in ports.iter().zip(&inputs) {
        if wires.is_empty() && is_sound && !port.is_optional() {
            let kinds: Vec<String> = port.kinds.iter().map(Kind::to_string).collect();
            let fitting = fitting(port, named);
            let hint = if fitting.is_empty() {
                "no node gives that".to_owned()
            } else {
                format!("{} would fit", list_names(&fitting))
            };
            diagnostics.push(
                Diagnostic::error(
                    &step.span,
                    format!("node `{}` needs input `{}`: {}", step.name, port.name, kinds.join(" or ")),
                )
                .hint(hint),
            );
            is_sound = false;
        }
    }
    if step.definition.seeded != step.axes.contains(&Axis::Seed) && is_sound {
        let op = step.definition.name;
        if step.definition.seeded {
            diagnostics.push(
                Diagnostic::error(&step.span, format!("op `{op}` draws random numbers"))
                    .hint(format!("run `{}` once a seed: `per: seed`", step.name)),
            );
            is_sound = false;
        } else if inputs.iter().flatten().all(|wire| !named[&wire.node].axes.contains(&Axis::Seed)) {
            diagnostics.push(
                Diagnostic::error(&step.span, format!("`{}` would be the same for every seed", step.name))
                    .hint("leave `seed` out of its `per`"),
            );
            is_sound = false;
        }
    }
    if step.definition.grain == Grain::Shard && !step.axes.is_empty() {
        let message = format!("op `{}` runs once a shard, whatever the fold or seed", step.definition.name);
        diagnostics.push(Diagnostic::error(&step.span, message).hint("leave out `per`"));
        is_sound = false;
    }
    if step.definition.purpose.is_end() && !step.axes.is_empty() {
        let message = format!("`{}` is of all folds and seeds together", step.name);
        diagnostics.push(Diagnostic::error(&step.span, message).hint("leave out `per`"));
        is_sound = false;
    }
    is_sound &= reads_what_its_network_needs(step, &inputs, named, diagnostics);
    if step.resources.gpu > 0 && step.definition.place == Place::Runner {
        diagnostics.error(&step.span, format!("op `{}` has no use for a GPU", step.definition.name));
        is_sound = false;
    }
    is_sound.then_some(inputs)
}

/// The artefacts that a network's input flows in.
const fn kind_of(input: InputKind) -> Kind {
    match input {
        InputKind::Features => Kind::Features,
        InputKind::Waveforms => Kind::Waveforms,
        InputKind::Images => Kind::SpectrogramImages,
    }
}

/// Whether a training is given what its network reads, and an encoder where it has one.
fn reads_what_its_network_needs(
    step: &Step,
    inputs: &[Vec<Wire>],
    named: &BTreeMap<String, Named>,
    diagnostics: &Diagnostics,
) -> bool {
    let Some(network) = step.params.facts().network else { return true };
    let kinds: Vec<Kind> = network.reads().iter().copied().map(kind_of).collect();
    let wires = |port: &'static str| {
        let ports = step.definition.inputs.iter().zip(inputs);
        ports.filter(move |(known, _)| known.name == port).flat_map(|(_, wires)| wires)
    };
    let kind = |wire: &Wire| {
        let outputs = named[&wire.node].definition.outputs;
        outputs.iter().find(|output| output.name == wire.output).map(|output| output.kind)
    };
    let fits = |kind: Kind| kinds.contains(&kind);
    let mut is_sound = true;
    let wrong = wires("features").find_map(|wire| Some((wire, kind(wire).filter(|kind| !fits(*kind))?)));
    if let Some((wrong, other)) = wrong {
        let needed: Vec<String> = kinds.iter().map(Kind::to_string).collect();
        let (name, needed) = (network.kind(), needed.join(" or "));
        let message = format!(
            "the network of `{}`, `{name}`, reads {needed}, and `{}` gives {other}",
            step.name, wrong.node
        );
        let fitting: Vec<&str> = named
            .iter()
            .filter(|(_, source)| source.definition.outputs.iter().any(|output| fits(output.kind)))
            .map(|(name, _)| name.as_str())
            .collect();
        let hint = match (fitting.is_empty(), kinds[0]) {
            (false, _) => format!("{} would fit", list_names(&fitting)),
            (true, Kind::Waveforms) => "an `audio` would fit".to_owned(),
            (true, Kind::SpectrogramImages) => {
                "put `spectrogram-image` behind a `logmel` before it".to_owned()
            }
            (true, _) => "put an op that makes features before it, such as `mfcc` or `logmel`".to_owned(),
        };
        diagnostics.push(Diagnostic::error(&step.span, message).hint(hint));
        is_sound = false;
    }
    let has_encoder = wires("encoder").next().is_some();
    if has_encoder != network.has_encoder() {
        let (message, hint) = if network.has_encoder() {
            (
                format!("the network of `{}`, `{}`, reads an encoder", step.name, network.kind()),
                "add `encoder: …` to its `in`, a node of op `encoder`",
            )
        } else {
            (
                format!("the network of `{}`, `{}`, has no use for an encoder", step.name, network.kind()),
                "leave `encoder` out of its `in`",
            )
        };
        diagnostics.push(Diagnostic::error(&step.span, message).hint(hint));
        is_sound = false;
    }
    is_sound
}

fn resolve(
    step: &Step,
    port: &InputPort,
    reference: &Reference,
    pipeline: &Pipeline<'_>,
    diagnostics: &Diagnostics,
) -> Option<Wire> {
    let Pipeline { named, permitted, .. } = pipeline;
    let names: Vec<&str> = named.keys().map(String::as_str).collect();
    let Some(source) = named.get(&reference.node) else {
        diagnostics.push(Diagnostic::unknown(
            &reference.span,
            "input",
            &reference.node,
            "this pipeline has",
            &names,
        ));
        return None;
    };
    let outputs = source.definition.outputs;
    let name = reference.output.as_deref().unwrap_or(outputs[0].name);
    let Some(output) = outputs.iter().find(|output| output.name == name) else {
        let names: Vec<&str> = outputs.iter().map(|output| output.name).collect();
        let all = format!("`{}` gives", reference.node);
        diagnostics.push(Diagnostic::unknown(&reference.span, "output", name, &all, &names));
        return None;
    };
    let relies_on = match output.kind {
        Kind::Rows(Role::Test) => port.test_rows,
        _ => None,
    };
    let is_permitted = relies_on.map(|needed| permitted.contains_key(&needed));
    if !is_permitted.unwrap_or_else(|| port.kinds.contains(&output.kind)) {
        let mut diagnostic = Diagnostic::error(&reference.span, refusal(step, port, reference, output));
        let fitting = match relies_on {
            Some(_) => vec!["split.dev".to_owned()],
            None => fitting(port, named),
        };
        let mut hints = Vec::new();
        if !fitting.is_empty() {
            hints.push(format!("{} would fit", list_names(&fitting)));
        }
        hints.extend(relies_on.map(|needed| {
            let (name, stamp) = (needed.name(), needed.stamp());
            format!("with `unsafe: [{name}]` in the experiment it is taken, and every table says `{stamp}`")
        }));
        if !hints.is_empty() {
            diagnostic = diagnostic.hint(hints.join("; "));
        }
        diagnostics.push(diagnostic);
        return None;
    }
    let extra: Vec<&str> = source.axes.difference(&step.axes).map(|axis| axis.name()).collect();
    if !port.takes_many() && !extra.is_empty() {
        let each = extra.join(" and ");
        diagnostics.push(
            Diagnostic::error(
                &reference.span,
                format!("`{}` has one {name} a {each}, and input `{}` takes one", reference.node, port.name),
            )
            .hint(format!("run `{}` once a {each}: `per: [{}]`", step.name, extra.join(", "))),
        );
        return None;
    }
    // What an op that works shard by shard goes over flows into its first port; every shard reads the others whole.
    let goes_over = step.definition.grain == Grain::Shard && std::ptr::eq(port, &step.definition.inputs[0]);
    let shards = source.definition.grain == Grain::Shard;
    if shards && !goes_over && !port.takes_many() {
        let message = format!("`{}` comes in shards, and input `{}` takes one", reference.node, port.name);
        diagnostics.error(&reference.span, message);
        return None;
    }
    if !shards && goes_over {
        let message =
            format!("`{}` does not come in shards, as op `{}` works", reference.node, step.definition.name);
        diagnostics.error(&reference.span, message);
        return None;
    }
    Some(Wire { node: reference.node.clone(), output: name.to_owned(), relies_on })
}

/// What is said of an output that a port does not take.
fn refusal(step: &Step, port: &InputPort, reference: &Reference, output: &OutputPort) -> String {
    let Reference { node, .. } = reference;
    let (name, kind) = (output.name, output.kind);
    if port.kinds.contains(&kind) {
        return format!(
            "input `{}` of `{}` takes `{node}.{name}`, {kind}, only by permission",
            port.name, step.name
        );
    }
    let kinds: Vec<String> = port.kinds.iter().map(Kind::to_string).collect();
    let takes = kinds.join(" or ");
    format!("input `{}` of `{}` takes {takes}, and `{node}.{name}` is {kind}", port.name, step.name)
}

/// References that a port would take.
fn fitting(port: &InputPort, named: &BTreeMap<String, Named>) -> Vec<String> {
    let mut fitting = Vec::new();
    for (name, source) in named {
        let outputs = source.definition.outputs;
        for output in outputs.iter().filter(|output| port.kinds.contains(&output.kind)) {
            fitting.push(if outputs.len() == 1 { name.clone() } else { format!("{name}.{}", output.name) });
        }
    }
    fitting
}

/// The steps, each after those it reads.
fn in_order(mut steps: Vec<Wired>, diagnostics: &Diagnostics) -> Option<Vec<Wired>> {
    let mut done: BTreeSet<String> = GIVEN.iter().map(|(name, ..)| (*name).to_owned()).collect();
    let mut ordered = Vec::new();
    while !steps.is_empty() {
        let is_free = |step: &Wired| step.inputs.iter().flatten().all(|wire| done.contains(&wire.node));
        let Some(next) = steps.iter().position(is_free) else {
            report_cycle(&steps, &done, diagnostics);
            return None;
        };
        let step = steps.remove(next);
        done.insert(step.step.name.clone());
        ordered.push(step);
    }
    Some(ordered)
}

/// Every remaining step waits for another: following that from any of them comes round.
fn report_cycle(steps: &[Wired], done: &BTreeSet<String>, diagnostics: &Diagnostics) {
    let waits_for = |name: &str| {
        let step = steps.iter().find(|wired| wired.step.name == name)?;
        step.inputs.iter().flatten().find(|wire| !done.contains(&wire.node)).map(|wire| wire.node.clone())
    };
    let mut path = vec![steps[0].step.name.clone()];
    while let Some(next) = path.last().and_then(|name| waits_for(name)) {
        if let Some(start) = path.iter().position(|name| *name == next) {
            let mut cycle = path[start..].to_vec();
            cycle.reverse();
            cycle.push(cycle[0].clone());
            let place = steps.iter().find(|wired| wired.step.name == next);
            if let Some(wired) = place {
                let message = format!("nodes wait for each other: {}", cycle.join(" → "));
                diagnostics.error(&wired.step.span, message);
            }
            return;
        }
        path.push(next);
    }
}

#[cfg(test)]
mod tests {
    use affekt_config::{Span, parse};
    use affekt_spec::Words;

    use super::*;
    use crate::step;

    /// Whether the port takes test rows, of all ways to refuse a step.
    fn takes_test_rows(op: &str, port: &str, permitted: &[Permission]) -> bool {
        let diagnostics = Diagnostics::new();
        let text = format!("nodes:\n  own: {{ op: {op}, in: {{ {port}: split.test }}, per: [fold, seed] }}");
        let pipeline = parse("own.yaml", &text, &diagnostics).unwrap();
        let span: Span = pipeline.span.clone();
        let permitted = permitted.iter().map(|permission| (*permission, span.clone())).collect();
        let steps = step::read(&pipeline, &[], None, &[], &diagnostics);
        assert_eq!(steps.read.len(), 1, "{diagnostics}");
        wire(steps, &permitted, Goal::Figures, &diagnostics);
        !diagnostics.to_string().contains("`split.test`")
    }

    #[test]
    fn test_rows_reach_nothing_that_fits_or_chooses() {
        let mut open = Vec::new();
        let mut by_permission = Vec::new();
        // Pipelines write none of the others: trials read what the training reads that they are of.
        let written = |op: &&&Definition| op.author == Author::Pipeline;
        for op in affekt_ops::ALL.iter().filter(written) {
            for port in op.inputs.iter().filter(|port| matches!(port.kinds[0], Kind::Rows(_))) {
                let takes = |permitted: &[Permission]| takes_test_rows(op.name, port.name, permitted);
                if takes(&[]) {
                    open.push((op.name, port.name));
                }
                for permission in Permission::ALL.iter().copied().filter(|permission| takes(&[*permission])) {
                    by_permission.push((op.name, port.name, permission.name()));
                }
                assert_eq!(takes(Permission::ALL), takes(&[]) || port.test_rows.is_some());
            }
        }
        let predict = [("predict", "rows"), ("predictions-file", "rows")];
        assert_eq!(open, predict, "what predicts test rows, and nothing else");
        by_permission.retain(|(op, port, _)| !open.contains(&(op, port)));
        assert_eq!(
            by_permission,
            [("standardise", "enrol", "test-speaker-statistics"), ("train", "dev", "selection-on-test"),]
        );
        assert!(!takes_test_rows("train", "train", Permission::ALL));
        assert!(!takes_test_rows("standardise", "train", Permission::ALL));
        assert!(!takes_test_rows("evaluate", "train", Permission::ALL));
    }
}
