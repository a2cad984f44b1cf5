//! Reading a mapping into Rust values, key by key.
//!
//! Every method reports what is wrong and returns something to go on with, so that code that reads a section
//! runs straight down and finds every mistake. `None` from a `required_` method, and a default in place of a
//! value that was wrong, always come with an error in the [`Diagnostics`]; check those before using the result.

use std::fmt::Display;
use std::ops::{Bound, RangeBounds};

use crate::diagnostic::which_of;
use crate::{Diagnostic, Diagnostics, Key, Node, Span, Value, nearest};

/// A mapping that is being read. Keys that were asked for are the valid ones; [`Section::close`] reports others.
#[derive(Debug)]
pub struct Section<'a> {
    span: Span,
    entries: &'a [(Key, Node)],
    what: String,
    asked: Vec<String>,
    /// Unknown keys that have been reported.
    told: Vec<String>,
    is_open_ended: bool,
    diagnostics: &'a Diagnostics,
}

impl<'a> Section<'a> {
    /// Begins to read `node`, called `what` in messages (``node `train` ``). `None`, and an error, when it is not a
    /// mapping.
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
            told: Vec::new(),
            is_open_ended: false,
            diagnostics,
        })
    }

    /// Ends reading: reports each key that was not asked for.
    pub fn close(self) {
        if self.is_open_ended {
            return;
        }
        let is_unknown = |name: &String| !self.asked.contains(name) && !self.told.contains(name);
        for (key, _) in self.entries.iter().filter(|(key, _)| is_unknown(&key.name)) {
            self.diagnostics.push(
                Diagnostic::error(&key.span, format!("unknown key `{}` in {}", key.name, self.what))
                    .hint(which_of(&key.name, "valid keys are", &self.asked)),
            );
        }
    }

    /// Its key, where it has one; else where it begins.
    #[must_use]
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Where problems go.
    #[must_use]
    pub fn diagnostics(&self) -> &'a Diagnostics {
        self.diagnostics
    }

    /// The entries not yet asked for. Their keys are free names from here on: none is unknown.
    pub fn rest(&mut self) -> Vec<(&'a Key, Field<'a>)> {
        self.is_open_ended = true;
        let unread = self.entries.iter().filter(|(key, _)| !self.asked.contains(&key.name));
        unread
            .map(|(key, node)| (key, Field { node, key: Some(key), diagnostics: self.diagnostics }))
            .collect()
    }

    /// The value of `key`, if it is there.
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
            self.told.push(name.name.clone());
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

    /// Reports that `missing` is not there. A key that nobody has asked for and that looks like it is the same mistake, reported
    /// once.
    pub fn report_missing(&mut self, missing: &str) {
        let is_unread = |name: &String| !self.asked.contains(name) && !self.told.contains(name);
        let unread = self.entries.iter().map(|(key, _)| key).filter(|key| is_unread(&key.name));
        let near = nearest(missing, unread.clone().map(|key| key.name.as_str()));
        let Some(misspelt) = unread.into_iter().find(|key| Some(key.name.as_str()) == near) else {
            self.diagnostics.error(&self.span, format!("{} needs `{missing}`", self.what));
            return;
        };
        let message = format!("unknown key `{}` in {}", misspelt.name, self.what);
        let hint = format!("did you mean `{missing}`, which it needs?");
        self.diagnostics.push(Diagnostic::error(&misspelt.span, message).hint(hint));
        self.told.push(misspelt.name.clone());
    }

    /// The value of `key`, if it is there and not null.
    pub fn optional(&mut self, key: &str) -> Option<Field<'a>> {
        self.field(key).filter(|field| field.node.value != Value::Null)
    }

    /// The node of `key`, if it is there, to be read in some other way.
    pub fn node(&mut self, key: &str) -> Option<&'a Node> {
        self.field(key).map(|field| field.node)
    }

    /// Text, or `default`.
    pub fn text(&mut self, key: &str, default: &str) -> String {
        self.field(key).and_then(|field| field.text()).unwrap_or(default).to_owned()
    }

    /// Text that must be there.
    pub fn required_text(&mut self, key: &str) -> Option<String> {
        self.required(key)?.text().map(str::to_owned)
    }

    /// Text, or `None`.
    pub fn optional_text(&mut self, key: &str) -> Option<String> {
        self.optional(key)?.text().map(str::to_owned)
    }

    /// A whole number within `range`, or `default`.
    pub fn integer<T: Whole>(&mut self, key: &str, default: T, range: impl RangeBounds<T>) -> T {
        self.field(key).and_then(|field| field.integer(range)).unwrap_or(default)
    }

    /// A whole number within `range` that must be there.
    pub fn required_integer<T: Whole>(&mut self, key: &str, range: impl RangeBounds<T>) -> Option<T> {
        self.required(key)?.integer(range)
    }

    /// A whole number within `range`, or `None`.
    pub fn optional_integer<T: Whole>(&mut self, key: &str, range: impl RangeBounds<T>) -> Option<T> {
        self.optional(key)?.integer(range)
    }

    /// A number within `range`, or `default`.
    pub fn float(&mut self, key: &str, default: f64, range: impl RangeBounds<f64>) -> f64 {
        self.field(key).and_then(|field| field.float(range)).unwrap_or(default)
    }

    /// A number within `range` that must be there.
    pub fn required_float(&mut self, key: &str, range: impl RangeBounds<f64>) -> Option<f64> {
        self.required(key)?.float(range)
    }

    /// A number within `range`, or `None`.
    pub fn optional_float(&mut self, key: &str, range: impl RangeBounds<f64>) -> Option<f64> {
        self.optional(key)?.float(range)
    }

    /// `true` or `false`, or `default`.
    pub fn boolean(&mut self, key: &str, default: bool) -> bool {
        self.field(key).and_then(|field| field.boolean()).unwrap_or(default)
    }

    /// What the word stands for among `choices`, or `default`.
    pub fn one_of<T: Copy>(&mut self, key: &str, default: T, choices: &[(&str, T)]) -> T {
        self.field(key).and_then(|field| field.one_of(choices)).unwrap_or(default)
    }

    /// What the word, which must be there, stands for among `choices`.
    pub fn required_one_of<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        self.required(key)?.one_of(choices)
    }

    /// What the word stands for among `choices`, or `None`.
    pub fn optional_one_of<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        self.optional(key)?.one_of(choices)
    }

    /// The items of a list; none if the key is not there.
    pub fn list(&mut self, key: &str) -> Vec<Field<'a>> {
        self.field(key).map(|field| field.list()).unwrap_or_default()
    }

    /// The items of a list that must be there.
    pub fn required_list(&mut self, key: &str) -> Option<Vec<Field<'a>>> {
        self.required(key).map(|field| field.list())
    }

    /// What `read` makes of the mapping under `key`, or `None`; closes that section.
    pub fn section<T>(&mut self, key: &str, read: impl FnOnce(&mut Section<'a>) -> Option<T>) -> Option<T> {
        self.optional(key)?.section(&format!("`{key}`"), read)
    }

    /// What `read` makes of the mapping under `key`, which must be there; closes that section.
    pub fn required_section<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Section<'a>) -> Option<T>,
    ) -> Option<T> {
        self.required(key)?.section(&format!("`{key}`"), read)
    }
}

