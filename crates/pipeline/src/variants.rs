//! One experiment from a file, its profile, its variants and sweep, and the command line.
//!
//! `variants:` lists them by name, each a mapping from dotted path to value. `sweep:` goes through combinations of values, on
//! top of every variant. Without either there is one variant.

use std::collections::{BTreeMap, BTreeSet};

use affekt_config::{Diagnostic, Diagnostics, Key, Node, Section, Value, list_names, set, to_json};

use crate::sweep::{self, Sweep, is_of_the_whole};

/// Mappings whose keys may hold dots.
const LITERAL: [&str; 4] = ["with", "sweep.product", "sweep.zip", "tune.space"];

/// Settings of the experiment that no variant has of its own.
const OF_THE_WHOLE: [&str; 4] = ["variants", "sweep", "profile", "profiles"];

/// The key of a corpus that a run does without.
pub const LEFT_OUT: &str = "left_out";

/// An experiment with its profile, sweep and settings from the command line laid into its file. Nothing else of the file is
/// read, run, printed or written down, so that these cannot differ.
pub struct Resolved {
    /// What all variants have in common.
    pub common: Node,
    /// The variants; at least one where nothing was wrong.
    pub variants: Vec<Overlaid>,
    /// Whether the file names variants or a sweep.
    pub has_variants: bool,
}

/// A variant: its own settings, and the file with them laid over.
#[derive(Clone)]
pub struct Overlaid {
    /// The variant's id.
    pub id: String,
    /// Its own settings, by path.
    pub own: Overlay,
    /// The common settings with its own laid over.
    pub root: Node,
}

impl Overlaid {
    /// What tells it from the others: path → value. How a variant is reported does not.
    pub fn params(&self) -> impl Iterator<Item = (String, serde_json::Value)> {
        let own = self.own.iter().filter(|(path, _)| !is_of_report(path));
        own.map(|(path, value)| (path.name.clone(), to_json(value)))
    }
}

/// Resolves the file `root`. A profile is laid over the file, each variant over that, its point of a sweep over that, and the
/// settings from the command line over all of it: what is said there wins, also over what a variant says itself.
pub fn resolve(
    root: &Node,
    profile: &[(Key, Node)],
    settings: &[(Key, Node)],
    without: &BTreeSet<String>,
    diagnostics: &Diagnostics,
) -> Resolved {
    let mut root = root.clone();
    for (path, value) in profile.iter().chain(settings) {
        lay(&mut root, path, value.clone(), diagnostics);
    }
    let sweep = root.get("sweep").map(|sweep| sweep::read(sweep, diagnostics));
    let mut common = without_variants(&root);
    leave_out(&mut common, without);
    if let Some(sweep) = sweep.as_ref().filter(|sweep| !sweep.paths.is_empty()) {
        let span = root.span.clone();
        let text = |path: &String| Node { span: span.clone(), value: Value::Text(path.clone()) };
        let paths = Node { span: span.clone(), value: Value::List(sweep.paths.iter().map(text).collect()) };
        let key = Key { span: span.clone(), name: "report.sweep".to_owned() };
        lay(&mut common, &key, paths, diagnostics);
    }
    let named = match root.get("variants") {
        Some(named) => named_variants(named, diagnostics),
        None => vec![(None, Vec::new())],
    };
    let for_all: Vec<&(Key, Node)> =
        settings.iter().filter(|(path, _)| !is_of_the_experiment(path)).collect();
    let no_sweep = Sweep::default();
    let points = sweep.as_ref().map_or_else(|| vec![Vec::new()], |sweep| sweep.points.clone());
    let sweep = sweep.as_ref().unwrap_or(&no_sweep);
    let mut variants: Vec<Overlaid> = Vec::new();
    let mut merged: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, of_name) in &named {
        for point in &points {
            let mut laid = common.clone();
            let own = of_name.iter().chain(point);
            for (path, value) in own.chain(for_all.iter().copied()) {
                lay(&mut laid, path, value.clone(), diagnostics);
            }
            leave_out(&mut laid, without);
            let id = |point: &sweep::Point| match (name, point.is_empty()) {
                (None, true) => "default".to_owned(),
                (None, false) => sweep.name(point),
                (Some(name), true) => name.clone(),
                (Some(name), false) => format!("{name},{}", sweep.name(point)),
            };
            let told = id(&final_values(point.iter(), &laid));
            let from = merged.entry(told.clone()).or_default();
            from.push(id(point));
            if from.len() > 1 {
                continue;
            }
            let own = final_values(of_name.iter().chain(point), &laid);
            let mut root = common.clone();
            for (path, value) in &own {
                lay(&mut root, path, value.clone(), diagnostics);
            }
            variants.push(Overlaid { id: told, own, root });
        }
    }
    for (id, from) in merged.iter().filter(|(_, from)| from.len() > 1) {
        let from: Vec<&str> = from.iter().map(String::as_str).collect();
        let message = format!("{} have the same settings, and are one variant: `{id}`", list_names(&from));
        let span = for_all.first().map_or(&root.span, |(path, _)| &path.span);
        diagnostics.push(Diagnostic::warning(span, message));
    }
    let has_variants = root.get("variants").is_some() || root.get("sweep").is_some();
    Resolved { common, variants, has_variants }
}

