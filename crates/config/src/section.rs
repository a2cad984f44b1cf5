//! Typed reading of a mapping, key by key.
//!
//! Every method reports what is wrong and returns a usable value, so that code which reads a section runs straight
//! through and finds every mistake. `None` from a `required_` method, and a default in place of a wrong value, always
//! come with an error in the [`Diagnostics`]; check those before using the result.

use std::fmt::Display;
use std::ops::{Bound, RangeBounds};

use crate::diagnostic::which_of;
use crate::{Diagnostic, Diagnostics, Key, Node, Span, Value, nearest};

/// A mapping being read. The keys that were requested are the valid ones; [`Section::close`] reports all others.
#[derive(Debug)]
pub struct Section<'a> {
    span: Span,
    entries: &'a [(Key, Node)],
    what: String,
    asked: Vec<String>,
    /// Unknown keys that have been reported.
    reported_unknown: Vec<String>,
    is_open_ended: bool,
    diagnostics: &'a Diagnostics,
}

impl<'a> Section<'a> {
    /// Starts reading `node`, called `what` in messages (``node `train` ``). Reports an error and returns `None` if
    /// it is not a mapping.
    #[must_use]
    pub fn open(node: &'a Node, diagnostics: &'a Diagnostics, what: &str) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            let missing_space = node.as_text().and_then(|text| text.split_once(':'));
            Field::new(node, diagnostics).refuse(
                &format!("{what} to be a mapping"),
                missing_space.map(|(key, value)| format!("put a space after the colon: `{key}: {value}`")),
            );
            return None;
        };
        let what = what.to_owned();
        let span = node.span.beginning();
        Some(Self {
            span,
            entries,
            what,
            asked: Vec::new(),
            reported_unknown: Vec::new(),
            is_open_ended: false,
            diagnostics,
        })
    }

    /// Finishes reading and reports each key that was not requested.
    pub fn close(self) {
        if self.is_open_ended {
            return;
        }
        let is_unknown = |name: &String| !self.asked.contains(name) && !self.reported_unknown.contains(name);
        for (key, _) in self.entries.iter().filter(|(key, _)| is_unknown(&key.name)) {
            self.diagnostics.push(
                Diagnostic::error(&key.span, format!("unknown key `{}` in {}", key.name, self.what))
                    .hint(which_of(&key.name, "valid keys are", &self.asked)),
            );
        }
    }

    /// Returns the place of the section's key, or its start if it has no key.
    #[must_use]
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Returns the collection that receives diagnostics.
    #[must_use]
    pub fn diagnostics(&self) -> &'a Diagnostics {
        self.diagnostics
    }

    /// Returns the entries not requested so far, and accepts their keys, whatever they are.
    pub fn rest(&mut self) -> Vec<(&'a Key, Field<'a>)> {
        self.is_open_ended = true;
        let unread = self.entries.iter().filter(|(key, _)| !self.asked.contains(&key.name));
        unread
            .map(|(key, node)| (key, Field { node, key: Some(key), diagnostics: self.diagnostics }))
            .collect()
    }

    /// Returns the value of `key`, if present.
    pub fn field(&mut self, key: &str) -> Option<Field<'a>> {
        if !self.asked.iter().any(|asked| asked == key) {
            self.asked.push(key.to_owned());
        }
        let (key, node) = self.entries.iter().find(|(known, _)| known.name == key)?;
        Some(Field { node, key: Some(key), diagnostics: self.diagnostics })
    }

    /// Returns whether `key` is written.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(known, _)| known.name == key)
    }

    /// Returns the value of `key`, or of one of its older names, if it is there. Two of them are one too many.
    pub fn renamed_field(&mut self, key: &str, older: &[&str]) -> Option<Field<'a>> {
        let mut found = self.field(key);
        for older in older {
            let Some((name, node)) = self.entries.iter().find(|(known, _)| known.name == *older) else {
                continue;
            };
            self.reported_unknown.push(name.name.clone());
            if found.is_some() {
                let message = format!("`{}` is an older name of `{key}`, which is there too", name.name);
                self.diagnostics.push(Diagnostic::error(&name.span, message).hint("leave out one of them"));
                continue;
            }
            found = Some(Field { node, key: Some(name), diagnostics: self.diagnostics });
        }
        found
    }

    /// The value of `key`; an error if it is not there.
    pub fn required(&mut self, key: &str) -> Option<Field<'a>> {
        let field = self.field(key);
        if field.is_none() {
            self.report_missing(key);
        }
        field
    }

    /// Reports a missing key. An unrequested key with a similar name is taken for a misspelling, and only that is
    /// reported.
    pub fn report_missing(&mut self, missing: &str) {
        let is_unread = |name: &String| !self.asked.contains(name) && !self.reported_unknown.contains(name);
        let unread = self.entries.iter().map(|(key, _)| key).filter(|key| is_unread(&key.name));
        let near = nearest(missing, unread.clone().map(|key| key.name.as_str()));
        let Some(misspelt) = unread.into_iter().find(|key| Some(key.name.as_str()) == near) else {
            self.diagnostics.error(&self.span, format!("{} needs `{missing}`", self.what));
            return;
        };
        let message = format!("unknown key `{}` in {}", misspelt.name, self.what);
        let hint = format!("did you mean `{missing}`, which it needs?");
        self.diagnostics.push(Diagnostic::error(&misspelt.span, message).hint(hint));
        self.reported_unknown.push(misspelt.name.clone());
    }

    /// Returns the value of `key`, if present and not null.
    pub fn optional(&mut self, key: &str) -> Option<Field<'a>> {
        self.field(key).filter(|field| field.node.value != Value::Null)
    }

    /// Returns the node of `key`, if present, without interpreting it.
    pub fn node(&mut self, key: &str) -> Option<&'a Node> {
        self.field(key).map(|field| field.node)
    }

    /// Reads text, by default `default`.
    pub fn text(&mut self, key: &str, default: &str) -> String {
        self.field(key).and_then(|field| field.text()).unwrap_or(default).to_owned()
    }

    /// Reads required text.
    pub fn required_text(&mut self, key: &str) -> Option<String> {
        self.required(key)?.text().map(str::to_owned)
    }

    /// Reads optional text.
    pub fn optional_text(&mut self, key: &str) -> Option<String> {
        self.optional(key)?.text().map(str::to_owned)
    }

    /// Reads an integer within `range`, by default `default`.
    pub fn integer<T: Whole>(&mut self, key: &str, default: T, range: impl RangeBounds<T>) -> T {
        self.field(key).and_then(|field| field.integer(range)).unwrap_or(default)
    }

    /// Reads a required integer within `range`.
    pub fn required_integer<T: Whole>(&mut self, key: &str, range: impl RangeBounds<T>) -> Option<T> {
        self.required(key)?.integer(range)
    }

    /// Reads an optional integer within `range`.
    pub fn optional_integer<T: Whole>(&mut self, key: &str, range: impl RangeBounds<T>) -> Option<T> {
        self.optional(key)?.integer(range)
    }

    /// Reads a number within `range`, by default `default`.
    pub fn float(&mut self, key: &str, default: f64, range: impl RangeBounds<f64>) -> f64 {
        self.field(key).and_then(|field| field.float(range)).unwrap_or(default)
    }

    /// Reads a required number within `range`.
    pub fn required_float(&mut self, key: &str, range: impl RangeBounds<f64>) -> Option<f64> {
        self.required(key)?.float(range)
    }

    /// Reads an optional number within `range`.
    pub fn optional_float(&mut self, key: &str, range: impl RangeBounds<f64>) -> Option<f64> {
        self.optional(key)?.float(range)
    }

    /// Reads `true` or `false`, by default `default`.
    pub fn boolean(&mut self, key: &str, default: bool) -> bool {
        self.field(key).and_then(|field| field.boolean()).unwrap_or(default)
    }

    /// Reads one of the words in `choices` and returns what it stands for, by default `default`.
    pub fn one_of<T: Copy>(&mut self, key: &str, default: T, choices: &[(&str, T)]) -> T {
        self.field(key).and_then(|field| field.one_of(choices)).unwrap_or(default)
    }

    /// Reads one of the words in `choices`, which is required, and returns what it stands for.
    pub fn required_one_of<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        self.required(key)?.one_of(choices)
    }

    /// Reads one of the words in `choices`, which is optional, and returns what it stands for.
    pub fn optional_one_of<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        self.optional(key)?.one_of(choices)
    }

    /// Reads the items of a list; empty if the key is missing.
    pub fn list(&mut self, key: &str) -> Vec<Field<'a>> {
        self.field(key).map(|field| field.list()).unwrap_or_default()
    }

    /// Reads the items of a required list.
    pub fn required_list(&mut self, key: &str) -> Option<Vec<Field<'a>>> {
        self.required(key).map(|field| field.list())
    }

    /// Reads the mapping under `key` with `read`, if present, and closes that section.
    pub fn section<T>(&mut self, key: &str, read: impl FnOnce(&mut Section<'a>) -> Option<T>) -> Option<T> {
        self.optional(key)?.section(&format!("`{key}`"), read)
    }

    /// Reads the required mapping under `key` with `read` and closes that section.
    pub fn required_section<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Section<'a>) -> Option<T>,
    ) -> Option<T> {
        self.required(key)?.section(&format!("`{key}`"), read)
    }
}

