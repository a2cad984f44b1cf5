//! The grammar of a corpus' paths, as data: a regular expression and templates over its groups.

use std::collections::{BTreeMap, BTreeSet};

use affekt_domain::{Role, Sex};
use regex::{Captures, Regex};

/// A grammar of the paths of one corpus.
#[derive(Debug, Clone)]
pub struct Grammar {
    /// Matches the whole path without its extension, or what remains of it after removing leading folders.
    pub(crate) path: Regex,
    /// `None` if paths do not state it.
    pub(crate) speaker: Option<Rule>,
    pub(crate) sex: Option<SexRule>,
    pub(crate) text: Option<Rule>,
    pub(crate) intensity: Option<Rule>,
    pub(crate) style: Option<Rule>,
    pub(crate) session: Option<Rule>,
    pub(crate) part: Option<PartRule>,
    /// `None` if paths do not state it.
    pub(crate) label: Option<Rule>,
    pub(crate) recording: Option<Rule>,
    /// Everything else that is worth keeping, by name.
    pub(crate) metadata: BTreeMap<String, Rule>,
    /// The names of the recording in the corpus' label files, which may go by several.
    pub(crate) rows: Vec<Template>,
}

/// The information in a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fields {
    /// The speaker's identifier within the corpus, if known.
    pub speaker: Option<String>,
    /// The speaker's sex, if known.
    pub sex: Option<Sex>,
    /// The spoken text.
    pub text: Option<String>,
    /// The acted intensity.
    pub intensity: Option<String>,
    /// The style of speech.
    pub style: Option<String>,
    /// The session's identifier within the corpus.
    pub session: Option<String>,
    /// The role in the corpus' official partition.
    pub part: Option<Role>,
    /// The corpus' own label, if known.
    pub label: Option<String>,
    /// The recording's name independent of its folder, which copies of one file share.
    pub recording: String,
    /// Everything else that the card keeps, by name.
    pub metadata: BTreeMap<String, String>,
    /// The names in the corpus' label files, if there are any.
    pub rows: Vec<String>,
}

impl Grammar {
    /// Parses a path without its extension, relative to the corpus' folder, with forward slashes. `None` if it does
    /// not match, or a required speaker or label is missing.
    #[must_use]
    pub fn read(&self, path: &str) -> Option<Fields> {
        let folders = path.match_indices('/').map(|(slash, _)| slash + 1);
        let groups =
            std::iter::once(0).chain(folders).find_map(|start| self.path.captures(&path[start..]))?;
        let optional = |rule: &Option<Rule>| rule.as_ref().and_then(|rule| rule.value(&groups));
        // No value if the card has no rule; no fields at all if the path does not follow it.
        let required = |rule: &Option<Rule>| match rule {
            Some(rule) => rule.value(&groups).map(Some),
            None => Some(None),
        };
        let file_name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        Some(Fields {
            speaker: required(&self.speaker)?,
            sex: self.sex.as_ref().and_then(|rule| rule.sex(&groups)),
            text: optional(&self.text),
            intensity: optional(&self.intensity),
            style: optional(&self.style),
            session: optional(&self.session),
            part: self.part.as_ref().and_then(|rule| rule.part(&groups)),
            label: required(&self.label)?,
            recording: optional(&self.recording).unwrap_or_else(|| file_name.to_owned()),
            metadata: self
                .metadata
                .iter()
                .filter_map(|(name, rule)| Some((name.clone(), rule.value(&groups)?)))
                .collect(),
            rows: self.rows.iter().map(|row| row.fill(&groups)).collect(),
        })
    }

    /// Returns whether the sex of every speaker should be known.
    pub(crate) fn tells_sex(&self) -> bool {
        self.sex.is_some()
    }

    /// Returns whether files that agree in all fields are the same recording by the card's word, rather than only if
    /// they have the same audio.
    pub(crate) fn names_recordings(&self) -> bool {
        self.recording.is_some()
    }

    /// Returns whether the part of every recording should be known.
    pub(crate) fn tells_part(&self) -> bool {
        self.part.is_some()
    }
}

/// A template, and replacements of values.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) template: Template,
    pub(crate) replace: BTreeMap<String, String>,
}

impl Rule {
    /// Returns the value; `None` if it is empty, as when all its groups are optional and absent.
    fn value(&self, groups: &Captures) -> Option<String> {
        let value = self.template.fill(groups);
        let value = self.replace.get(&value).cloned().unwrap_or(value);
        (!value.is_empty()).then_some(value)
    }
}

/// A rule for the sex of a speaker.
#[derive(Debug, Clone)]
pub(crate) enum SexRule {
    /// All speakers have the same.
    Constant(Sex),
    /// By the parity of a number.
    Parity { from: Template, odd: Sex, even: Sex },
    /// By lists of values.
    Lists { from: Template, female: BTreeSet<String>, male: BTreeSet<String> },
}

impl SexRule {
    fn sex(&self, groups: &Captures) -> Option<Sex> {
        match self {
            Self::Constant(sex) => Some(*sex),
            Self::Parity { from, odd, even } => {
                let number: u64 = from.fill(groups).parse().ok()?;
                Some(if number % 2 == 1 { *odd } else { *even })
            }
            Self::Lists { from, female, male } => {
                let value = from.fill(groups);
                match (female.contains(&value), male.contains(&value)) {
                    (true, _) => Some(Sex::Female),
                    (_, true) => Some(Sex::Male),
                    _ => None,
                }
            }
        }
    }
}

/// A rule for the official part of a recording: a template, and the role of each of its values.
#[derive(Debug, Clone)]
pub(crate) struct PartRule {
    pub(crate) template: Template,
    pub(crate) roles: BTreeMap<String, Role>,
}

impl PartRule {
    fn part(&self, groups: &Captures) -> Option<Role> {
        self.roles.get(&self.template.fill(groups)).copied()
    }
}

/// Text with the names of groups in braces: `{speaker}_{take}`.
#[derive(Debug, Clone)]
pub(crate) struct Template(Vec<TemplatePart>);

#[derive(Debug, Clone)]
enum TemplatePart {
    Literal(String),
    /// A group, by number: a look-up by name costs more than the match itself.
    Group(usize),
}

/// An error for an invalid template.
pub(crate) enum BadTemplate {
    /// It names a group that the regular expression does not have.
    UnknownGroup(String),
    /// A brace is not matched.
    Braces,
}

impl Template {
    /// Parses `text`, whose groups must be among those of `path`.
    pub(crate) fn parse(text: &str, path: &Regex) -> Result<Self, BadTemplate> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(brace) = rest.find(['{', '}']) {
            let (literal, from_brace) = rest.split_at(brace);
            let (name, after) = from_brace
                .strip_prefix('{')
                .and_then(|inside| inside.split_once('}'))
                .ok_or(BadTemplate::Braces)?;
            let group = path
                .capture_names()
                .position(|known| known == Some(name))
                .ok_or_else(|| BadTemplate::UnknownGroup(name.to_owned()))?;
            parts.extend([TemplatePart::Literal(literal.to_owned()), TemplatePart::Group(group)]);
            rest = after;
        }
        parts.push(TemplatePart::Literal(rest.to_owned()));
        Ok(Self(parts))
    }

    fn fill(&self, groups: &Captures) -> String {
        let mut filled = String::new();
        for part in &self.0 {
            filled.push_str(match part {
                TemplatePart::Literal(text) => text,
                TemplatePart::Group(group) => groups.get(*group).map_or("", |found| found.as_str()),
            });
        }
        filled
    }
}
