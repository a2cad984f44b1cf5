//! `embed`: waveforms of one length become what a frozen encoder makes of them, a matrix each.

use affekt_graph::Place;
use affekt_spec::{
    Field, FieldSchema, JsonError, JsonMap, Limits, Schema, Section, Spec, SpecFields, View, Word,
    take_required,
};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::operation::{Grain, InputPort, Operation, OutputPort};
use crate::{Kind, Sentence, Topic};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct Params {
    /// What is taken from the encoder.
    #[spec(inline, required)]
    pub output: Output,
    /// What is done to each matrix then.
    #[spec(default = Scale::None)]
    pub scale: Scale,
    /// Waveforms that go through the encoder at a time. Changes nothing beyond float rounding.
    #[spec(default = 8, range = 1..=4096)]
    pub batch_size: usize,
}

/// What is taken from an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// The logits of its head for connectionist temporal classification, `[frames, characters]`.
    CtcLogits,
    /// The output of its last layer, `[frames, width]`.
    LastLayer,
    /// That of a layer of the transformer, from 1; 0 is what enters the first.
    Layer(usize),
}

/// What is done to a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum Scale {
    /// Nothing.
    None,
    /// Its values x become 2 (x − min) / (max − min) − 1, in −1..=1. A matrix of one value becomes 0.
    MinMax,
}

/// The operation.
pub struct Embed;

impl Operation for Embed {
    type Params = Params;

    const NAME: &'static str = "embed";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "waveforms of one length become what a frozen encoder makes of them";
    const INPUTS: &'static [InputPort] =
        &[InputPort::one("waveforms", &[Kind::Waveforms]), InputPort::one("encoder", &[Kind::Encoder])];
    const OUTPUTS: &'static [OutputPort] = &[OutputPort::new("features", Kind::Features)];
    const GRAIN: Grain = Grain::Shard;
    const PLACE: Place = Place::Worker;

    fn prose(params: &Params) -> Vec<Sentence> {
        let output = match params.output {
            Output::CtcLogits => {
                "the logits of its head for connectionist temporal classification".to_owned()
            }
            Output::LastLayer => "the output of its last layer".to_owned(),
            Output::Layer(layer) => format!("the output of its transformer layer {layer}"),
        };
        let scale = match params.scale {
            Scale::None => "",
            Scale::MinMax => ", each clip’s matrix scaled to the range from −1 to 1",
        };
        vec![
            Topic::Features
                .says(format!("A frozen encoder gave the features of each clip: {output}{scale}.")),
        ]
    }
}

impl Spec for Output {
    fn schema(_: &Limits) -> Schema {
        Schema::Section { about: "", fields: Self::fields() }
    }

    fn read(field: Field<'_>, _: &Limits) -> Option<Self> {
        field.section("`output`", Self::read_fields)
    }
}

/// In YAML the keys `output` and `layer` of `embed` itself.
impl SpecFields for Output {
    fn fields() -> Vec<FieldSchema> {
        let words = Schema::Words(vec![
            Word::new(
                "ctc-logits",
                "The logits of its head for connectionist temporal classification, `[frames, characters]`.",
            ),
            Word::new("last-layer", "The output of its last layer, `[frames, width]`."),
            Word::new(
                "layer",
                "That of the transformer's layer `layer`, from 1; 0 is what enters the first.",
            ),
        ]);
        vec![
            FieldSchema::required("output", "What is taken from the encoder.", words),
            FieldSchema::optional(
                "layer",
                "Which layer, with `output: layer`.",
                Schema::integer(0.0, 1000.0),
            ),
        ]
    }

    fn read_fields(section: &mut Section<'_>) -> Option<Self> {
        let outputs =
            [("ctc-logits", Self::CtcLogits), ("last-layer", Self::LastLayer), ("layer", Self::Layer(0))];
        Some(match section.required_one_of("output", &outputs)? {
            Self::Layer(_) => Self::Layer(section.required_integer("layer", 0_usize..=1000)?),
            chosen => chosen,
        })
    }

    fn view_fields(&self, _: View, map: &mut JsonMap) {
        map.insert("output".to_owned(), json!(self));
    }

    fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("output", self)
    }

    fn take(map: &mut JsonMap) -> Result<Self, JsonError> {
        take_required(map, "output")
    }
}
