//! The `protocol` section, and what the experiment permits beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use affekt_config::{Diagnostic, Field, Folder, Section, Span, TextFile, Value};
use affekt_corpus::{LookupError, find_split, impossible, read_split};
use affekt_spec::protocol::{Permission, Protocol, Published, Rules, Sharing, SplitFile};
use affekt_spec::{Limits, Spec, SpecFields, Words};

use crate::epochs::{self, Epochs, FinalEpochs};
use crate::resolved_file::split_file;

/// How examples come to their roles, and how often networks are trained.
pub struct SplitSettings {
    pub protocol: Protocol,
    pub rules: Rules,
    /// One training a seed.
    pub seeds: Vec<u64>,
    /// For how long a final model is trained, where the experiment says it.
    pub epochs: Option<FinalEpochs>,
}

/// What an experiment permits, and where it says so.
pub type Permitted = BTreeMap<Permission, Span>;

/// The section `protocol` of an experiment.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct ProtocolSection {
    /// How folds are made.
    #[spec(flatten, required)]
    pub protocol: Protocol,
    /// What never stands in two roles of a fold, beside speakers and audio.
    #[spec(default = Vec::new())]
    pub disjoint: Vec<Sharing>,
    /// One training of every network a seed.
    #[spec(default = vec![1], read = read_seeds)]
    pub seeds: Vec<u64>,
    /// For how many epochs a final model (`kind: none`) is trained; without it, as its training says.
    pub epochs: Option<Epochs>,
}

/// Reads the list `unsafe` of an experiment; `None` where not all of it could be read.
pub fn read_permitted(experiment: &mut Section<'_>) -> Option<Permitted> {
    let Some(field) = experiment.optional("unsafe") else { return Some(Permitted::new()) };
    let is_list = matches!(field.node.value, Value::List(_));
    // All are read before the first mistake ends it.
    let read: Vec<Option<(Permission, Span)>> = field
        .list()
        .into_iter()
        .map(|word| Some((Permission::read(word, &Limits::NONE)?, word.node.span.clone())))
        .collect();
    read.into_iter().collect::<Option<Permitted>>().filter(|_| is_list)
}

/// Reads the protocol of a variant, its rules and the seeds of its training runs. Files that it names lie in one of `places`,
/// published splits in one of `folders`.
pub fn read(
    section: &mut Section<'_>,
    permitted: Option<&Permitted>,
    places: [&Path; 2],
    folders: &[Folder],
    variant: &str,
) -> Option<SplitSettings> {
    let ProtocolSection { protocol, disjoint, seeds, epochs } = ProtocolSection::read_fields(section)?;
    let protocol = match protocol {
        Protocol::File(split) => Protocol::File(load_split(section, &split, places)?),
        Protocol::Published(published) => {
            Protocol::Published(load_published(section, published.name(), folders)?)
        }
        other => other,
    };
    if let Some(impossible) = impossible(&protocol) {
        section.diagnostics().error(section.span(), impossible.to_string());
    }
    if protocol == Protocol::None && seeds.len() > 1 {
        let span = section.node("seeds").map_or_else(|| section.span(), |node| &node.span);
        section.diagnostics().error(span, "`kind: none` trains one model: name one seed");
    }
    if protocol != Protocol::None && epochs.is_some() {
        let span = section.node("epochs").map_or_else(|| section.span(), |node| &node.span);
        let message = "`epochs` is for a final model: `kind: none`";
        let hint = "set those of a training under `with`";
        section.diagnostics().push(Diagnostic::error(span, message).hint(hint));
    }
    let epochs = match epochs {
        Some(epochs) => Some(epochs::resolve(epochs, section, variant, places[1])?),
        None => None,
    };
    let permitted = permitted?;
    for needed in protocol.needs().iter().filter(|needed| !permitted.contains_key(needed)) {
        let name = needed.name();
        let hint = format!(
            "add `unsafe: [{name}]` to the experiment, or to this variant; every table then says `{}`",
            needed.stamp()
        );
        let span = section.node("kind").map_or_else(|| section.span().clone(), |node| node.span.clone());
        let message = format!("this protocol takes the permission `{name}`");
        section.diagnostics().push(Diagnostic::error(&span, message).hint(hint));
    }
    Some(SplitSettings { protocol, rules: Rules::new(disjoint, permitted.keys().copied()), seeds, epochs })
}

/// Loads the published split that `name` names.
fn load_published(section: &mut Section<'_>, name: &str, folders: &[Folder]) -> Option<Published> {
    match find_split(folders, name, section.diagnostics()) {
        Ok(published) => Some(published),
        // Its mistakes are told where they are.
        Err(LookupError::Wrong { .. }) => None,
        Err(error) => {
            let span = section.node("name").map_or_else(|| section.span().clone(), |node| node.span.clone());
            section.diagnostics().error(&span, error.to_string());
            None
        }
    }
}

/// Loads the table that `path` names.
fn load_split(section: &mut Section<'_>, split: &SplitFile, places: [&Path; 2]) -> Option<SplitFile> {
    let path = split_file(&split.path().to_string_lossy(), places);
    let shown = path.display().to_string();
    let text = match TextFile::Disk(path).read() {
        Ok(text) => text,
        Err(error) => {
            let span = section.node("path").map_or_else(|| section.span().clone(), |node| node.span.clone());
            let mistake = Diagnostic::error(&span, format!("failed to read {shown}: {error}"));
            let is_missing = error.kind() == std::io::ErrorKind::NotFound;
            let hint = is_missing.then(|| "a split's path begins at the experiment's folder".to_owned());
            section.diagnostics().push(Diagnostic { hint, ..mistake });
            return None;
        }
    };
    let mistakes = match read_split(&shown, &text) {
        Ok(split) => return Some(split),
        Err(mistakes) => mistakes,
    };
    mistakes.into_iter().for_each(|mistake| section.diagnostics().push(mistake));
    None
}

fn read_seeds(field: Field<'_>, _: &Limits) -> Option<Vec<u64>> {
    let seeds: Vec<u64> =
        field.list().into_iter().filter_map(|seed| seed.integer(0..=i64::MAX as u64)).collect();
    let once: BTreeSet<u64> = seeds.iter().copied().collect();
    if once.len() < seeds.len() {
        field.diagnostics().error(&field.node.span, "a seed is listed twice");
    }
    if seeds.is_empty() && !field.diagnostics().has_errors() {
        field.diagnostics().error(&field.node.span, "there is no seed");
    }
    Some(seeds)
}

/// Returns what an experiment permits to share of all that it permits.
pub fn sharing_permitted(rules: &Rules) -> BTreeSet<Permission> {
    let sharing: BTreeSet<Permission> =
        Sharing::ALL.iter().copied().filter_map(Permission::to_share).collect();
    rules.permitted().intersection(&sharing).copied().collect()
}