/// A whole number type: `u32`, `usize`, `i64` …
pub trait Whole: Copy + PartialOrd + Display + TryFrom<i64> {}

impl<T: Copy + PartialOrd + Display + TryFrom<i64>> Whole for T {}

/// A value that is being read. Each method reports a value of another type, or out of range, at its place.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// The value and its place.
    pub node: &'a Node,
    /// The key it stands under; `None` for an item of a list.
    pub key: Option<&'a Key>,
    diagnostics: &'a Diagnostics,
}

impl<'a> Field<'a> {
    /// `node`, its problems to go to `diagnostics`.
    #[must_use]
    pub fn new(node: &'a Node, diagnostics: &'a Diagnostics) -> Self {
        Self { node, key: None, diagnostics }
    }

    /// Where problems go.
    #[must_use]
    pub fn diagnostics(self) -> &'a Diagnostics {
        self.diagnostics
    }

    /// Text.
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

    /// A whole number within `range`.
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

    /// A number within `range`.
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

    /// `true` or `false`.
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

    /// What the word stands for among `choices`.
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

    /// The items of a list, or this itself where it is none: what may be given alone.
    #[must_use]
    pub fn one_or_list(self) -> Vec<Field<'a>> {
        match self.node.value {
            Value::List(_) => self.list(),
            _ => vec![self],
        }
    }

    /// What `read` makes of the mapping, called `what` in messages; closes the section.
    pub fn section<T>(self, what: &str, read: impl FnOnce(&mut Section<'a>) -> Option<T>) -> Option<T> {
        let mut section = Section::open(self.node, self.diagnostics, what)?;
        if let Some(key) = self.key {
            section.span = key.span.clone();
        }
        let value = read(&mut section);
        section.close();
        value
    }

    /// Reports that something else was expected here: "expected `what`, found …".
    pub fn expected(self, what: &str) {
        self.refuse(what, None);
    }

    fn refuse(self, expected: &str, hint: Option<String>) {
        let message = format!("expected {expected}, found {}", found(self.node));
        self.diagnostics.push(Diagnostic { hint, ..Diagnostic::error(&self.node.span, message) });
    }
}

/// The number in `12_000` or `0,5`, which YAML takes for text.
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

/// A bound as a person writes it: `0.5`, `1`, `1e-8`.
fn short(number: f64) -> String {
    if number == 0.0 || (1e-4..1e7).contains(&number.abs()) {
        format!("{number}")
    } else {
        format!("{number:e}")
    }
}
