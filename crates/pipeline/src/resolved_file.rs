//! What an experiment was resolved to, as files: `resolved.yaml` and, beside it, all that it names. The folder that holds them
//! gives the same graph again, whatever becomes of the files that it was made from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use affekt_config::{Diagnostic, Diagnostics, Folder, Key, Node, TextFile, Value, is_contained, to_yaml};
use affekt_graph::Graph;

use crate::card_index::CardIndex;
use crate::settings::find_pipeline;
use crate::variants::Resolved;

/// The stem of the file, which is the only experiment that need not be called as its file.
pub const STEM: &str = "resolved";

/// The key for where relative paths begin, if not beside the file.
pub const FOLDER: &str = "folder";

/// The files.
#[derive(Debug, Clone)]
pub struct ResolvedFiles {
    /// `resolved.yaml`: no profile, sweep or command line is left to be laid over it.
    pub experiment: String,
    /// Pipelines, cards, label schemes and splits: path beside the experiment, and text.
    pub beside: Vec<(String, String)>,
}

/// What the files are made from.
pub struct Made<'m> {
    pub resolved: Resolved,
    /// The chosen profile, and whether the experiment has it itself.
    pub profile: Option<(&'m str, bool)>,
    pub header: Option<&'m str>,
    pub experiment: &'m Path,
    pub base: &'m Path,
    pub folders: &'m [Folder],
    pub cards: &'m CardIndex,
    pub graph: &'m Graph,
}

/// Where relative paths of an experiment begin: at its own folder unless it says otherwise.
pub fn folder(common: &Node, experiment: &Path) -> PathBuf {
    let own = experiment.parent().unwrap_or(Path::new(""));
    common.get(FOLDER).and_then(Node::as_text).map_or_else(|| own.to_owned(), |folder| own.join(folder))
}

impl Made<'_> {
    /// The files; `None` where one that is named cannot be read, which is reported.
    pub fn write(self, diagnostics: &Diagnostics) -> Option<ResolvedFiles> {
        let mut beside: BTreeMap<String, String> = BTreeMap::new();
        let folders = self.folders;
        self.copy("use", &mut beside, |text| find_pipeline(text, folders), diagnostics)?;
        let places = [self.experiment.parent().unwrap_or(Path::new("")), self.base];
        let split = |text: &str| Some(TextFile::Disk(split_file(text, places)));
        self.copy("protocol.path", &mut beside, split, diagnostics)?;
        let (encoders, splits) = (self.encoders(), self.splits());
        let Resolved { common, variants, has_variants } = self.resolved;
        let span = common.span.clone();
        let node = |value: Value| Node { span: span.clone(), value };
        let key = |name: &str| Key { span: span.clone(), name: name.to_owned() };
        let Value::Map(mut entries) = common.value else { return None };
        entries.retain(|(key, _)| key.name != FOLDER);
        // Without a trailing separator, and never empty: the folder in which the program runs has no name.
        let here = std::env::current_dir().unwrap_or_default();
        let folder: PathBuf = here.join(self.base).components().collect();
        entries.push((key(FOLDER), node(Value::Text(folder.to_string_lossy().into_owned()))));
        if let Some((name, is_own)) = self.profile {
            entries.push((key("profile"), node(Value::Text(name.to_owned()))));
            if is_own {
                // Its settings are laid over the file; its name remains, for the pipeline's own and for the stamp.
                let empty = vec![(key(name), node(Value::Map(Vec::new())))];
                entries.push((key("profiles"), node(Value::Map(empty))));
            }
        }
        if has_variants {
            let own = variants.into_iter().map(|variant| (key(&variant.id), node(Value::Map(variant.own))));
            entries.push((key("variants"), node(Value::Map(own.collect()))));
        }
        let comment = self.header.unwrap_or_default().lines().map(|line| format!("# {line}"));
        let header: String = comment.map(|line| format!("{}\n", line.trim_end())).collect();
        beside.extend(self.cards.files(&encoders, &splits));
        Some(ResolvedFiles {
            experiment: format!("{header}{}", to_yaml(&node(Value::Map(entries)))),
            beside: beside.into_iter().collect(),
        })
    }

    /// Copies the files that texts at `path` name, under these names: what tells variants apart stays as it was said. Those outside
    /// the experiment's folder stay where they are.
    fn copy(
        &self,
        path: &str,
        copies: &mut BTreeMap<String, String>,
        find: impl Fn(&str) -> Option<TextFile>,
        diagnostics: &Diagnostics,
    ) -> Option<()> {
        let Value::Map(common) = &self.resolved.common.value else { return Some(()) };
        let own = self.resolved.variants.iter().flat_map(|variant| values_at(&variant.own, path));
        for node in values_at(common, path).into_iter().chain(own) {
            let Some(text) = node.as_text() else { continue };
            if !is_contained(text.trim_start_matches("./")) {
                continue;
            }
            let Some(file) = find(text) else { continue };
            match file.read() {
                Ok(contents) => _ = copies.insert(text.to_owned(), contents.into_owned()),
                Err(error) => {
                    let message = format!("failed to read {file}: {error}");
                    diagnostics.push(Diagnostic::error(&node.span, message));
                    return None;
                }
            }
        }
        Some(())
    }

    /// The published splits that are named.
    fn splits(&self) -> Vec<String> {
        let Value::Map(common) = &self.resolved.common.value else { return Vec::new() };
        let own = self.resolved.variants.iter().flat_map(|variant| values_at(&variant.own, "protocol.name"));
        let named = values_at(common, "protocol.name").into_iter().chain(own);
        named.filter_map(|node| node.as_text().map(str::to_owned)).collect()
    }

    /// The encoders that the graph names.
    fn encoders(&self) -> Vec<String> {
        let params = self.graph.nodes().values().filter_map(affekt_ops::of_node).map(|(_, params)| params);
        params.filter_map(|params| params.facts().checkpoint.map(str::to_owned)).collect()
    }
}

/// The table of a split: beside the experiment, else where its relative paths begin.
pub fn split_file(text: &str, [own, base]: [&Path; 2]) -> PathBuf {
    let beside = own.join(text);
    if beside.exists() { beside } else { base.join(text) }
}

/// The values at a path, whose beginning may be one key with dots.
fn values_at<'n>(entries: &'n [(Key, Node)], path: &str) -> Vec<&'n Node> {
    let mut found = Vec::new();
    for (key, node) in entries {
        let Some(rest) = path.strip_prefix(&key.name) else { continue };
        if rest.is_empty() {
            found.push(node);
        } else if let (Some(rest), Value::Map(below)) = (rest.strip_prefix('.'), &node.value) {
            found.extend(values_at(below, rest));
        }
    }
    found
}