/// An integer type: `u32`, `usize`, `i64` …
pub trait Whole: Copy + PartialOrd + Display + TryFrom<i64> {}

impl<T: Copy + PartialOrd + Display + TryFrom<i64>> Whole for T {}

/// A value being read. Each method reports a value of the wrong type or out of range at its place.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// The value with its place.
    pub node: &'a Node,
    /// The key of the value; `None` for an item of a list.
    pub key: Option<&'a Key>,
    diagnostics: &'a Diagnostics,
}

impl<'a> Field<'a> {
    /// Creates a field whose diagnostics go to `diagnostics`.
    #[must_use]
    pub fn new(node: &'a Node, diagnostics: &'a Diagnostics) -> Self {
        Self { node, key: None, diagnostics }
    }

    /// Returns the collection that receives diagnostics.
    #[must_use]
    pub fn diagnostics(self) -> &'a Diagnostics {
        self.diagnostics
    }

    /// Reads text.
    #[must_use]
    pub fn text(self) -> Option<&'a str> {
        let text = self.node.as_text();
        if text.is_none() {
            let quoted = match self.node.value {
                Value::Bool(_) | Value::Integer(_) | Value::Float(_) => Some(self.node.span.text()),
                _ => None,
            };
            self.refuse("text", quoted.map(|written| format!("put it into quotes: `\"{written}\"`")));
        }
        text
    }

    /// Reads an integer within `range`.
    #[must_use]
    pub fn integer<T: Whole>(self, range: impl RangeBounds<T>) -> Option<T> {
        let number = match self.node.value {
            Value::Integer(number) => T::try_from(number).ok().filter(|number| range.contains(number)),
            _ => None,
        };
        if number.is_none() {
            let intended = match &self.node.value {
                Value::Float(number) if number.fract() == 0.0 => Some(format!("{number}")),
                Value::Text(text) => number_in(text, |text| text.parse::<i64>().is_ok()),
                _ => None,
            };
            self.refuse(&within("a whole number", &range, T::to_string), intended.map(write_instead));
        }
        number
    }

    /// Reads a number within `range`.
    #[must_use]
    pub fn float(self, range: impl RangeBounds<f64>) -> Option<f64> {
        let number = match self.node.value {
            Value::Integer(number) => Some(number as f64),
            Value::Float(number) => Some(number),
            _ => None,
        };
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            let intended =
                self.node.as_text().and_then(|text| number_in(text, |text| text.parse::<f64>().is_ok()));
            self.refuse(&within("a number", &range, |bound| short(*bound)), intended.map(write_instead));
        }
        number
    }

    /// Reads `true` or `false`.
    #[must_use]
    pub fn boolean(self) -> Option<bool> {
        if let Value::Bool(value) = self.node.value {
            return Some(value);
        }
        let intended = match self.node.as_text().map(str::to_lowercase).as_deref() {
            Some("yes" | "y" | "on") => Some("true"),
            Some("no" | "n" | "off") => Some("false"),
            _ => None,
        };
        self.refuse("`true` or `false`", intended.map(write_instead));
        None
    }

    /// Reads one of the words in `choices` and returns what it stands for.
    #[must_use]
    pub fn one_of<T: Copy>(self, choices: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let Value::Text(word) = &self.node.value else {
            self.expected(&format!("one of {}", crate::list_names(&names)));
            return None;
        };
        let choice = choices.iter().find(|(name, _)| name == word).map(|(_, choice)| *choice);
        if choice.is_none() {
            let kind = self.key.map_or("value", |key| &key.name);
            self.diagnostics.push(Diagnostic::unknown(
                &self.node.span,
                kind,
                word,
                "valid values are",
                &names,
            ));
        }
        choice
    }

    /// Returns which of the `accepted` words it is; messages name the `current` ones alone.
    #[must_use]
    pub fn word<'w>(self, current: &[&str], accepted: &[&'w str]) -> Option<&'w str> {
        let known = self.node.as_text().and_then(|text| accepted.iter().find(|word| **word == text)).copied();
        if known.is_none() {
            let none: Vec<(&str, ())> = current.iter().map(|word| (*word, ())).collect();
            let _ = self.one_of(&none);
        }
        known
    }

    /// Returns what a word stands for among `choices`, of which several may mean the same, the current name first.
    #[must_use]
    pub fn one_of_renamed<T: Clone>(self, choices: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let word = self.word(&names, &names)?;
        choices.iter().find(|(name, _)| *name == word).map(|(_, choice)| choice.clone())
    }

    /// Returns whether nothing is written.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.node.value == Value::Null
    }

    /// The items of a list; none if it is no list.
    #[must_use]
    pub fn list(self) -> Vec<Field<'a>> {
        let Value::List(items) = &self.node.value else {
            let alone = !matches!(self.node.value, Value::Null | Value::Map(_));
            let written = self.node.span.text();
            self.refuse("a list", alone.then(|| write_instead(format!("[{written}]"))));
            return Vec::new();
        };
        items.iter().map(|item| Field::new(item, self.diagnostics)).collect()
    }

    /// Reads the items of a list, or a single value as a list of one.
    #[must_use]
    pub fn one_or_list(self) -> Vec<Field<'a>> {
        match self.node.value {
            Value::List(_) => self.list(),
            _ => vec![self],
        }
    }

    /// Reads the mapping, called `what` in messages, with `read` and closes the section.
    pub fn section<T>(self, what: &str, read: impl FnOnce(&mut Section<'a>) -> Option<T>) -> Option<T> {
        let mut section = Section::open(self.node, self.diagnostics, what)?;
        if let Some(key) = self.key {
            section.span = key.span.clone();
        }
        let value = read(&mut section);
        section.close();
        value
    }

    /// Reports a value of the wrong kind: "expected `what`, found …".
    pub fn expected(self, what: &str) {
        self.refuse(what, None);
    }

    fn refuse(self, expected: &str, hint: Option<String>) {
        let message = format!("expected {expected}, found {}", found(self.node));
        self.diagnostics.push(Diagnostic { hint, ..Diagnostic::error(&self.node.span, message) });
    }
}

