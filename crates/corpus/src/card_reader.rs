//! Reading of a [`Card`] from YAML, with all mistakes at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use affekt_config::{Diagnostic, Diagnostics, Field, Node, Section, Span, Value, parse as parse_yaml};
use affekt_domain::{Role, Sex};
use regex::Regex;

use crate::grammar::{BadTemplate, PartRule, Rule, SexRule, Template};
use crate::spelling::normalised;
use crate::{Card, EMOTIONS, Grammar, Label, Oddity, Tables, card_tables, origin};

const SEXES: [(&str, Sex); 2] = [("female", Sex::Female), ("male", Sex::Male)];
pub(crate) const ROLES: [(&str, Role); 3] =
    [("train", Role::Train), ("dev", Role::Dev), ("test", Role::Test)];

/// Reads a card.
pub(crate) fn parse(path: &str, text: &str, diagnostics: &Diagnostics) -> Option<Card> {
    // Only the card's own mistakes count, whatever else is in the caller's collection.
    let mistakes = Diagnostics::new();
    let card = parse_yaml(path, &normalised(text), &mistakes)
        .and_then(|node| Field::new(&node, &mistakes).section("the card", |card| read_card(card, path)));
    let is_wrong = mistakes.has_errors();
    for mistake in mistakes.sorted() {
        diagnostics.push(mistake);
    }
    card.filter(|_| !is_wrong)
}

fn read_card(card: &mut Section, path: &str) -> Option<Card> {
    // Everything is read before the first `?`, so that one mistake does not hide the next.
    card.check_file_version();
    let name = read_name(card, path);
    let [title, licence, citation, origin, obtain] =
        ["title", "licence", "citation", "origin", "obtain"].map(|key| card.required_text(key));
    let (files, speakers, count_note) = card
        .section("expect", |expect| {
            let [files, speakers] = ["files", "speakers"].map(|key| expect.optional_integer(key, 1..));
            Some((files, speakers, expect.optional_text("note")))
        })
        .unwrap_or_default();
    let tables = card.node("tables");
    let fetch = card.section("fetch", origin::read);
    let labels = read_labels(card, files);
    let ignore = card.list("ignore").into_iter().filter_map(read_regex).collect();
    let oddities = card.list("oddities").into_iter().filter_map(read_oddity).collect();
    let (grammar, speakers_unknown, tables) = read_grammar(card, tables)?;
    Some(Card {
        name: name?,
        title: title?,
        licence: licence?,
        citation: citation?,
        origin: origin?,
        obtain: obtain?,
        fetch,
        files,
        speakers,
        count_note,
        grammar,
        speakers_unknown,
        tables,
        ignore,
        labels,
        oddities,
    })
}