/// Each path once, with the value that the file has in the end; without those that another setting replaced.
fn final_values<'e>(entries: impl Iterator<Item = &'e (Key, Node)>, laid: &Node) -> Overlay {
    let mut values = Overlay::new();
    for (path, _) in entries {
        if !values.iter().any(|(known, _)| known.name == path.name)
            && let Some(value) = laid.at(&path.name)
        {
            values.push((path.clone(), value.clone()));
        }
    }
    values
}

/// Marks the corpora, by their keys, that a run does without.
fn leave_out(root: &mut Node, without: &BTreeSet<String>) {
    let Value::Map(entries) = &mut root.value else { return };
    let corpora = entries.iter_mut().find(|(key, _)| key.name == "corpora");
    let Some(Value::Map(corpora)) = corpora.map(|(_, node)| &mut node.value) else { return };
    for (key, corpus) in corpora.iter_mut().filter(|(key, _)| without.contains(&key.name)) {
        if corpus.value == Value::Null {
            corpus.value = Value::Map(Vec::new());
        }
        let Value::Map(fields) = &mut corpus.value else { continue };
        fields.retain(|(field, _)| field.name != LEFT_OUT);
        let field = Key { span: key.span.clone(), name: LEFT_OUT.to_owned() };
        fields.push((field, Node { span: key.span.clone(), value: Value::Bool(true) }));
    }
}

/// Sets the value at a dotted path of an experiment's file.
pub fn lay(root: &mut Node, path: &Key, value: Node, diagnostics: &Diagnostics) {
    let own = variant_that_names(root, path);
    let literal: Vec<&str> = LITERAL.into_iter().chain(own.as_deref()).collect();
    set(root, path, value, &literal, diagnostics);
}

/// The path of the variant below which the rest of `path` is one key, as variants write their settings. Where the variant has
/// a mapping that the rest leads into, it is none.
fn variant_that_names(root: &Node, path: &Key) -> Option<String> {
    let rest = path.name.strip_prefix("variants.")?;
    let below = |whole: &str, key: &Key| whole.strip_prefix(&key.name)?.strip_prefix('.').map(str::to_owned);
    let entries = |node: &Node| match &node.value {
        Value::Map(entries) => entries.clone(),
        _ => Vec::new(),
    };
    let variants = entries(root.get("variants")?);
    let named = variants.iter().filter_map(|(key, variant)| Some((key, variant, below(rest, key)?)));
    let (name, variant, rest) = named.max_by_key(|(key, ..)| key.name.len())?;
    let leads_into_a_mapping = entries(variant).iter().any(|(key, _)| below(&rest, key).is_some());
    (!leads_into_a_mapping).then(|| format!("variants.{}", name.name))
}

fn without_variants(root: &Node) -> Node {
    let mut root = root.clone();
    if let Value::Map(entries) = &mut root.value {
        entries.retain(|(key, _)| !OF_THE_WHOLE.contains(&key.name.as_str()));
    }
    root
}

/// Settings by path, in the order in which they are laid over the file.
type Overlay = Vec<(Key, Node)>;

/// The variants that the file names, each with its settings.
fn named_variants(named: &Node, diagnostics: &Diagnostics) -> Vec<(Option<String>, Overlay)> {
    let Some(mut section) = Section::open(named, diagnostics, "`variants`") else { return Vec::new() };
    let mut variants = Vec::new();
    for (name, overlays) in section.rest() {
        let what = format!("variant `{}`", name.name);
        let own = Section::open(overlays.node, diagnostics, &what).map_or_else(Vec::new, |mut section| {
            let own = section.rest().into_iter().filter(|(path, _)| !is_of_the_whole(path, diagnostics));
            own.map(|(path, value)| (path.clone(), value.node.clone())).collect()
        });
        variants.push((Some(name.name.clone()), own));
    }
    if variants.is_empty() {
        diagnostics.error(&named.span, "`variants` names no variant");
    }
    variants
}

/// Whether a setting is about how the experiment is made, which no variant has of its own.
fn is_of_the_experiment(path: &Key) -> bool {
    path.name.split('.').next().is_some_and(|first| OF_THE_WHOLE.contains(&first))
}

fn is_of_report(path: &Key) -> bool {
    path.name == "report" || path.name.starts_with("report.")
}

#[cfg(test)]
mod tests {
    use affekt_config::{parse, parse_setting};

    use super::*;

    const TEXT: &str = "lr: 1\nlabels: x\nvariants:\n  a: { protocol: { seeds: [1] } }\n  b: { labels: y }\nsweep: { product: { lr: [2, 3] } }\n";

    fn overlaid(settings: &[&str]) -> Vec<(String, serde_json::Value)> {
        with_profile("{}", settings)
    }

