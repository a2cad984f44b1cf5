//! System B4: a VGG16 over pictures of spectrograms, or over what `bottleneck` made of them. Which base, and how pixels are
//! normalised for it, is what flows into port `encoder`.

use affekt_config::{Diagnostic, Section, Value as Yaml};
use serde_json::{Value, json};

use super::parts::{same, sizes};

/// Reads its settings.
pub fn read(network: &mut Section<'_>) -> Value {
    let freeze = network.one_of("freeze", "base", &["none", "base"].map(same));
    let unfreeze = unfreeze(network);
    if freeze == "none" && unfreeze != Value::Null {
        let span = network.node("unfreeze").map_or_else(|| network.span(), |node| &node.span);
        let mistake =
            Diagnostic::error(span, "`unfreeze` is of a base that is frozen, and `freeze` is `none`");
        network.diagnostics().push(mistake.hint("leave out one of them"));
    }
    json!({
        "hidden": sizes(network, "hidden", &[512, 192]),
        "dropout": network.float("dropout", 0.5, 0.0..1.0),
        "freeze": freeze,
        "unfreeze": unfreeze,
    })
}

/// What of a frozen base is trained after all: `{ layers: 2 }` or `{ blocks: 1 }`, or `none`.
pub fn unfreeze(section: &mut Section<'_>) -> Value {
    let Some(field) = section.optional("unfreeze") else { return Value::Null };
    if matches!(&field.node.value, Yaml::Text(text) if text == "none") {
        return Value::Null;
    }
    let read = field.section("`unfreeze`", |unfreeze| {
        let [layers, blocks] = ["layers", "blocks"].map(|key| unfreeze.optional_integer(key, 1_u32..=1000));
        match (layers, blocks) {
            (Some(layers), None) => Some(json!({ "layers": layers })),
            (None, Some(blocks)) => Some(json!({ "blocks": blocks })),
            _ => {
                let message = "expected the last `layers` or the last `blocks`, one of them: `{ layers: 1 }`";
                unfreeze.diagnostics().error(unfreeze.span(), message);
                None
            }
        }
    });
    read.unwrap_or_default()
}
