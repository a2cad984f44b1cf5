//! Which of an encoder's hidden states are read: one, or several under learnt weights.

use affekt_config::{Field, Value as Yaml};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use crate::schema::{Schema, Word};
use crate::{Limits, Spec};

/// Layers of the encoder's transformer. Several are added up under weights that are learnt with the rest: the softmax of one
/// number a layer, which begin alike (Yang et al., "SUPERB", arXiv 2105.01051; `use_weighted_layer_sum` in transformers).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EncoderLayer {
    /// The last one, and the norm behind it where layers normalise first.
    Last,
    /// This one, counted from 1, without a norm behind it.
    Nth(usize),
    /// All of them and what enters the first, weighted, without a norm behind them, as transformers 5 has it.
    Weighted,
    /// These, weighted, in this order and without a norm behind them; 0 is what enters the first.
    Several(Vec<usize>),
}

const MOST: usize = 1000;
const LAST: &str = "last";
const WEIGHTED: &str = "weighted";
const EXPECTED: &str = "`last`, `weighted`, the number of a layer, or a list of such, each once";

impl Spec for EncoderLayer {
    const NULL_IS_ABSENT: bool = false;

    fn schema(_: &Limits) -> Schema {
        Schema::OneOf(vec![
            Schema::Words(vec![
                Word::new(LAST, "The last one, and the norm behind it where layers normalise first."),
                Word::new(WEIGHTED, "All of them and what enters the first, under weights that are learnt."),
            ]),
            Schema::integer(1.0, MOST as f64),
            Schema::list(Schema::integer(0.0, MOST as f64)),
        ])
    }

    fn read(field: Field<'_>, _: &Limits) -> Option<Self> {
        match &field.node.value {
            Yaml::Integer(_) => field.integer(1..=MOST).map(Self::Nth),
            Yaml::Text(_) => match field.word(&[LAST, WEIGHTED], &[LAST, WEIGHTED])? {
                WEIGHTED => Some(Self::Weighted),
                _ => Some(Self::Last),
            },
            Yaml::List(items) => {
                let layers: Vec<usize> =
                    field.list().into_iter().filter_map(|item| item.integer(0..=MOST)).collect();
                if layers.len() < items.len() {
                    return None; // reported
                }
                let are_different =
                    layers.iter().enumerate().all(|(at, layer)| !layers[..at].contains(layer));
                if layers.is_empty() || !are_different {
                    field.expected(EXPECTED);
                    return None;
                }
                Some(Self::Several(layers))
            }
            _ => {
                field.expected(EXPECTED);
                None
            }
        }
    }
}

impl Serialize for EncoderLayer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Last => serializer.serialize_str(LAST),
            Self::Weighted => serializer.serialize_str(WEIGHTED),
            Self::Nth(layer) => layer.serialize(serializer),
            Self::Several(layers) => layers.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for EncoderLayer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if value == json!(LAST) {
            return Ok(Self::Last);
        }
        if value == json!(WEIGHTED) {
            return Ok(Self::Weighted);
        }
        if value.is_array() {
            return serde_json::from_value(value).map(Self::Several).map_err(serde::de::Error::custom);
        }
        serde_json::from_value(value).map(Self::Nth).map_err(serde::de::Error::custom)
    }
}

impl EncoderLayer {
    /// Returns the hidden states that are read of an encoder of so many `layers`, 0 being what enters the first.
    #[must_use]
    pub fn states(&self, layers: usize) -> Vec<usize> {
        match self {
            Self::Last => vec![layers],
            Self::Nth(layer) => vec![*layer],
            Self::Weighted => (0..=layers).collect(),
            Self::Several(several) => several.clone(),
        }
    }

    /// Returns the highest layer that is read of so many.
    #[must_use]
    pub fn highest(&self, layers: usize) -> usize {
        self.states(layers).into_iter().max().unwrap_or(layers)
    }

    /// Returns whether weights of layers are learnt.
    #[must_use]
    pub const fn is_weighted(&self) -> bool {
        matches!(self, Self::Weighted | Self::Several(_))
    }
}
