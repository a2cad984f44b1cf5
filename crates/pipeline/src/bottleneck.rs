//! Whether a network goes on where the frozen convolutions end whose output it reads. Their shapes alone do not tell: a VGG16 gives the
//! same before its last convolution and before the one before that.

use affekt_config::{Diagnostic, Diagnostics};
use affekt_spec::network::{FreezeBase, NetworkConfig, Unfreeze};

use crate::wiring::Wired;

/// Complains of trainings that unfreeze something else than the frozen base that they read leaves out, or have another encoder.
pub fn check(steps: &[Wired], diagnostics: &Diagnostics) -> bool {
    let mut is_sound = true;
    for wired in steps {
        let facts = wired.step.params.facts();
        let Some(network) = facts.network.filter(|_| facts.training.is_some()) else { continue };
        for source in wired.port("features") {
            let base = steps.iter().find(|other| other.step.name == source.node);
            let Some(base) = base else { continue };
            let Some(cut) = base.step.params.facts().bottleneck else { continue };
            for (message, hint) in disagreements(wired, network, base, cut) {
                diagnostics.push(Diagnostic::error(&wired.step.span, message).hint(hint));
                is_sound = false;
            }
        }
    }
    is_sound
}

fn disagreements(
    training: &Wired,
    network: &NetworkConfig,
    base: &Wired,
    cut: Option<Unfreeze>,
) -> Vec<(String, &'static str)> {
    let (name, other) = (&training.step.name, &base.step.name);
    let mut found = Vec::new();
    match network {
        NetworkConfig::Vgg16(network) if network.freeze == FreezeBase::Base => {
            if network.unfreeze != cut {
                let [own, others] = [network.unfreeze, cut].map(words);
                let message =
                    format!("`{name}` unfreezes {own}, and `{other}`, which it reads, leaves out {others}");
                found.push((message, "give both the same `unfreeze`"));
            }
        }
        _ => {
            let message =
                format!("`{name}` freezes nothing, and reads what the frozen base of `{other}` gives");
            found.push((message, "let it read the pictures, or leave `freeze: base`"));
        }
    }
    if training.port("encoder") != base.port("encoder") {
        let message = format!("`{name}` and `{other}`, which it reads, have other encoders");
        found.push((message, "give both the same `encoder`: one continues the other"));
    }
    found
}

fn words(unfreeze: Option<Unfreeze>) -> String {
    match unfreeze {
        Some(Unfreeze::Layers(count)) => format!("the last {count} layers"),
        Some(Unfreeze::Blocks(count)) => format!("the last {count} blocks"),
        None => "nothing".to_owned(),
    }
}
