//! Reading of the section `tables` of a card: label files, speakers and segments.

use std::collections::{BTreeMap, BTreeSet};

use affekt_config::{Diagnostic, Diagnostics, Field, Section, Value, is_contained};
use affekt_domain::Role;
use regex::Regex;

use crate::card_reader::{ROLES, all_or_nothing, read_regex, read_template, word};
use crate::delimited::Encoding;
use crate::grammar::Template;
use crate::row_name::RowName;
use crate::segments::SegmentTable;
use crate::sex_column::SexColumn;
use crate::speaker_table::SpeakerTable;
use crate::tables::{Facts, RATER, RaterColumns};
use crate::{LabelFile, Tables};

const ENCODINGS: [(&str, Encoding); 2] = [("unicode", Encoding::Unicode), ("latin-1", Encoding::Latin1)];

/// Reads the templates of a recording's names in the tables, the card's own first, and how to read them.
pub(crate) fn read(
    tables: &mut Section,
    path: &Regex,
    diagnostics: &Diagnostics,
) -> Option<(Vec<Template>, Tables)> {
    let recording = tables.required("recording").and_then(|field| read_template(field, path, diagnostics));
    let id = tables.optional("id").map(read_row_name);
    let part = tables.optional("part").map(|field| read_part_column(field, diagnostics));
    let speaker = tables.optional_text("speaker");
    let withheld = tables.list("withheld").into_iter().filter_map(|part| part.one_of(&ROLES)).collect();
    let absent = tables.list("absent").into_iter().filter_map(word).collect();
    let speakers = tables.optional("speakers").map(|field| field.section("`speakers`", read_speakers));
    let segments = tables.optional("segments").map(|field| field.section("`segments`", read_segments));
    let mut names = vec![recording];
    let shared = Shared {
        id: id.as_ref().and_then(Option::as_ref),
        is_id_said: id.is_some(),
        part: part.as_ref().and_then(|part| part.as_ref()).map(|(column, _)| column.as_str()),
    };
    let files = tables.required("files").and_then(|field| {
        let mut files = Section::open(field.node, diagnostics, "`files`")?;
        let read = files.rest().into_iter().map(|(key, field)| {
            if !is_contained(&key.name) {
                let message = format!("`{}` leads out of the corpus' folder", key.name);
                let hint = "label files lie in that folder: write their path from there";
                diagnostics.push(Diagnostic::error(&key.span, message).hint(hint));
                return None;
            }
            let what = format!("`{}`", key.name);
            field.section(&what, |file| {
                let own = file.optional("recording").map(|field| read_template(field, path, diagnostics));
                let name = own.map_or(0, |own| {
                    names.push(own);
                    names.len() - 1
                });
                read_label_file(file, &key.name, name, &shared)
            })
        });
        read.collect::<Vec<_>>().into_iter().collect::<Option<Vec<_>>>()
    });
    let part = all_or_nothing(part)?;
    let (speakers, segments) = (all_or_nothing(speakers)?, all_or_nothing(segments)?);
    all_or_nothing(id)?;
    let tables = Tables { part, speaker, withheld, absent, files: files?, speakers, segments };
    Some((names.into_iter().collect::<Option<_>>()?, tables))
}

/// What all label files of a card have in common.
struct Shared<'s> {
    id: Option<&'s RowName>,
    is_id_said: bool,
    part: Option<&'s str>,
}

/// Reads a label file, whose rows go by name number `key` of the grammar.
fn read_label_file(file: &mut Section, path: &str, key: usize, shared: &Shared) -> Option<LabelFile> {
    let optional = file.boolean("optional", false);
    let encoding = file.one_of("encoding", Encoding::Unicode, &ENCODINGS);
    let id = match file.optional("id") {
        Some(field) => read_row_name(field),
        None => {
            if !shared.is_id_said {
                file.diagnostics().error(file.span(), "`id` is missing, here and in `tables`");
            }
            shared.id.cloned()
        }
    };
    let lines = file.optional("lines");
    let pattern = lines.map(read_regex);
    let [label, transcript, text, intensity, style, session] =
        ["label", "transcript", "text", "intensity", "style", "session"].map(|key| file.optional_text(key));
    let sex = file.optional("sex").map(read_sex_column);
    let [values, metadata] = ["values", "metadata"].map(|key| read_columns(file, key));
    let rater = file.optional("rater").map(|field| {
        let labels = read_columns(file, "labels");
        let comment = file.optional_text("comment");
        Some(RaterColumns { rater: field.text()?.to_owned(), labels: labels?, comment })
    });
    if let (Some(field), Some(Some(pattern))) = (lines, &pattern) {
        let groups: Vec<&str> = pattern.capture_names().flatten().collect();
        let columns = id.iter().flat_map(RowName::columns).chain(shared.part);
        let single = [&label, &transcript, &text, &intensity, &style, &session];
        let columns = columns.chain(single.into_iter().flatten().map(String::as_str));
        let lists = [&values, &metadata].into_iter().flatten().flatten();
        for column in columns.chain(lists.map(String::as_str)) {
            if !groups.contains(&column) {
                let (span, all) = (&field.node.span, "`lines` has the groups");
                file.diagnostics().push(Diagnostic::unknown(span, "group", column, all, &groups));
            }
        }
    }
    let ratings = file.optional("ratings").map(|field| {
        if lines.is_none() {
            field.expected("`lines` beside it: ratings are below the lines that they belong to");
        }
        field.list().into_iter().map(read_rating_lines).collect::<Option<Vec<_>>>()
    });
    let (lines, ratings) = (all_or_nothing(pattern)?, all_or_nothing(ratings)?.unwrap_or_default());
    let (sex, rater) = (all_or_nothing(sex)?, all_or_nothing(rater)?);
    Some(LabelFile {
        path: path.to_owned(),
        encoding,
        key,
        id: id?,
        // What single raters say is in the rows of some recordings, many times.
        optional: optional || rater.is_some(),
        lines,
        label,
        transcript,
        sex,
        facts: Facts { text, intensity, style, session },
        values: values?,
        metadata: metadata?,
        rater,
        ratings,
    })
}

