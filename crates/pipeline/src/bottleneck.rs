//! Whether a network goes on where the frozen convolutions end whose output it reads. Their shapes alone do not tell: a VGG16 gives the
//! same before its last convolution and before the one before that.

use affekt_config::{Diagnostic, Diagnostics};
use affekt_ops::{bottleneck, train};
use serde_json::Value;

use crate::wiring::Wired;

/// Complains of trainings that unfreeze something else than the `bottleneck` that they read leaves out, or have another encoder.
pub fn check(steps: &[Wired], diagnostics: &Diagnostics) -> bool {
    let mut is_sound = true;
    for wired in steps.iter().filter(|wired| wired.step.definition.name == train::DEFINITION.name) {
        for source in wired.port("features") {
            let base = steps.iter().find(|other| other.step.name == source.node);
            let is_bottleneck = |base: &&Wired| base.step.definition.name == bottleneck::DEFINITION.name;
            let Some(base) = base.filter(is_bottleneck) else { continue };
            for (message, hint) in disagreements(wired, base) {
                diagnostics.push(Diagnostic::error(&wired.step.span, message).hint(hint));
                is_sound = false;
            }
        }
    }
    is_sound
}

fn disagreements(training: &Wired, base: &Wired) -> Vec<(String, &'static str)> {
    let (name, other) = (&training.step.name, &base.step.name);
    let network = &training.step.params["network"];
    let mut found = Vec::new();
    if network["freeze"] != "base" {
        let message = format!("`{name}` freezes nothing, and reads what the frozen base of `{other}` gives");
        found.push((message, "let it read the pictures, or leave `freeze: base`"));
    } else if network["unfreeze"] != base.step.params["unfreeze"] {
        let [own, others] = [&network["unfreeze"], &base.step.params["unfreeze"]].map(words);
        let message = format!("`{name}` unfreezes {own}, and `{other}`, which it reads, leaves out {others}");
        found.push((message, "give both the same `unfreeze`"));
    }
    if training.port("encoder") != base.port("encoder") {
        let message = format!("`{name}` and `{other}`, which it reads, have other encoders");
        found.push((message, "give both the same `encoder`: one continues the other"));
    }
    found
}

fn words(unfreeze: &Value) -> String {
    let one_of = |what: &str| unfreeze[what].as_u64().map(|count| format!("the last {count} {what}"));
    one_of("layers").or_else(|| one_of("blocks")).unwrap_or_else(|| "nothing".to_owned())
}