/// Reads the name, which is a prefix of ids and the name of a folder: one plain word, equal to the card's file name.
fn read_name(card: &mut Section, path: &str) -> Option<String> {
    let field = card.required("name")?;
    let name = field.text()?;
    let is_plain = name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    if !is_plain {
        field.expected("a name of letters, digits, `-`, `_` and `.`, as a folder can have");
    }
    let stem = Path::new(path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if !name.eq_ignore_ascii_case(stem) {
        field.expected(&format!("the name of the card's file, `{stem}` in any case"));
    }
    is_plain.then(|| name.to_owned())
}

/// Reads `labels: { native: emotion }` or `labels: { native: { emotion: …, files: … } }`. `files` is a total, or a
/// number per session.
fn read_labels(card: &mut Section, files: Option<usize>) -> BTreeMap<String, Label> {
    let own_words: Vec<String> = card.list("emotions").into_iter().filter_map(word).collect();
    let known: Vec<&str> = EMOTIONS.into_iter().chain(own_words.iter().map(String::as_str)).collect();
    let read_emotion = |field: Field, diagnostics: &Diagnostics| {
        let emotion = field.text()?;
        if !known.contains(&emotion) {
            diagnostics.push(
                Diagnostic::unknown(
                    &field.node.span,
                    "emotion",
                    emotion,
                    "the common words, and those under `emotions`, are",
                    &known,
                )
                .label("a word of its own belongs under `emotions`"),
            );
        }
        Some(emotion.to_owned())
    };
    // A corpus with numeric annotations only has no labels.
    let labels =
        if card.node("tables").is_some() { card.optional("labels") } else { card.required("labels") };
    let Some(labels) = labels else { return BTreeMap::new() };
    let diagnostics = card.diagnostics();
    let Some(mut table) = Section::open(labels.node, diagnostics, "`labels`") else { return BTreeMap::new() };
    let mut read = BTreeMap::new();
    for (key, field) in table.rest() {
        let label = if let Value::Map(_) = field.node.value {
            field.section(&format!("label `{}`", key.name), |label| {
                let emotion = label.required("emotion").and_then(|field| read_emotion(field, diagnostics));
                let (files, sessions) = label.optional("files").map(read_files).unwrap_or_default();
                Some(Label { emotion: emotion?, files, sessions })
            })
        } else {
            read_emotion(field, diagnostics).map(|emotion| Label { emotion, files: None, sessions: None })
        };
        read.extend(label.map(|label| (key.name.clone(), label)));
    }
    let counted: Option<usize> = read.values().map(|label| label.files).sum();
    if let (Some(counted), Some(files)) = (counted, files)
        && counted != files
    {
        let message = format!("the labels' files add up to {counted}, `expect` says {files}");
        diagnostics.error(&labels.node.span, message);
    }
    read
}

/// Reads `1708`, or `{ session: 384, other: 1324 }`.
fn read_files(field: Field) -> (Option<usize>, Option<BTreeMap<String, usize>>) {
    if !matches!(field.node.value, Value::Map(_)) {
        return (field.integer(1..), None);
    }
    let sessions: Option<BTreeMap<String, usize>> = field.section("`files`", |sessions| {
        let read = sessions.rest().into_iter();
        Some(read.filter_map(|(key, field)| Some((key.name.clone(), field.integer(1..)?))).collect())
    });
    (sessions.as_ref().map(|sessions| sessions.values().sum()), sessions)
}

/// Reads a remark, or `{ files: <regular expression>, remark: … }`.
fn read_oddity(field: Field) -> Option<Oddity> {
    if let Value::Map(_) = field.node.value {
        return field.section("the oddity", |oddity| {
            let files = oddity.required("files").and_then(read_regex);
            Some(Oddity { remark: oddity.required_text("remark")?, files: Some(files?) })
        });
    }
    Some(Oddity { remark: field.text()?.to_owned(), files: None })
}

/// Reads what paths and label files state, and why speakers are unknown if they are.
fn read_grammar(
    card: &mut Section,
    tables: Option<&Node>,
) -> Option<(Grammar, Option<String>, Option<Tables>)> {
    let path = card.required("path").and_then(read_path);
    let diagnostics = card.diagnostics();
    let speaker = card.required("speaker");
    let unknown = speaker.filter(|field| field.node.get("unknown").is_some());
    let optional =
        ["text", "intensity", "style", "session", "recording", "sex", "part"].map(|key| card.optional(key));
    let metadata = card.optional("metadata");
    // Labels are in paths, unless they are in tables or absent.
    let label = if tables.is_some() { card.optional("label") } else { card.required("label") };

    // Without the regular expression it is unknown which groups templates may use.
    let path = path?;
    let speakers_unknown =
        unknown.and_then(|field| field.section("`speaker`", |speaker| speaker.required_text("unknown")));
    // A rule that cannot be read is `Some(None)`: everything else is read before it fails the card.
    let rule = |field: Option<Field>| field.map(|field| read_rule(field, &path, diagnostics));
    let speaker_rule = rule(speaker.filter(|_| unknown.is_none()));
    let label_rule = rule(label);
    let [text, intensity, style, session, recording, sex, part] = optional;
    let [text, intensity, style, session, recording] =
        [text, intensity, style, session, recording].map(|it| rule(it)?);
    let sex = sex.and_then(|field| read_sex(field, &path, diagnostics));
    let part_rule = part.and_then(|field| read_part(field, &path, diagnostics));
    let metadata = metadata.map_or_else(BTreeMap::new, |field| read_metadata(field, &path, diagnostics));
    let tables = tables.map(|node| {
        Field::new(node, diagnostics)
            .section("`tables`", |section| card_tables::read(section, &path, diagnostics))
    });
    if let Some(Some((_, tables))) = &tables {
        for (field, is_told, what) in
            [(part, tables.part.is_some(), "part"), (label, tables.has_label(), "label")]
        {
            if let Some(field) = field.filter(|_| is_told) {
                let message = format!("`{what}` is given both by paths and by `tables`: remove one of them");
                diagnostics.error(&field.node.span, message);
            }
        }
    }
    let (rows, tables) =
        tables.map_or(Some((Vec::new(), None)), |read| read.map(|(rows, it)| (rows, Some(it))))?;
    let grammar = Grammar {
        path,
        speaker: all_or_nothing(speaker_rule)?,
        sex,
        text,
        intensity,
        style,
        session,
        part: part_rule,
        label: all_or_nothing(label_rule)?,
        recording,
        metadata,
        rows,
    };
    Some((grammar, speakers_unknown, tables))
}

/// Returns `None` if there is a rule that could not be read.
#[expect(clippy::option_option, reason = "what is there, and whether it could be read")]
pub(crate) fn all_or_nothing<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    read.map_or(Some(None), |read| read.map(Some))
}

/// Reads a regular expression. It is first checked as written, so that errors show the user's own text.
fn read_path(field: Field) -> Option<Regex> {
    read_regex(field)?;
    Regex::new(&format!("^(?:{})$", field.text()?)).ok()
}

pub(crate) fn read_regex(field: Field) -> Option<Regex> {
    let text = field.text()?;
    match Regex::new(text) {
        Ok(regex) => Some(regex),
        Err(error) => {
            // The last line of the message says what is wrong; the others repeat the expression.
            let error = error.to_string();
            let what = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
            field.expected(&format!("a regular expression ({what})"));
            None
        }
    }
}

