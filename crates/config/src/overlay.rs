//! Overrides of values in a file: `--set protocol.seeds=[1,2]`, variants, sweeps.

use crate::parse::parse_from;
use crate::{Diagnostic, Diagnostics, Key, Node, SourceFile, Span, Value};

/// Parses the argument of `--set`: a dotted path, `=`, and a value in YAML. Spans within it are displayed as the whole
/// argument. Reports an error and returns `None` if the syntax is wrong.
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

/// Sets the value at a dotted path below `root`, replacing the existing one or adding a key. Missing mappings along the
/// path are created; whoever reads the section later reports unknown keys, at the place of `path`.
///
/// Keys that contain dots themselves are matched if they exist. Mappings listed in `literal` (by path) have only such
/// keys: below `with`, `with.finetune.lr` always means the key `finetune.lr`. There, what is set last counts: a value
/// replaces those of keys below its own, and lies inside the mapping of a dotted key above.
///
/// A path through a value that is not a mapping is reported, and nothing is set.
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
        let name = match literal.contains(&walked) {
            true => literal_step(entries, rest),
            false => step(entries, rest),
        };
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

/// Returns the dotted key whose mapping `path` leads into, else the whole path, below which no key is left then.
fn literal_step<'p>(entries: &mut Vec<(Key, Node)>, path: &'p str) -> &'p str {
    let is_below = |path: &str, key: &str| path.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'));
    let leads_into = |(key, node): &&(Key, Node)| {
        key.name.contains('.') && is_below(path, &key.name) && matches!(node.value, Value::Map(_))
    };
    if let Some((key, _)) = entries.iter().rfind(leads_into) {
        return &path[..key.name.len()];
    }
    entries.retain(|(key, _)| !is_below(&key.name, path));
    path
}

/// Returns the longest prefix of `path`, in whole components, that is a key; otherwise the first component.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Section, parse, to_yaml};

    const FILE: &str = "name: x\nprotocol: { seeds: [1], dev: none }\nwith: { finetune.lr: 1e-4 }\nempty:\n";

    /// Returns the file with the settings applied, and the diagnostics.
    fn with(settings: &[&str]) -> (String, String) {
        let diagnostics = Diagnostics::new();
        let mut root = parse("experiments/x.yaml", FILE, &diagnostics).unwrap();
        for setting in settings {
            if let Some((path, value)) = parse_setting(setting, &diagnostics) {
                set(&mut root, &path, value, &["with"], &diagnostics);
            }
        }
        (to_yaml(&root), diagnostics.to_string())
    }

    #[test]
    fn settings_replace_and_add() {
        let (yaml, problems) = with(&[
            "protocol.seeds=[1, 2]",
            "with.finetune.lr=3e-5",
            "with.pretrain.steps=100",
            "protocol.group=session",
            "empty.key=a: b",
            "report.published.uar=0.7",
            "name=",
        ]);
        assert_eq!(problems, "");
        assert_eq!(
            yaml,
            "name: null\nprotocol:\n  seeds: [1, 2]\n  dev: none\n  group: session\nwith:\n  finetune.lr: 3e-5\n  \
             pretrain.steps: 100\nempty:\n  key:\n    a: b\nreport:\n  published:\n    uar: 0.7\n"
        );
    }

    #[test]
    fn of_literal_keys_the_one_set_last_counts() {
        let diagnostics = Diagnostics::new();
        let text = "with: { lr: { a: 1 }, train.network: { kind: cnn, depth: 3 }, train.rate.x: 1, train.rate.y: 2 }";
        let mut root = parse("f.yaml", text, &diagnostics).unwrap();
        for setting in
            ["with.train.network.depth=5", "with.train.rate={y: 7}", "with.train.rate.z=8", "with.lr.b=2"]
        {
            let (path, value) = parse_setting(setting, &diagnostics).unwrap();
            set(&mut root, &path, value, &["with"], &diagnostics);
        }
        assert_eq!(
            to_yaml(&root),
            "with:\n  lr:\n    a: 1\n  train.network:\n    kind: cnn\n    depth: 5\n  train.rate:\n    y: 7\n    z: 8\n  \
             lr.b: 2\n"
        );
    }

    #[test]
    fn dotted_keys_are_found_anywhere() {
        let diagnostics = Diagnostics::new();
        let mut root = parse("f.yaml", "a: { b.c: { d: 1 }, b: { c: 2 } }", &diagnostics).unwrap();
        for setting in ["a.b.c.d=10", "a.b.x=30"] {
            let (path, value) = parse_setting(setting, &diagnostics).unwrap();
            set(&mut root, &path, value, &[], &diagnostics);
        }
        assert_eq!(to_yaml(&root), "a:\n  b.c:\n    d: 10\n  b:\n    c: 2\n    x: 30\n");
    }

    #[test]
    fn mistakes_point_into_the_argument() {
        let (yaml, problems) = with(&["protocol.seeds.first=1", "protocol", ".=2", "name=[1, ü"]);
        assert_eq!(yaml, with(&[]).0);
        assert_eq!(
            problems,
            "\
error: `protocol.seeds` is not a mapping, so it has no `first`
 --> command line:1:7
  |
1 | --set protocol.seeds.first=1
  |       ^^^^^^^^^^^^^^^^^^^^
  |
 ::: experiments/x.yaml:2:20
  |
2 | protocol: { seeds: [1], dev: none }
  |                    --- its value

error: `protocol` is not a setting
 --> command line:1:7
  |
1 | --set protocol
  |       ^^^^^^^^
hint: write it as `path=value`: `--set protocol.seeds=[1,2]`

error: `.=2` is not a setting
 --> command line:1:7
  |
1 | --set .=2
  |       ^^^
hint: write it as `path=value`: `--set protocol.seeds=[1,2]`

error: `[` is never closed
 --> command line:1:12
  |
1 | --set name=[1, ü
  |            ^
hint: close it with `]`
"
        );
    }

    #[test]
    fn readers_blame_the_argument() {
        let diagnostics = Diagnostics::new();
        let mut root = parse("f.yaml", "lr: 1e-3\n", &diagnostics).unwrap();
        for setting in ["lr=high", "epoch=3"] {
            let (path, value) = parse_setting(setting, &diagnostics).unwrap();
            assert_eq!(value.span.to_string(), format!("--set {setting}"));
            set(&mut root, &path, value, &[], &diagnostics);
        }
        let mut section = Section::open(&root, &diagnostics, "the experiment").unwrap();
        section.float("lr", 1e-3, 0.0..);
        section.integer("epochs", 10, 1..);
        section.close();
        assert_eq!(
            diagnostics.to_string(),
            "\
error: expected a number of at least 0, found `high`
 --> command line:1:10
  |
1 | --set lr=high
  |          ^^^^

error: unknown key `epoch` in the experiment
 --> command line:1:7
  |
1 | --set epoch=3
  |       ^^^^^
hint: did you mean `epochs`? valid keys are `lr`, `epochs`
"
        );
    }
}
