//! Reading the table of a split: all that is wrong with it at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use affekt_config::{Diagnostic, SourceFile, Span, list_names, nearest};
use affekt_domain::Role;
use csv::{ReaderBuilder, StringRecord};

use crate::delimited::delimiter;
use crate::scan;

/// The columns, each by the names that it may have; the first is the one that messages use.
const UTTERANCE: &[&str] = &["utterance", "file", "filename", "file_name", "path"];
const ROLE: &[&str] = &["role", "split", "part", "partition", "set"];
const FOLD: &[&str] = &["fold"];

/// The roles by the names that published splits use. `eval` is not among them: some mean dev and some test.
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

/// The roles of the names in each fold.
pub(super) type Folds = BTreeMap<u32, BTreeMap<String, Role>>;

/// Reads the table, or tells all that is wrong with it.
pub(super) fn read(path: &str, text: &str) -> Result<Folds, Vec<Diagnostic>> {
    let source = SourceFile::file(path, text);
    let mut mistakes = Mistakes::default();
    let folds = read_rows(&source, &mut mistakes).unwrap_or_default();
    let found = mistakes.told();
    if found.is_empty() { Ok(folds) } else { Err(found) }
}

/// `None` where the first line is so wrong that the others cannot be read.
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
            let message = format!("{} columns where the first line names {}", record.len(), header.len());
            mistakes.add(&at, message, None);
            continue;
        }
        let (name, role, fold) = columns.row(&record, &at, mistakes);
        if let Some(fold) = fold {
            first_rows.entry(fold).or_insert_with(|| at.clone());
        }
        let (Some(name), Some(role), Some(fold)) = (name, role, fold) else { continue };
        if let Some((_, first)) = folds.entry(fold).or_default().insert(name.clone(), (role, at.clone())) {
            let message = format!("`{name}` has a role in fold {fold} already, at line {}", first.line());
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

const HEADER: &str = "its first line names its columns: `utterance,role`, or `utterance,fold,role`";

/// The line of a record.
fn span(source: &Arc<SourceFile>, record: &StringRecord) -> Span {
    let text = source.text();
    let start = record.position().map_or(0, |position| position.byte() as usize).min(text.len());
    // A record begins, for the reader, where the one before it ended: blank lines and all.
    let start = start + text[start..].len() - text[start..].trim_start_matches(['\r', '\n']).len();
    let length = text[start..].find(['\r', '\n']).unwrap_or(text.len() - start);
    Span::new(source, start..start + length)
}

/// Where the columns are.
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
                let hint = format!("{HEADER}; instead of `{}`, {others} are understood", names[0]);
                mistakes.add(at, format!("there is no column `{}`", names[0]), Some(hint));
            }
        }
        Some(Self { utterance: utterance?, role: role?, fold })
    }

    /// Name, role and fold of a row, as far as they can be read.
    fn row(
        &self,
        record: &StringRecord,
        at: &Span,
        mistakes: &mut Mistakes,
    ) -> (Option<String>, Option<Role>, Option<u32>) {
        let field = |column: usize| record.get(column).unwrap_or_default().trim();
        let name = clean(field(self.utterance));
        if name.is_empty() {
            mistakes.add(at, "the row names no utterance".into(), None);
        } else if name.contains(['\r', '\n']) {
            mistakes.add(
                at,
                "an utterance's name runs over the end of the line: check the quotes".into(),
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
                let hint = "folds are whole numbers from 1".to_owned();
                mistakes.add(at, format!("`{text}` is no fold"), Some(hint));
            }
            fold
        });
        (Some(name).filter(|name| !name.is_empty()), role, fold)
    }
}

/// The column that has one of these names.
fn find_column(header: &StringRecord, names: &[&str], at: &Span, mistakes: &mut Mistakes) -> Option<usize> {
    let is_named = |field: &str| names.iter().any(|name| field.trim().eq_ignore_ascii_case(name));
    let mut found = (0..header.len()).filter(|column| is_named(&header[*column]));
    let column = found.next()?;
    if let Some(other) = found.next() {
        let both = list_names(&[header[column].trim(), header[other].trim()]);
        let hint = "rename the one that is not meant".to_owned();
        mistakes.add(at, format!("two columns for `{}`: {both}", names[0]), Some(hint));
    }
    Some(column)
}

fn which_role(text: &str) -> String {
    if ["eval", "evaluation"].iter().any(|known| text.eq_ignore_ascii_case(known)) {
        return "some splits call dev so and some test: write `dev` or `test`".to_owned();
    }
    let names = ROLES.map(|(name, _)| name);
    let near = nearest(text, names).map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    format!("{near}roles are {}", list_names(&names))
}

/// A name without what differs from system to system: `.\Actor_01\a.wav` is `Actor_01/a`.
fn clean(name: &str) -> String {
    let name = name.replace('\\', "/");
    let name = name.strip_prefix("./").unwrap_or(&name);
    if scan::is_audio(name) { scan::without_extension(name).to_owned() } else { name.to_owned() }
}

/// What is wrong, each once: a role that is misspelt in a thousand rows is one mistake.
#[derive(Default)]
struct Mistakes(BTreeMap<String, Mistake>);

struct Mistake {
    at: Span,
    hint: Option<String>,
    /// The other rows of which the same is true.
    further: Vec<Span>,
}

/// How many further lines a message names.
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

    /// In the order of their lines.
    fn told(self) -> Vec<Diagnostic> {
        let mut all: Vec<(String, Mistake)> = self.0.into_iter().collect();
        all.sort_by_key(|(_, mistake)| mistake.at.range().start);
        let told = |(message, Mistake { at, hint, further }): (String, Mistake)| {
            let named: Vec<String> =
                further.iter().take(LINES_NAMED).map(|at| at.line().to_string()).collect();
            let also = match further.len() {
                0 => String::new(),
                1 => format!(", and in line {}", named[0]),
                n if n <= LINES_NAMED => format!(", and in lines {}", named.join(", ")),
                n => format!(", and in {n} more lines: {}, …", named.join(", ")),
            };
            Diagnostic { hint, ..Diagnostic::error(&at, message + &also) }
        };
        all.into_iter().map(told).collect()
    }
}
