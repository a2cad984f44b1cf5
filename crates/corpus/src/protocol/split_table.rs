//! Reading of a split file, with all mistakes at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use affekt_config::{Diagnostic, SourceFile, Span, list_names, nearest};
use affekt_domain::Role;
use csv::{ReaderBuilder, StringRecord};

use crate::delimited::delimiter;
use crate::scan;
use crate::spelling::normalised;

/// The accepted names of each column; messages use the first.
const UTTERANCE: &[&str] = &["utterance", "file", "filename", "file_name", "path"];
const ROLE: &[&str] = &["role", "split", "part", "partition", "set"];
const FOLD: &[&str] = &["fold"];

/// The accepted names of roles. `eval` is not among them, as it means dev in some splits and test in others.
const ROLES: [(&str, Role); 8] = [
    ("train", Role::Train),
    ("training", Role::Train),
    ("dev", Role::Dev),
    ("development", Role::Dev),
    ("val", Role::Dev),
    ("valid", Role::Dev),
    ("validation", Role::Dev),
    ("test", Role::Test),
];

/// For each fold, the roles by name.
pub(super) type Folds = BTreeMap<u32, BTreeMap<String, Role>>;

/// Parses the table, or returns all mistakes in it.
pub(super) fn read(path: &str, text: &str) -> Result<Folds, Vec<Diagnostic>> {
    let source = SourceFile::file(path, &normalised(text));
    let mut mistakes = Mistakes::default();
    let folds = read_rows(&source, &mut mistakes).unwrap_or_default();
    let found = mistakes.into_diagnostics();
    if found.is_empty() { Ok(folds) } else { Err(found) }
}

/// Reads all rows; `None` if the header is too wrong to read them.
fn read_rows(source: &Arc<SourceFile>, mistakes: &mut Mistakes) -> Option<Folds> {
    let delimiter = delimiter(source.text());
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(source.text().as_bytes());
    let mut records = reader.records().map_while(Result::ok).map(|record| {
        let span = span(source, &record);
        (record, span)
    });
    let Some((header, at)) = records.next() else {
        let nowhere = Span::new(source, 0..0);
        mistakes.add(&nowhere, "the split is empty".into(), Some(HEADER.into()));
        return None;
    };
    let columns = Columns::read(&header, &at, mistakes)?;
    let mut folds: BTreeMap<u32, BTreeMap<String, (Role, Span)>> = BTreeMap::new();
    let mut first_rows: BTreeMap<u32, Span> = BTreeMap::new();
    for (record, at) in records {
        if record.len() < header.len() {
            let message = format!("{} columns, but the header has {}", record.len(), header.len());
            mistakes.add(&at, message, None);
            continue;
        }
        let (name, role, fold) = columns.row(&record, &at, mistakes);
        if let Some(fold) = fold {
            first_rows.entry(fold).or_insert_with(|| at.clone());
        }
        let (Some(name), Some(role), Some(fold)) = (name, role, fold) else { continue };
        if let Some((_, first)) = folds.entry(fold).or_default().insert(name.clone(), (role, at.clone())) {
            let message = format!("`{name}` already has a role in fold {fold}, at line {}", first.line());
            mistakes.add(&at, message, None);
        }
    }
    if first_rows.is_empty() && mistakes.is_empty() {
        mistakes.add(&at, "the split has no rows".into(), None);
    }
    // A role that could not be read may be the one that a fold lacks.
    if mistakes.is_empty() {
        for (fold, at) in &first_rows {
            for needed in [Role::Train, Role::Test] {
                if !folds[fold].values().any(|(role, _)| *role == needed) {
                    mistakes.add(at, format!("fold {fold} has no row with the role {}", needed.name()), None);
                }
            }
        }
    }
    let roles = |names: BTreeMap<String, (Role, Span)>| {
        names.into_iter().map(|(name, (role, _))| (name, role)).collect()
    };
    Some(folds.into_iter().map(|(fold, names)| (fold, roles(names))).collect())
}

const HEADER: &str = "the first line must name the columns: `utterance,role`, or `utterance,fold,role`";

/// Returns the span of a record's line.
fn span(source: &Arc<SourceFile>, record: &StringRecord) -> Span {
    let text = source.text();
    let start = record.position().map_or(0, |position| position.byte() as usize).min(text.len());
    // For the reader, a record begins where the previous one ended, including blank lines.
    let start = start + text[start..].len() - text[start..].trim_start_matches(['\r', '\n']).len();
    let length = text[start..].find(['\r', '\n']).unwrap_or(text.len() - start);
    Span::new(source, start..start + length)
}

/// The indices of the columns.
struct Columns {
    utterance: usize,
    role: usize,
    fold: Option<usize>,
}

