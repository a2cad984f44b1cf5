//! The `protocol` section, and what the experiment permits beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use affekt_config::{Diagnostic, Section, Span, Value, list_names};
use affekt_corpus::{
    DevPart, Group, GroupKfold, LeaveOneGroupOut, Official, OfficialDev, Permission, Protocol, Random, Rules,
    Sharing, SplitFile,
};

/// How examples come to their roles.
pub struct Parting {
    pub protocol: Protocol,
    pub rules: Rules,
    /// One training a seed.
    pub seeds: Vec<u64>,
}

/// What an experiment permits, and where it says so.
pub type Permitted = BTreeMap<Permission, Span>;

#[derive(Clone, Copy)]
enum Kind {
    Random,
    GroupKfold,
    LeaveOneGroupOut,
    Official,
    File,
}

const KINDS: [(&str, Kind); 5] = [
    ("random", Kind::Random),
    ("group-kfold", Kind::GroupKfold),
    ("leave-one-group-out", Kind::LeaveOneGroupOut),
    ("official", Kind::Official),
    ("file", Kind::File),
];

/// The list `unsafe` of an experiment; `None` where not all of it could be read.
pub fn read_permitted(experiment: &mut Section<'_>) -> Option<Permitted> {
    let Some(field) = experiment.optional("unsafe") else { return Some(Permitted::new()) };
    let is_list = matches!(field.node.value, Value::List(_));
    let words = Permission::ALL.map(|permission| (permission.name(), permission));
    // All are read before the first mistake ends it.
    let read: Vec<Option<(Permission, Span)>> =
        field.list().into_iter().map(|word| Some((word.one_of(&words)?, word.node.span.clone()))).collect();
    read.into_iter().collect::<Option<Permitted>>().filter(|_| is_list)
}

/// The protocol, its rules and the seeds of its training runs. Files that it names lie beside `experiment`.
pub fn read(section: &mut Section<'_>, permitted: Option<&Permitted>, experiment: &Path) -> Option<Parting> {
    let field = section.required("kind");
    let Some(kind) = field.and_then(|field| field.one_of(&KINDS)) else {
        // Which keys it may have depends on the kind.
        section.rest();
        return None;
    };
    let protocol = read_kind(section, kind, experiment);
    let words = Sharing::ALL.map(|what| (what.name(), what));
    let disjoint: Vec<Sharing> =
        section.list("disjoint").into_iter().filter_map(|word| word.one_of(&words)).collect();
    let seeds = read_seeds(section);
    let protocol = protocol?;
    if let Some(impossible) = protocol.impossible() {
        section.diagnostics().error(section.span(), impossible.to_string());
    }
    let permitted = permitted?;
    for needed in protocol.needs().iter().filter(|needed| !permitted.contains_key(needed)) {
        let name = needed.name();
        let hint = format!(
            "add `unsafe: [{name}]` to the experiment, or to this variant; every table then says `{}`",
            needed.stamp()
        );
        let span = field.map_or(section.span(), |field| &field.node.span);
        let message = format!("this protocol takes the permission `{name}`");
        section.diagnostics().push(Diagnostic::error(span, message).hint(hint));
    }
    Some(Parting { protocol, rules: Rules::new(disjoint, permitted.keys().copied()), seeds })
}

fn read_kind(section: &mut Section<'_>, kind: Kind, experiment: &Path) -> Option<Protocol> {
    Some(match kind {
        Kind::Random => Protocol::Random(Random {
            test: section.float("test", 0.1, 0.001..=0.9),
            dev: section.float("dev", 0.1, 0.0..=0.9),
            split_seed: split_seed(section),
        }),
        Kind::GroupKfold => Protocol::GroupKfold(GroupKfold {
            group: group(section),
            folds: section.integer("folds", 5, 2..=1000),
            dev_folds: section.one_of("dev", 1, &[("next-fold", 1), ("none", 0)]),
            split_seed: split_seed(section),
        }),
        Kind::LeaveOneGroupOut => {
            let words = [("next-group", DevPart::NextGroup), ("none", DevPart::None)];
            Protocol::LeaveOneGroupOut(LeaveOneGroupOut {
                group: group(section),
                dev: dev_part(section, &words, DevPart::Share).unwrap_or(DevPart::NextGroup),
                split_seed: split_seed(section),
            })
        }
        Kind::Official => {
            let words = [("official", OfficialDev::Official), ("none", OfficialDev::None)];
            Protocol::Official(Official {
                dev: dev_part(section, &words, OfficialDev::Share).unwrap_or(OfficialDev::Official),
                split_seed: split_seed(section),
            })
        }
        Kind::File => Protocol::File(read_split(section, experiment)?),
    })
}

fn group(section: &mut Section<'_>) -> Group {
    section.one_of("group", Group::Speaker, &Group::ALL.map(|group| (group.name(), group)))
}

fn split_seed(section: &mut Section<'_>) -> u64 {
    section.integer("split_seed", 0, 0..=i64::from(u32::MAX) as u64)
}

/// The key `dev`: a word, or a share of the training part.
fn dev_part<T: Copy>(
    section: &mut Section<'_>,
    words: &[(&str, T)],
    share: impl FnOnce(f64) -> T,
) -> Option<T> {
    let field = section.optional("dev")?;
    match &field.node.value {
        Value::Integer(_) | Value::Float(_) => field.float(0.001..=0.5).map(share),
        Value::Text(text) if words.iter().any(|(word, _)| word == text) => field.one_of(words),
        _ => {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            field.expected(&format!("{}, or a share of the training part such as `0.1`", list_names(&names)));
            None
        }
    }
}

/// The table that `path` names, from the experiment's folder.
fn read_split(section: &mut Section<'_>, experiment: &Path) -> Option<SplitFile> {
    let field = section.required("path")?;
    let path = experiment.parent().unwrap_or(Path::new("")).join(field.text()?);
    let shown = path.display().to_string();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("failed to read {shown}: {error}");
            let hint = "a split's path begins at the experiment's folder";
            section.diagnostics().push(Diagnostic::error(&field.node.span, message).hint(hint));
            return None;
        }
    };
    let mistakes = match SplitFile::parse(&shown, &text) {
        Ok(split) => return Some(split),
        Err(mistakes) => mistakes,
    };
    mistakes.into_iter().for_each(|mistake| section.diagnostics().push(mistake));
    None
}

fn read_seeds(section: &mut Section<'_>) -> Vec<u64> {
    let Some(field) = section.optional("seeds") else { return vec![1] };
    let seeds: Vec<u64> =
        field.list().into_iter().filter_map(|seed| seed.integer(0..=i64::MAX as u64)).collect();
    let once: BTreeSet<u64> = seeds.iter().copied().collect();
    if once.len() < seeds.len() {
        section.diagnostics().error(&field.node.span, "a seed is listed twice");
    }
    if seeds.is_empty() && !section.diagnostics().has_errors() {
        section.diagnostics().error(&field.node.span, "there is no seed");
    }
    seeds
}