fn read_columns(file: &mut Section, key: &str) -> Option<Vec<String>> {
    file.list(key).into_iter().map(word).collect()
}

/// Reads a column, a template of columns in braces, or `{ column: <either>, pattern: <regular expression> }`.
fn read_row_name(field: Field) -> Option<RowName> {
    if !matches!(field.node.value, Value::Map(_)) {
        return Some(RowName { parts: read_parts(field)?, pattern: None });
    }
    field.section("`id`", |id| {
        let parts = id.required("column").and_then(read_parts);
        let pattern = id.required("pattern").and_then(read_regex);
        Some(RowName { parts: parts?, pattern: Some(pattern?) })
    })
}

fn read_parts(field: Field) -> Option<Vec<(String, Option<String>)>> {
    let text = field.text()?;
    if !text.contains(['{', '}']) {
        return Some(vec![(String::new(), Some(text.to_owned()))]);
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((literal, from_brace)) = rest.split_once('{') {
        let Some((column, after)) = from_brace.split_once('}').filter(|_| !literal.contains('}')) else {
            field.expected("text with the names of columns in braces, such as \"dia{Dialogue}_utt{Number}\"");
            return None;
        };
        parts.push((literal.to_owned(), Some(column.to_owned())));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push((rest.to_owned(), None));
    }
    Some(parts)
}

/// Reads a column with the words `female` and `male` (or `f` and `m`), or `{ column, female: […], male: […] }`.
fn read_sex_column(field: Field) -> Option<SexColumn> {
    if !matches!(field.node.value, Value::Map(_)) {
        return field.text().map(|column| SexColumn::plain(column.to_owned()));
    }
    field.section("`sex`", |sex| {
        let column = sex.required_text("column");
        let words = |items: Vec<Field>| -> BTreeSet<String> { items.into_iter().filter_map(word).collect() };
        let [female, male] = ["female", "male"].map(|key| sex.required_list(key).map(words));
        Some(SexColumn { column: column?, female: female?, male: male? })
    })
}

/// Reads a path in the corpus' folder.
fn read_contained(section: &mut Section) -> Option<String> {
    let field = section.required("path")?;
    let path = field.text()?;
    if !is_contained(path) {
        field.expected("a path in the corpus' folder");
        return None;
    }
    Some(path.to_owned())
}

fn read_speakers(speakers: &mut Section) -> Option<SpeakerTable> {
    let path = read_contained(speakers);
    let encoding = speakers.one_of("encoding", Encoding::Unicode, &ENCODINGS);
    let id = speakers.required("id").and_then(read_row_name);
    let sex = speakers.optional("sex").map(read_sex_column);
    let metadata = read_columns(speakers, "metadata");
    Some(SpeakerTable { path: path?, encoding, id: id?, sex: all_or_nothing(sex)?, metadata: metadata? })
}

fn read_segments(segments: &mut Section) -> Option<SegmentTable> {
    let path = read_contained(segments);
    let encoding = segments.one_of("encoding", Encoding::Unicode, &ENCODINGS);
    let [recording, id] = ["recording", "id"].map(|key| segments.required(key).and_then(read_row_name));
    let [start, end] = ["start", "end"].map(|key| segments.required_text(key));
    let seconds = segments.float("seconds", 1.0, 1e-9..=3600.0);
    let channel = segments.optional_text("channel");
    Some(SegmentTable {
        path: path?,
        encoding,
        recording: recording?,
        id: id?,
        start: start?,
        end: end?,
        seconds,
        channel,
    })
}

/// Reads a regular expression for the lines of single raters, which must have a group for the rater.
fn read_rating_lines(field: Field) -> Option<Regex> {
    let lines = read_regex(field)?;
    if !lines.capture_names().flatten().any(|group| group == RATER) {
        field.expected("an expression with the group `rater`, which identifies the rater");
        return None;
    }
    Some(lines)
}

/// Reads a column with the words `train`, `dev` and `test`, or `{ column, replace: { word: role } }`.
fn read_part_column(field: Field, diagnostics: &Diagnostics) -> Option<(String, BTreeMap<String, Role>)> {
    let mut roles: BTreeMap<String, Role> =
        Role::ALL.into_iter().map(|role| (role.name().to_owned(), role)).collect();
    if !matches!(field.node.value, Value::Map(_)) {
        return Some((field.text()?.to_owned(), roles));
    }
    field.section("`part`", |part| {
        let column = part.required_text("column");
        if let Some(table) = part.required("replace")
            && let Some(mut table) = Section::open(table.node, diagnostics, "`replace`")
        {
            let read = table.rest().into_iter();
            roles.extend(read.filter_map(|(key, field)| Some((key.name.clone(), field.one_of(&ROLES)?))));
        }
        Some((column?, roles))
    })
}
