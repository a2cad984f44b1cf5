//! What an experiment was resolved to, as files: `resolved.yaml` and, beside it, all that it names. The folder that holds them
//! gives the same graph again, whatever becomes of the files that it was made from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use affekt_config::{Diagnostic, Diagnostics, Folder, Key, Node, TextFile, Value, to_yaml};
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
    own.join(common.get(FOLDER).and_then(Node::as_text).unwrap_or_default())
}

impl Made<'_> {
    /// The files; `None` where one that is named cannot be read, which is reported.
    pub fn write(mut self, diagnostics: &Diagnostics) -> Option<ResolvedFiles> {
        let mut beside = Copies::default();
        let folders = self.folders;
        self.rewrite("use", &mut beside, |text| find_pipeline(text, folders), "pipelines", diagnostics)?;
        let own = self.experiment.parent().unwrap_or(Path::new(""));
        let split = |text: &str| Some(TextFile::Disk(own.join(text)));
        self.rewrite("protocol.path", &mut beside, split, "splits", diagnostics)?;
        let (encoders, is_beside) = self.encoders();
        let Resolved { common, variants, has_variants } = self.resolved;
        let span = common.span.clone();
        let node = |value: Value| Node { span: span.clone(), value };
        let key = |name: &str| Key { span: span.clone(), name: name.to_owned() };
        let Value::Map(mut entries) = common.value else { return None };
        entries.retain(|(key, _)| key.name != FOLDER);
        if is_beside {
            let folder = std::path::absolute(self.base).unwrap_or_else(|_| self.base.to_owned());
            entries.push((key(FOLDER), node(Value::Text(folder.to_string_lossy().into_owned()))));
        }
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
        let mut files: Vec<(String, String)> = beside.0.into_values().collect();
        files.sort();
        files.extend(self.cards.files(&encoders));
        Some(ResolvedFiles {
            experiment: format!("{header}{}", to_yaml(&node(Value::Map(entries)))),
            beside: files,
        })
    }

    /// Copies the files that texts at `path` name, and names the copies instead.
    fn rewrite(
        &mut self,
        path: &str,
        copies: &mut Copies,
        find: impl Fn(&str) -> Option<TextFile>,
        below: &str,
        diagnostics: &Diagnostics,
    ) -> Option<()> {
        let common = match &mut self.resolved.common.value {
            Value::Map(entries) => values_at(entries, path),
            _ => Vec::new(),
        };
        let own = self.resolved.variants.iter_mut().flat_map(|variant| values_at(&mut variant.own, path));
        for node in common.into_iter().chain(own) {
            let Value::Text(text) = &mut node.value else { continue };
            let Some(file) = find(text) else { continue };
            match copies.of(&file, below) {
                Ok(copy) => *text = copy,
                Err(error) => {
                    let message = format!("failed to read {file}: {error}");
                    diagnostics.push(Diagnostic::error(&node.span, message));
                    return None;
                }
            }
        }
        Some(())
    }

    /// The encoders that the graph names, and whether any lies at a path from the experiment.
    fn encoders(&self) -> (Vec<String>, bool) {
        let nodes = self.graph.nodes().values().filter(|node| node.op == "encoder");
        let names = nodes.filter_map(|node| node.params["from"]["checkpoint"]["name"].as_str());
        let names: Vec<String> = names.map(str::to_owned).collect();
        let is_beside = names.iter().any(|name| self.base.join(name).exists());
        (names, is_beside)
    }
}

/// Files to be copied, each with its path and text.
#[derive(Default)]
struct Copies(BTreeMap<String, (String, String)>);

impl Copies {
    /// The path of a file's copy.
    fn of(&mut self, file: &TextFile, below: &str) -> std::io::Result<String> {
        let original = file.to_string();
        if let Some((copy, _)) = self.0.get(&original) {
            return Ok(copy.clone());
        }
        let name = file.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_taken = |copy: &String| self.0.values().any(|(known, _)| known == copy);
        let numbered = (2..).map(|number| format!("{below}/{number}-{name}"));
        let copy = std::iter::once(format!("{below}/{name}")).chain(numbered).find(|copy| !is_taken(copy));
        let copy = copy.unwrap_or_default();
        self.0.insert(original, (copy.clone(), file.read()?.into_owned()));
        Ok(copy)
    }
}

/// The values at a path, whose beginning may be one key with dots.
fn values_at<'n>(entries: &'n mut [(Key, Node)], path: &str) -> Vec<&'n mut Node> {
    let mut found = Vec::new();
    for (key, node) in entries {
        let Some(rest) = path.strip_prefix(&key.name) else { continue };
        if rest.is_empty() {
            found.push(node);
        } else if let (Some(rest), Value::Map(below)) = (rest.strip_prefix('.'), &mut node.value) {
            found.extend(values_at(below, rest));
        }
    }
    found
}
