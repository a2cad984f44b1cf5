//! Serialisation of nodes: YAML for people, JSON for programs.

use std::fmt::Write;

use serde_json::json;

use crate::{Node, Value, scalar};

/// Formats a node as YAML that parses to an equal node: one key per line, lists of scalars in brackets, quotes only
/// where they are needed.
#[must_use]
pub fn to_yaml(node: &Node) -> String {
    let mut out = String::new();
    match &node.value {
        Value::Map(_) | Value::List(_) if !is_short(node) => block(&mut out, node, 0),
        _ => {
            out.push_str(&flow(node));
            out.push('\n');
        }
    }
    out
}

/// Converts a node to JSON.
#[must_use]
pub fn to_json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => json!(value),
        Value::Integer(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::Text(value) => json!(value),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(entries) => entries.iter().map(|(key, node)| (key.name.clone(), to_json(node))).collect(),
    }
}

/// Writes a mapping or a list over several indented lines.
fn block(out: &mut String, node: &Node, indent: usize) {
    let margin = " ".repeat(indent);
    match &node.value {
        Value::Map(entries) => {
            for (key, node) in entries {
                let _ = write!(out, "{margin}{}:", text(&key.name, true));
                if is_short(node) {
                    let _ = writeln!(out, " {}", flow(node));
                } else {
                    out.push('\n');
                    block(out, node, indent + 2);
                }
            }
        }
        Value::List(items) => {
            for item in items {
                if is_short(item) {
                    let _ = writeln!(out, "{margin}- {}", flow(item));
                } else {
                    // The item's first line shares the dash's.
                    let mut lines = String::new();
                    block(&mut lines, item, indent + 2);
                    let _ = write!(out, "{margin}- {}", lines.trim_start());
                }
            }
        }
        _ => {}
    }
}

/// Returns whether the node fits on one line: a scalar, a list of scalars, or an empty mapping.
fn is_short(node: &Node) -> bool {
    match &node.value {
        Value::Map(entries) => entries.is_empty(),
        Value::List(items) => items.iter().all(|item| !matches!(item.value, Value::List(_) | Value::Map(_))),
        _ => true,
    }
}

fn flow(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        // Debug formatting keeps the point or the exponent that makes it a float.
        Value::Float(value) => format!("{value:?}"),
        Value::Text(value) => text(value, false),
        Value::List(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let entries =
                entries.iter().map(|(key, node)| format!("{}: {}", text(&key.name, true), flow(node)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Formats text, quoted where it would otherwise be read as something else. Keys are names, whatever they look like.
fn text(value: &str, is_key: bool) -> String {
    let is_text = is_key || matches!(scalar::resolve(value), Ok(Value::Text(_)));
    let is_safe_word = |word: &str| {
        word.starts_with(|c: char| c.is_alphanumeric() || "_./$".contains(c))
            && word.chars().all(|c| c.is_alphanumeric() || "_-./$+()=^~".contains(c))
            && word.contains(char::is_alphanumeric)
            && !word.ends_with('-')
    };
    let is_plain = is_text && value.split(' ').all(is_safe_word);
    if is_plain { value.to_owned() } else { json!(value).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Diagnostics, parse};

    fn read(text: &str) -> Node {
        let diagnostics = Diagnostics::new();
        let node = parse("f.yaml", text, &diagnostics);
        assert!(diagnostics.is_empty(), "{diagnostics}");
        node.unwrap()
    }

    #[test]
    fn yaml_is_plain_where_it_can_be() {
        let node = read(concat!(
            "{ name: cnn, 01: neutral, 'no': no, with: { lr: 3e-5, finetune.lr: 1.0, k: [64, 0x10], none: ~ },",
            " words: ['1', 'true', '', ' a', 'a: b', '#c', '- d', \"e\\nf\", 'g\"h', '<<', '*i', $var, a/b_c.wav, it's],",
            " deep: [[1, [2]], { a: 1, b: [{ c: {} }, []] }] }"
        ));
        let yaml = r##"name: cnn
01: neutral
no: no
with:
  lr: 3e-5
  finetune.lr: 1.0
  k: [64, 16]
  none: null
words: ["1", "true", "", " a", "a: b", "#c", "- d", "e\nf", "g\"h", "<<", "*i", $var, a/b_c.wav, "it's"]
deep:
  - - 1
    - [2]
  - a: 1
    b:
      - c: {}
      - []
"##;
        assert_eq!(to_yaml(&node), yaml);
        assert_eq!(read(yaml), node);
    }

    #[test]
    fn scalars_alone_and_numbers_round_trip() {
        for text in [
            "null", "true", "-3", "0.1", "1e-7", "1.5e300", "5e-324", "-0.0", "word", "\"\"", "[]", "{}",
            "[1, 2]",
        ] {
            let yaml = to_yaml(&read(text));
            assert_eq!(yaml.trim_end(), text);
            assert_eq!(read(&yaml), read(text));
        }
    }

    #[test]
    fn json() {
        let node = read("{ a: [1, 2.0, x, ~, false], 1: { b: 'y' } }");
        assert_eq!(to_json(&node), json!({ "a": [1, 2.0, "x", null, false], "1": { "b": "y" } }));
    }
}