/// Reads `{ name: <rule>, … }`.
fn read_metadata(field: Field, path: &Regex, diagnostics: &Diagnostics) -> BTreeMap<String, Rule> {
    let Some(mut table) = Section::open(field.node, diagnostics, "`metadata`") else {
        return BTreeMap::new();
    };
    let read = table.rest().into_iter();
    read.filter_map(|(key, field)| Some((key.name.clone(), read_rule(field, path, diagnostics)?))).collect()
}

/// Reads a template, or `{ from: <template>, replace: { value: other } }`.
fn read_rule(field: Field, path: &Regex, diagnostics: &Diagnostics) -> Option<Rule> {
    if !matches!(field.node.value, Value::Map(_)) {
        return Some(Rule { template: read_template(field, path, diagnostics)?, replace: BTreeMap::new() });
    }
    field.section("the rule", |rule| {
        let template = rule.required("from").and_then(|from| read_template(from, path, diagnostics));
        let replace = rule.required("replace").map(|table| read_words(table.node, diagnostics));
        Some(Rule { template: template?, replace: replace? })
    })
}

pub(crate) fn read_template(field: Field, path: &Regex, diagnostics: &Diagnostics) -> Option<Template> {
    match Template::parse(field.text()?, path) {
        Ok(template) => Some(template),
        Err(BadTemplate::Braces) => {
            field.expected("a template: text with the names of groups in braces, such as \"{speaker}\"");
            None
        }
        Err(BadTemplate::UnknownGroup(name)) => {
            let groups: Vec<&str> = path.capture_names().flatten().collect();
            let span: &Span = &field.node.span;
            diagnostics.push(Diagnostic::unknown(span, "group", &name, "`path` has the groups", &groups));
            None
        }
    }
}

fn read_words(node: &Node, diagnostics: &Diagnostics) -> BTreeMap<String, String> {
    let Some(mut table) = Section::open(node, diagnostics, "`replace`") else { return BTreeMap::new() };
    let entries = table.rest();
    entries.into_iter().filter_map(|(key, field)| Some((key.name.clone(), word(field)?))).collect()
}

/// Reads `male`, or `{ from, odd, even }`, or `{ from, female: […], male: […] }`.
fn read_sex(field: Field, path: &Regex, diagnostics: &Diagnostics) -> Option<SexRule> {
    if !matches!(field.node.value, Value::Map(_)) {
        return field.one_of(&SEXES).map(SexRule::Constant);
    }
    field.section("`sex`", |sex| {
        let from = sex.required("from").and_then(|from| read_template(from, path, diagnostics));
        if field.node.get("odd").is_some() || field.node.get("even").is_some() {
            let (odd, even) = (sex.required_one_of("odd", &SEXES), sex.required_one_of("even", &SEXES));
            return Some(SexRule::Parity { from: from?, odd: odd?, even: even? });
        }
        let words = |items: Vec<Field>| -> BTreeSet<String> { items.into_iter().filter_map(word).collect() };
        let [female, male] = ["female", "male"].map(|key| sex.required_list(key).map(words));
        let (from, female, male) = (from?, female?, male?);
        for both in female.intersection(&male) {
            diagnostics.error(sex.span(), format!("`{both}` is listed as female and as male"));
        }
        Some(SexRule::Lists { from, female, male })
    })
}

/// Reads `"{folder}"`, or `{ from, replace: { value: train } }`, or `{ from, train: […], dev: […], test: […] }`.
fn read_part(field: Field, path: &Regex, diagnostics: &Diagnostics) -> Option<PartRule> {
    let own_names = || Role::ALL.into_iter().map(|role| (role.name().to_owned(), role));
    if !matches!(field.node.value, Value::Map(_)) {
        let template = read_template(field, path, diagnostics)?;
        return Some(PartRule { template, roles: own_names().collect() });
    }
    field.section("`part`", |part| {
        let template = part.required("from").and_then(|from| read_template(from, path, diagnostics));
        let mut roles = BTreeMap::new();
        if let Some(table) = part.node("replace") {
            roles.extend(own_names());
            if let Some(mut table) = Section::open(table, diagnostics, "`replace`") {
                let read = table.rest().into_iter();
                roles.extend(read.filter_map(|(key, field)| Some((key.name.clone(), field.one_of(&ROLES)?))));
            }
            return Some(PartRule { template: template?, roles });
        }
        if Role::ALL.iter().all(|role| field.node.get(role.name()).is_none()) {
            field.expected("`replace`, or lists under `train`, `dev` and `test`");
        }
        for (name, role) in ROLES {
            for value in part.list(name).into_iter().filter_map(word) {
                if let Some(other) = roles.insert(value.clone(), role).filter(|other| *other != role) {
                    let message = format!("`{value}` is listed as {} and as {name}", other.name());
                    diagnostics.error(part.span(), message);
                }
            }
        }
        Some(PartRule { template: template?, roles })
    })
}

/// Reads a word as written: identifiers such as `1002` need no quotes.
pub(crate) fn word(field: Field) -> Option<String> {
    match &field.node.value {
        Value::Integer(_) | Value::Float(_) | Value::Bool(_) => Some(field.node.span.text().to_owned()),
        _ => field.text().map(str::to_owned),
    }
}