    fn with_profile(profile: &str, settings: &[&str]) -> Vec<(String, serde_json::Value)> {
        let (resolved, said) = resolved(TEXT, profile, settings);
        assert_eq!(said, "");
        let roots = resolved.variants.into_iter().map(|variant| (variant.id, to_json(&variant.root)));
        roots
            .map(|(id, mut root)| {
                (id, {
                    root.as_object_mut().unwrap().remove("report");
                    root
                })
            })
            .collect()
    }

    fn resolved(text: &str, profile: &str, settings: &[&str]) -> (Resolved, String) {
        let diagnostics = Diagnostics::new();
        let root = parse("test.yaml", text, &diagnostics).unwrap();
        let Value::Map(profile) = parse("profile.yaml", profile, &diagnostics).unwrap().value else {
            panic!("a profile is a mapping");
        };
        let settings: Vec<_> =
            settings.iter().map(|text| parse_setting(text, &diagnostics).unwrap()).collect();
        let resolved = resolve(&root, &profile, &settings, &BTreeSet::new(), &diagnostics);
        (resolved, diagnostics.to_string())
    }

    fn params(text: &str, settings: &[&str]) -> (serde_json::Value, String) {
        let (resolved, said) = resolved(text, "{}", settings);
        let of =
            |variant: &Overlaid| (variant.id.clone(), variant.params().collect::<serde_json::Map<_, _>>());
        (serde_json::to_value(resolved.variants.iter().map(of).collect::<BTreeMap<_, _>>()).unwrap(), said)
    }

    #[test]
    fn what_tells_variants_apart_is_what_they_have_in_the_end() {
        let text = "variants:\n  a: { with.train.network: { kind: cnn, depth: 1 }, with.lr: 1 }\n  b: { with.lr: 2, report.x: 1 }\n";
        let (told, said) = params(text, &["with.lr=3", "with.train.network.depth=9"]);
        assert_eq!(said, "");
        let network = serde_json::json!({ "kind": "cnn", "depth": 9 });
        assert_eq!(
            told,
            serde_json::json!({ "a": { "with.train.network": network, "with.lr": 3 }, "b": { "with.lr": 3 } })
        );
        let (told, _) = params(text, &["with.train={network: {kind: mlp}}"]);
        assert_eq!(
            told,
            serde_json::json!({ "a": { "with.train.network": { "kind": "mlp" }, "with.lr": 1 }, "b": { "with.lr": 2 } })
        );
    }

    #[test]
    fn points_of_a_sweep_that_become_the_same_are_one_variant() {
        let text = "sweep: { product: { with.lr: [1, 2], with.n: [3, 4] } }\n";
        let (told, said) = params(text, &["with.lr=9"]);
        assert_eq!(
            told,
            serde_json::json!({ "lr=9,n=3": { "with.lr": 9, "with.n": 3 }, "lr=9,n=4": { "with.lr": 9, "with.n": 4 } })
        );
        assert!(
            said.starts_with(
                "warning: `lr=1,n=3`, `lr=2,n=3` have the same settings, and are one variant: `lr=9,n=3`\n"
            ),
            "{said}"
        );
    }

    #[test]
    fn variants_are_crossed_with_the_sweep() {
        let all = overlaid(&[]);
        let ids: Vec<&str> = all.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, ["a,lr=2", "a,lr=3", "b,lr=2", "b,lr=3"]);
        assert_eq!(all[3].1, serde_json::json!({ "lr": 3, "labels": "y" }));
    }

    #[test]
    fn the_command_line_wins_and_can_change_one_variant() {
        let all = overlaid(&["protocol.seeds=[7]", "variants.b.labels=z"]);
        assert!(all.iter().all(|(_, root)| root["protocol"]["seeds"] == serde_json::json!([7])));
        assert_eq!((&all[0].1["labels"], &all[2].1["labels"]), (&"x".into(), &"z".into()));
    }

    #[test]
    fn a_profile_lies_under_variants_sweep_and_command_line() {
        let profile = "{ lr: 9, labels: p, depth: 1, width: 1, sweep.product.lr: [5], protocol.seeds: [3] }";
        let all = with_profile(profile, &["width=2"]);
        let [(a, first), (b, second)] = &all[..] else { panic!("{all:?}") };
        assert_eq!((a.as_str(), b.as_str()), ("a,lr=5", "b,lr=5"));
        assert_eq!(
            *first,
            serde_json::json!({ "lr": 5, "labels": "p", "depth": 1, "width": 2, "protocol": { "seeds": [1] } })
        );
        assert_eq!((&second["labels"], &second["protocol"]["seeds"]), (&"y".into(), &serde_json::json!([3])));
    }

    #[test]
    fn a_setting_of_one_variant_is_a_key_of_its_own_or_part_of_what_the_variant_sets() {
        let all =
            overlaid(&["variants.b.protocol.folds=2", "protocol.kind=x", "variants.a.protocol.seeds=[4]"]);
        assert_eq!(all[0].1["protocol"], serde_json::json!({ "seeds": [4], "kind": "x" }));
        assert_eq!(all[2].1["protocol"], serde_json::json!({ "kind": "x", "folds": 2 }));
    }
}
