//! Profiles: settings under one name, laid over a whole experiment at once.
//!
//! A pipeline's profile gives values to its variables; an experiment's sets anything by path, as `--set` would:
//!
//! ```yaml
//! profile: tiny          # or `--set profile=tiny`; `none` chooses none
//! profiles:
//!   tiny: { protocol.seeds: [1, 2], with.steps: 20, variants.large.with.batch_size: 2 }
//! ```
//!
//! Each of these wins over those before it: the pipeline's defaults, its profile, the experiment's file, its profile, the
//! variants, the sweep, the command line. A profile is in no key but by the values that it sets.

use affekt_config::{Diagnostic, Diagnostics, Field, Key, Node, Section, Span};

/// The word that chooses no profile.
const NONE: &str = "none";

/// One profile: what it sets, by path or variable.
pub struct Profile {
    pub name: Key,
    pub settings: Vec<(Key, Node)>,
}

/// The profiles of an experiment's file, and which one it chooses.
pub struct Profiles {
    pub chosen: Option<(String, Span)>,
    pub own: Vec<Profile>,
}

impl Profiles {
    /// Those of the experiment `root`, which settings from the command line have been laid over.
    pub fn read(root: &Node, diagnostics: &Diagnostics) -> Self {
        let own = read_section(root, diagnostics);
        for (path, _) in own.iter().flat_map(|profile| &profile.settings) {
            check_path(path, root, diagnostics);
        }
        let chosen = root.get("profile").filter(|node| node.value != affekt_config::Value::Null);
        let chosen = chosen.and_then(|node| Some((Field::new(node, diagnostics).text()?, &node.span)));
        let chosen = chosen.filter(|(name, _)| *name != NONE);
        Self { chosen: chosen.map(|(name, span)| (name.to_owned(), span.clone())), own }
    }

    /// The name of the chosen one.
    pub fn chosen_name(&self) -> Option<&str> {
        self.chosen.as_ref().map(|(name, _)| name.as_str())
    }

    /// What this file sets under a name; nothing where only a pipeline has a profile of that name.
    pub fn settings(&self, name: Option<&str>) -> &[(Key, Node)] {
        let own = self.own.iter().find(|profile| Some(profile.name.name.as_str()) == name);
        own.map_or(&[], |profile| &profile.settings)
    }

    /// Complains of a chosen profile that neither this file nor the pipeline called `pipeline` has: half an experiment in
    /// another size would be worse than none.
    pub fn check_chosen(&self, pipeline: &str, of_pipeline: &[Profile], diagnostics: &Diagnostics) {
        let Some((name, span)) = &self.chosen else { return };
        let mut names: Vec<&str> = Vec::new();
        for profile in self.own.iter().chain(of_pipeline) {
            if !names.contains(&profile.name.name.as_str()) {
                names.push(&profile.name.name);
            }
        }
        if !names.contains(&name.as_str()) {
            let all = format!("the experiment and `{pipeline}` have");
            diagnostics.push(Diagnostic::unknown(span, "profile", name, &all, &names));
        }
    }
}

/// The section `profiles` of an experiment or a pipeline.
pub fn read_section(root: &Node, diagnostics: &Diagnostics) -> Vec<Profile> {
    let Some(node) = root.get("profiles") else { return Vec::new() };
    let Some(mut section) = Section::open(node, diagnostics, "`profiles`") else { return Vec::new() };
    let mut profiles = Vec::new();
    for (name, field) in section.rest() {
        if name.name == NONE {
            let message = format!("`{NONE}` cannot be a profile's name: it chooses none");
            diagnostics.push(Diagnostic::error(&name.span, message).hint("call it something else"));
        }
        let what = format!("profile `{}`", name.name);
        let Some(mut settings) = Section::open(field.node, diagnostics, &what) else { continue };
        let settings = settings.rest().into_iter().map(|(key, field)| (key.clone(), field.node.clone()));
        profiles.push(Profile { name: name.clone(), settings: settings.collect() });
    }
    profiles
}

/// A profile is no variant and chooses no other profile.
fn check_path(path: &Key, root: &Node, diagnostics: &Diagnostics) {
    if names_profile(path) {
        diagnostics.error(&path.span, "a profile chooses no profile");
    }
    let Some(rest) = path.name.strip_prefix("variants.") else { return };
    let variants: Vec<&str> = match root.get("variants").map(|node| &node.value) {
        Some(affekt_config::Value::Map(entries)) => {
            entries.iter().map(|(key, _)| key.name.as_str()).collect()
        }
        _ => Vec::new(),
    };
    let is_of =
        |name: &&str| rest.strip_prefix(*name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    if !variants.iter().any(is_of) {
        let name = rest.split('.').next().unwrap_or(rest);
        diagnostics.push(Diagnostic::unknown(&path.span, "variant", name, "there are", &variants));
    }
}

/// Whether a setting is about profiles, which are the whole experiment's and nobody else's to choose.
pub fn names_profile(path: &Key) -> bool {
    matches!(path.name.split('.').next(), Some("profile" | "profiles"))
}