/// Returns the number that was meant by `12_000` or `0,5`, which are text in YAML.
fn number_in(text: &str, is_number: impl Fn(&str) -> bool) -> Option<String> {
    [text.replace('_', ""), text.replace(',', ".")]
        .into_iter()
        .find(|text| text.starts_with(|c: char| c.is_ascii_digit() || c == '-') && is_number(text))
}

fn write_instead(text: impl Display) -> String {
    format!("write `{text}`")
}

fn found(node: &Node) -> String {
    match &node.value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(_) | Value::Integer(_) | Value::Float(_) => format!("`{}`", node.span.text()),
        Value::Text(text) => format!("`{text}`"),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a mapping".to_owned(),
    }
}

/// "a number between 0 and 1", "a whole number of at least 1".
fn within<T>(kind: &str, range: &impl RangeBounds<T>, show: impl Fn(&T) -> String) -> String {
    let low = match range.start_bound() {
        Bound::Included(low) => Some(format!("at least {}", show(low))),
        Bound::Excluded(low) => Some(format!("above {}", show(low))),
        Bound::Unbounded => None,
    };
    let high = match range.end_bound() {
        Bound::Included(high) => Some(format!("at most {}", show(high))),
        Bound::Excluded(high) => Some(format!("below {}", show(high))),
        Bound::Unbounded => None,
    };
    if let (Bound::Included(low), Bound::Included(high)) = (range.start_bound(), range.end_bound()) {
        return format!("{kind} between {} and {}", show(low), show(high));
    }
    let bounds: Vec<String> = low.into_iter().chain(high).collect();
    match bounds.join(" and ") {
        bounds if bounds.is_empty() => kind.to_owned(),
        bounds if bounds.starts_with("at ") => format!("{kind} of {bounds}"),
        bounds => format!("{kind} {bounds}"),
    }
}

/// Formats a bound compactly: `0.5`, `1`, `1e-8`.
fn short(number: f64) -> String {
    if number == 0.0 || (1e-4..1e7).contains(&number.abs()) {
        format!("{number}")
    } else {
        format!("{number:e}")
    }
}
