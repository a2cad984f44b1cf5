//! System B4: a VGG16 over spectrogram images, or over what `bottleneck` made of them. Which base, and how pixels are normalised
//! for it, flows into the port `encoder`.

use affekt_config::{Diagnostic, Field, Section};
use serde::{Deserialize, Serialize};

use crate::encoder::Vgg16Config;
use crate::schema::{FieldSchema, Schema};
use crate::{LibraryDefaults, Limits, Spec};

/// A convolutional base and a classifier.
#[derive(Debug, Clone, PartialEq, Spec)]
#[spec(check = check_unfreeze)]
pub struct Vgg16NetworkConfig {
    /// The base as its checkpoint has it.
    #[spec(stored)]
    pub encoder: Vgg16Config,
    /// Units of each hidden layer of the classifier.
    #[spec(default = vec![512, 192], range = 1..=65_536)]
    pub hidden: Vec<usize>,
    /// Share of units dropped behind the first of them in training.
    #[spec(default = 0.5, range = 0.0..1.0)]
    pub dropout: f64,
    /// What training leaves as it is.
    #[spec(default = FreezeBase::Base)]
    pub freeze: FreezeBase,
    /// What of a frozen base is trained after all.
    #[spec(none = "none")]
    pub unfreeze: Option<Unfreeze>,
    /// Whose initial weights the classifier has.
    #[spec(default = LibraryDefaults::PyTorch, omit)]
    pub defaults: LibraryDefaults,
}

/// What training leaves as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum FreezeBase {
    /// Nothing.
    None,
    /// The base.
    Base,
}

/// What of a frozen base is trained after all: `{ layers: 2 }`, `{ blocks: 1 }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unfreeze {
    /// So many of the last convolutions.
    Layers(usize),
    /// So many of the last blocks.
    Blocks(usize),
}

impl Spec for Unfreeze {
    fn schema(_: &Limits) -> Schema {
        let one = |name, about| {
            Schema::section("", vec![FieldSchema::required(name, about, Schema::integer(1.0, 1000.0))])
        };
        Schema::OneOf(vec![
            one("layers", "Number of the last convolutions."),
            one("blocks", "Number of the last blocks."),
        ])
    }

    fn read(field: Field<'_>, _: &Limits) -> Option<Self> {
        field.section("`unfreeze`", |unfreeze| {
            let [layers, blocks] = ["layers", "blocks"].map(|key| unfreeze.optional_integer(key, 1..=1000));
            match (layers, blocks) {
                (Some(layers), None) => Some(Self::Layers(layers)),
                (None, Some(blocks)) => Some(Self::Blocks(blocks)),
                _ => {
                    let message =
                        "expected the last `layers` or the last `blocks`, one of them: `{ layers: 1 }`";
                    unfreeze.diagnostics().error(unfreeze.span(), message);
                    None
                }
            }
        })
    }
}

fn check_unfreeze(read: &mut Vgg16NetworkConfig, section: &mut Section<'_>) {
    if read.freeze == FreezeBase::None && read.unfreeze.is_some() {
        let span = section.node("unfreeze").map_or_else(|| section.span(), |node| &node.span);
        let mistake =
            Diagnostic::error(span, "`unfreeze` is of a base that is frozen, and `freeze` is `none`");
        section.diagnostics().push(mistake.hint("leave out one of them"));
    }
}
