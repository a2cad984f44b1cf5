//! Choices: variables whose values follow from that of another one, so that one word says what belongs together.
//!
//! ```yaml
//! defaults: { as_published: true }
//! choices:
//!   as_published:
//!     true: { pooling: mean-but-last, drop_last: true }
//!     false: { pooling: mean, drop_last: false }
//! ```
//!
//! A choice gives way to whatever an experiment or a profile sets, and wins over the pipeline's defaults. A word that is not
//! listed chooses nothing.

use affekt_config::{Diagnostics, Key, Node, Section, to_json};

/// One choice: the variable that chooses, and what each of its words sets.
pub struct Choice {
    pub variable: Key,
    pub words: Vec<(Key, Vec<(Key, Node)>)>,
}

/// Reads the section `choices` of a pipeline.
pub fn read_section(root: &Node, diagnostics: &Diagnostics) -> Vec<Choice> {
    let Some(node) = root.get("choices") else { return Vec::new() };
    let Some(mut section) = Section::open(node, diagnostics, "`choices`") else { return Vec::new() };
    let entries = |node: &Node, what: &str| {
        let section = Section::open(node, diagnostics, what);
        let rest = |mut section: Section<'_>| {
            let rest = section.rest().into_iter();
            rest.map(|(key, field)| (key.clone(), field.node.clone())).collect::<Vec<_>>()
        };
        section.map(rest).unwrap_or_default()
    };
    let mut choices = Vec::new();
    for (variable, field) in section.rest() {
        let words = entries(field.node, &format!("the choice `{}`", variable.name)).into_iter();
        let words = words.map(|(word, node)| {
            let settings = entries(&node, &format!("`{}: {}`", variable.name, word.name));
            (word, settings)
        });
        choices.push(Choice { variable: variable.clone(), words: words.collect() });
    }
    choices
}

impl Choice {
    /// Returns what the value of its variable sets, where `values` has one that is listed.
    pub fn settings(&self, values: &[(Key, Node)]) -> &[(Key, Node)] {
        let chosen = values.iter().find(|(key, _)| key.name == self.variable.name);
        let chosen = chosen.map(|(_, node)| match to_json(node) {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        });
        let listed = self.words.iter().find(|(word, _)| Some(&word.name) == chosen.as_ref());
        listed.map_or(&[], |(_, settings)| settings)
    }
}
