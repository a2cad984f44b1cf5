//! What a file's path says about the recording, as data: a regular expression and templates over its groups.

use std::collections::{BTreeMap, BTreeSet};

use affekt_domain::{Role, Sex};
use regex::{Captures, Regex};

/// How to read the paths of one corpus.
#[derive(Debug, Clone)]
pub struct Grammar {
    /// Fits the whole of the path without its extension, or what remains of it after dropping leading folders.
    pub(crate) path: Regex,
    /// `None` where paths do not tell.
    pub(crate) speaker: Option<Rule>,
    pub(crate) sex: Option<SexRule>,
    pub(crate) text: Option<Rule>,
    pub(crate) intensity: Option<Rule>,
    pub(crate) style: Option<Rule>,
    pub(crate) session: Option<Rule>,
    pub(crate) part: Option<PartRule>,
    /// `None` where paths do not tell.
    pub(crate) label: Option<Rule>,
    pub(crate) recording: Option<Rule>,
    /// What the corpus' label files call it.
    pub(crate) row: Option<Template>,
}

/// What a path says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fields {
    /// The speaker's identifier within the corpus, where the corpus tells.
    pub speaker: Option<String>,
    /// The speaker's sex, where the card tells.
    pub sex: Option<Sex>,
    /// What was said.
    pub text: Option<String>,
    /// The acted intensity.
    pub intensity: Option<String>,
    /// How the speech came about.
    pub style: Option<String>,
    /// The session's identifier within the corpus.
    pub session: Option<String>,
    /// The part that the corpus itself assigns it to.
    pub part: Option<Role>,
    /// The corpus' own label, where it tells.
    pub label: Option<String>,
    /// The recording's name wherever in the corpus it lies: what copies of one file share.
    pub recording: String,
    /// What the corpus' label files call it, where there are any.
    pub row: Option<String>,
}

impl Grammar {
    /// Reads a path without its extension, relative to the corpus' folder, with forward slashes. `None` when it does
    /// not fit, or names no speaker or no label and should.
    #[must_use]
    pub fn read(&self, path: &str) -> Option<Fields> {
        let folders = path.match_indices('/').map(|(slash, _)| slash + 1);
        let groups =
            std::iter::once(0).chain(folders).find_map(|start| self.path.captures(&path[start..]))?;
        let optional = |rule: &Option<Rule>| rule.as_ref().and_then(|rule| rule.value(&groups));
        // Nothing where the card has no rule; no fields at all where it has one and the path does not follow it.
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
            row: self.row.as_ref().map(|row| row.fill(&groups)),
        })
    }

    /// Whether the sex of every speaker is meant to be known.
    pub(crate) fn tells_sex(&self) -> bool {
        self.sex.is_some()
    }

    /// Whether files that agree in all fields are one recording by the card's word, and not only where they hold the
    /// same audio.
    pub(crate) fn names_recordings(&self) -> bool {
        self.recording.is_some()
    }

    /// Whether the part of every recording is meant to be known.
    pub(crate) fn tells_part(&self) -> bool {
        self.part.is_some()
    }
}

/// A template, and a table for values that are to be called otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) template: Template,
    pub(crate) replace: BTreeMap<String, String>,
}

impl Rule {
    /// The value; `None` if it is empty, as it is where all its groups are optional and absent.
    fn value(&self, groups: &Captures) -> Option<String> {
        let value = self.template.fill(groups);
        let value = self.replace.get(&value).cloned().unwrap_or(value);
        (!value.is_empty()).then_some(value)
    }
}

/// How the sex of a speaker is known.
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

/// How the official part of a recording is known: a template, and the role that each of its values stands for.
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
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    Literal(String),
    /// By number: a look-up by name costs more than the match itself.
    Group(usize),
}

/// Why a text is no template.
pub(crate) enum BadTemplate {
    /// It names a group that the regular expression does not have.
    UnknownGroup(String),
    /// A brace without its partner.
    Braces,
}

impl Template {
    /// Reads `text`, whose groups must be among those of `path`.
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
            parts.extend([Part::Literal(literal.to_owned()), Part::Group(group)]);
            rest = after;
        }
        parts.push(Part::Literal(rest.to_owned()));
        Ok(Self(parts))
    }

    fn fill(&self, groups: &Captures) -> String {
        let mut filled = String::new();
        for part in &self.0 {
            filled.push_str(match part {
                Part::Literal(text) => text,
                Part::Group(group) => groups.get(*group).map_or("", |found| found.as_str()),
            });
        }
        filled
    }
}
