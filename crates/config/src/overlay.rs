//! Laying settings over a file: `--set protocol.seeds=[1,2]`, variants, sweeps.

use crate::parse::parse_from;
use crate::{Diagnostic, Diagnostics, Key, Node, SourceFile, Span, Value};

/// Reads the argument of `--set`: a dotted path, `=`, and a value in YAML. Its spans print as the argument.
#[must_use]
pub fn parse_setting(argument: &str, diagnostics: &Diagnostics) -> Option<(Key, Node)> {
    let flag = "--set ";
    let source = SourceFile::argument(&format!("{flag}{argument}"));
    let span = |range| Span::new(&source, range);
    let Some((path, _)) = argument.split_once('=').filter(|(path, _)| !path.split('.').any(str::is_empty))
    else {
        let whole = span(flag.len()..source.text().len());
        diagnostics.push(
            Diagnostic::error(&whole, format!("`{argument}` is not a setting"))
                .hint("write it as `path=value`: `--set protocol.seeds=[1,2]`"),
        );
        return None;
    };
    let end = flag.len() + path.len();
    let key = Key { span: span(flag.len()..end), name: path.to_owned() };
    Some((key, parse_from(&source, end + 1, diagnostics)?))
}

/// Sets the value at a dotted path below `root`, in place of the one that is there or as a new key. Mappings on
/// the way that do not exist are made: whoever reads the section knows which names are valid and reports others,
/// with `path` as their place.
///
/// A key that itself holds dots is found when it is there. Mappings named in `literal` (by their own path) have
/// such keys throughout: below `with`, `with.finetune.lr` always means the one key `finetune.lr`.
///
/// A path that leads through something that is no mapping is reported, and nothing is set.
pub fn set(root: &mut Node, path: &Key, value: Node, literal: &[&str], diagnostics: &Diagnostics) {
    let mut node = root;
    let mut rest = path.name.as_str();
    loop {
        let walked = path.name[..path.name.len() - rest.len()].trim_end_matches('.');
        if node.value == Value::Null {
            node.value = Value::Map(Vec::new());
        }
        let Value::Map(entries) = &mut node.value else {
            let parent = if walked.is_empty() { "the file".to_owned() } else { format!("`{walked}`") };
            let message = format!("{parent} is not a mapping, so it has no `{rest}`");
            diagnostics.push(Diagnostic::error(&path.span, message).related(&node.span, "its value"));
            return;
        };
        let name = if literal.contains(&walked) { rest } else { step(entries, rest) };
        let position = entries.iter().position(|(key, _)| key.name == name);
        if name.len() == rest.len() {
            match position {
                Some(position) => entries[position].1 = value,
                None => entries.push((Key { span: path.span.clone(), name: name.to_owned() }, value)),
            }
            return;
        }
        let position = position.unwrap_or_else(|| {
            let empty = Node { span: path.span.clone(), value: Value::Null };
            entries.push((Key { span: path.span.clone(), name: name.to_owned() }, empty));
            entries.len() - 1
        });
        node = &mut entries[position].1;
        rest = &rest[name.len() + 1..];
    }
}

/// The longest beginning of `path`, in whole parts, that is a key; else its first part.
fn step<'p>(entries: &[(Key, Node)], path: &'p str) -> &'p str {
    entries
        .iter()
        .filter(|(key, _)| {
            path.strip_prefix(&key.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
        .map(|(key, _)| key.name.len())
        .max()
        .map_or_else(|| path.split('.').next().unwrap_or(path), |length| &path[..length])
}
