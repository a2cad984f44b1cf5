//! The variants of an experiment: overlays on its settings.
//!
//! `variants:` lists them by name, each a mapping from dotted path to value. `sweep:` goes through combinations of values, on
//! top of every variant. Without either there is one variant.

use affekt_config::{Diagnostics, Key, Node, Section, Value, set, to_json};

use crate::sweep::{self, Sweep, is_of_the_whole};

/// Mappings whose keys may hold dots.
const LITERAL: [&str; 4] = ["with", "sweep.product", "sweep.zip", "tune.space"];

/// Settings of the experiment that no variant has of its own.
const OF_THE_WHOLE: [&str; 4] = ["variants", "sweep", "profile", "profiles"];

/// An experiment's file with one variant laid over it.
#[derive(Clone)]
pub struct Overlaid {
    /// The variant's id.
    pub id: String,
    /// What tells it from the others: path → value.
    pub params: Vec<(String, serde_json::Value)>,
    /// Those paths that it has of a sweep.
    pub swept: Vec<String>,
    /// The whole file.
    pub root: Node,
}

/// The variants of the file `root`. A profile is laid over the file, each variant over that, and the settings from the
/// command line over all of it: what is said there wins.
pub fn overlay(
    root: &Node,
    profile: &[(Key, Node)],
    settings: &[(Key, Node)],
    diagnostics: &Diagnostics,
) -> Vec<Overlaid> {
    let mut root = root.clone();
    for (path, value) in profile.iter().chain(settings) {
        lay(&mut root, path, value.clone(), diagnostics);
    }
    let mut variants = vec![Overlaid {
        id: "default".into(),
        params: Vec::new(),
        swept: Vec::new(),
        root: without_variants(&root),
    }];
    if let Some(named) = root.get("variants") {
        variants = named_variants(named, &variants[0], diagnostics);
    }
    if let Some(sweep) = root.get("sweep") {
        let sweep = sweep::read(sweep, diagnostics);
        variants = variants.iter().flat_map(|variant| swept(variant, &sweep, diagnostics)).collect();
    }
    let of_variants = |path: &&(Key, Node)| {
        !path.0.name.split('.').next().is_some_and(|first| OF_THE_WHOLE.contains(&first))
    };
    for (path, value) in settings.iter().filter(of_variants) {
        for variant in &mut variants {
            lay(&mut variant.root, path, value.clone(), diagnostics);
        }
    }
    variants
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

fn named_variants(named: &Node, base: &Overlaid, diagnostics: &Diagnostics) -> Vec<Overlaid> {
    let Some(mut section) = Section::open(named, diagnostics, "`variants`") else { return Vec::new() };
    let mut variants = Vec::new();
    for (name, overlays) in section.rest() {
        let mut variant = Overlaid { id: name.name.clone(), ..base.clone() };
        if let Some(mut section) =
            Section::open(overlays.node, diagnostics, &format!("variant `{}`", name.name))
        {
            for (path, value) in section.rest() {
                if is_of_the_whole(path, diagnostics) {
                    continue;
                }
                // How a variant is reported does not tell it from the others.
                if !path.name.starts_with("report.") {
                    variant.params.push((path.name.clone(), to_json(value.node)));
                }
                lay(&mut variant.root, path, value.node.clone(), diagnostics);
            }
        }
        variants.push(variant);
    }
    if variants.is_empty() {
        diagnostics.error(&named.span, "`variants` names no variant");
    }
    variants
}

/// A variant for each combination, laid over another.
fn swept(variant: &Overlaid, sweep: &Sweep, diagnostics: &Diagnostics) -> Vec<Overlaid> {
    let laid_over = |point: &sweep::Point| {
        let own = sweep.name(point);
        let id = if variant.id == "default" { own } else { format!("{},{own}", variant.id) };
        let mut swept = Overlaid { id, swept: sweep.paths.clone(), ..variant.clone() };
        for (path, value) in point {
            // What a sweep says of a setting that its variant has too is what counts.
            swept.params.retain(|(known, _)| *known != path.name);
            swept.params.push((path.name.clone(), to_json(value)));
            lay(&mut swept.root, path, value.clone(), diagnostics);
        }
        swept
    };
    sweep.points.iter().map(laid_over).collect()
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
        let diagnostics = Diagnostics::new();
        let root = parse("test.yaml", TEXT, &diagnostics).unwrap();
        let Value::Map(profile) = parse("profile.yaml", profile, &diagnostics).unwrap().value else {
            panic!("a profile is a mapping");
        };
        let settings: Vec<_> =
            settings.iter().map(|text| parse_setting(text, &diagnostics).unwrap()).collect();
        let variants = overlay(&root, &profile, &settings, &diagnostics);
        assert_eq!(diagnostics.to_string(), "");
        variants.into_iter().map(|variant| (variant.id, to_json(&variant.root))).collect()
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