impl Columns {
    fn read(header: &StringRecord, at: &Span, mistakes: &mut Mistakes) -> Option<Self> {
        let [utterance, role, fold] =
            [UTTERANCE, ROLE, FOLD].map(|names| find_column(header, names, at, mistakes));
        for (column, names) in [(utterance, UTTERANCE), (role, ROLE)] {
            if column.is_none() {
                let others = list_names(&names[1..]);
                let hint = format!("{HEADER}; instead of `{}`, {others} are accepted", names[0]);
                mistakes.add(at, format!("there is no column `{}`", names[0]), Some(hint));
            }
        }
        Some(Self { utterance: utterance?, role: role?, fold })
    }

    /// Reads name, role and fold of a row, as far as they are valid.
    fn row(
        &self,
        record: &StringRecord,
        at: &Span,
        mistakes: &mut Mistakes,
    ) -> (Option<String>, Option<Role>, Option<u32>) {
        let field = |column: usize| record.get(column).unwrap_or_default().trim();
        let name = clean(field(self.utterance));
        if name.is_empty() {
            mistakes.add(at, "the row has no utterance".into(), None);
        } else if name.contains(['\r', '\n']) {
            mistakes.add(
                at,
                "the name of an utterance continues on the next line: check the quotes".into(),
                None,
            );
        }
        let text = field(self.role);
        let role = ROLES.iter().find(|(known, _)| text.eq_ignore_ascii_case(known)).map(|(_, role)| *role);
        if role.is_none() {
            mistakes.add(at, format!("unknown role `{text}`"), Some(which_role(text)));
        }
        let fold = self.fold.map_or(Some(1), |column| {
            let text = field(column);
            let fold = text.parse().ok().filter(|fold| (1..=i32::MAX as u32).contains(fold));
            if fold.is_none() {
                let hint = match text {
                    "0" => "folds are numbered from 1: add 1 to the number of every fold".to_owned(),
                    _ => "folds are integers from 1".to_owned(),
                };
                mistakes.add(at, format!("`{text}` is not a fold"), Some(hint));
            }
            fold
        });
        (Some(name).filter(|name| !name.is_empty()), role, fold)
    }
}

/// Finds the column that has one of these names.
fn find_column(header: &StringRecord, names: &[&str], at: &Span, mistakes: &mut Mistakes) -> Option<usize> {
    let is_named = |field: &str| names.iter().any(|name| field.trim().eq_ignore_ascii_case(name));
    let mut found = (0..header.len()).filter(|column| is_named(&header[*column]));
    let column = found.next()?;
    if let Some(other) = found.next() {
        let both = list_names(&[header[column].trim(), header[other].trim()]);
        let hint = "rename one of them".to_owned();
        mistakes.add(at, format!("two columns for `{}`: {both}", names[0]), Some(hint));
    }
    Some(column)
}

fn which_role(text: &str) -> String {
    if ["eval", "evaluation"].iter().any(|known| text.eq_ignore_ascii_case(known)) {
        return "some splits use it for dev and some for test: write `dev` or `test`".to_owned();
    }
    let names = ROLES.map(|(name, _)| name);
    let near = nearest(text, names).map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    format!("{near}roles are {}", list_names(&names))
}

/// Normalises a name across operating systems: `.\\Actor_01\\a.wav` to `Actor_01/a`.
fn clean(name: &str) -> String {
    let name = name.replace('\\', "/");
    let name = name.strip_prefix("./").unwrap_or(&name);
    if scan::is_audio(name) { scan::without_extension(name).to_owned() } else { name.to_owned() }
}

/// The mistakes, without repetitions: a role that is misspelt in a thousand rows is reported once.
#[derive(Default)]
struct Mistakes(BTreeMap<String, Mistake>);

struct Mistake {
    at: Span,
    hint: Option<String>,
    /// The other lines with the same mistake.
    further: Vec<Span>,
}

/// The maximum number of further lines that a message lists.
const LINES_NAMED: usize = 10;

impl Mistakes {
    fn add(&mut self, at: &Span, message: String, hint: Option<String>) {
        let add_row = |mistake: &mut Mistake| mistake.further.push(at.clone());
        let new = || Mistake { at: at.clone(), hint, further: Vec::new() };
        self.0.entry(message).and_modify(add_row).or_insert_with(new);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the diagnostics in the order of their lines.
    fn into_diagnostics(self) -> Vec<Diagnostic> {
        let mut all: Vec<(String, Mistake)> = self.0.into_iter().collect();
        all.sort_by_key(|(_, mistake)| mistake.at.range().start);
        let diagnostic = |(message, Mistake { at, hint, further }): (String, Mistake)| {
            let named: Vec<String> =
                further.iter().take(LINES_NAMED).map(|at| at.line().to_string()).collect();
            let also = match further.len() {
                0 => String::new(),
                1 => format!(", and on line {}", named[0]),
                n if n <= LINES_NAMED => format!(", and on lines {}", named.join(", ")),
                n => format!(", and on {n} more lines: {}, …", named.join(", ")),
            };
            Diagnostic { hint, ..Diagnostic::error(&at, message + &also) }
        };
        all.into_iter().map(diagnostic).collect()
    }
}
