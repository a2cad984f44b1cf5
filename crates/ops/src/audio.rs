//! `audio`: recordings become mono waveforms of one rate and, where asked, of one length.

use affekt_domain::Digest;
use affekt_spec::prose::number;
use affekt_spec::{
    Field, FieldSchema, JsonError, JsonMap, Limits, Schema, Section, Spec, SpecFields, View, Word, from_json,
};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::operation::{Grain, InputPort, Operation, OutputPort};
use crate::{Kind, Sentence, Topic};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct Params {
    /// Sampling rate.
    #[spec(default = 16_000, range = 1_000..=192_000, unit = "Hz")]
    pub rate_hz: u32,
    /// Length: longer recordings are cut, shorter ones filled, where `fill` says with what. `whole` leaves them as long as they are.
    #[spec(default = Some(3.0), range = 0.01..=600.0, none = "whole", noun = "a number of seconds", unit = "s")]
    pub seconds: Option<f64>,
    /// Least length, where `seconds` is `whole` or `fill` is `none`: shorter recordings are filled with silence up to it. Networks of
    /// waveforms need 25 ms.
    #[spec(default = None, range = 0.001..=600.0, none = "none", noun = "a number of seconds", unit = "s", omit)]
    pub min_seconds: Option<f64>,
    /// What shorter recordings are filled with.
    #[spec(inline)]
    pub fill: Fill,
    /// Level that the largest sample of every recording is brought to, before it is cut or filled; `as-is` leaves it. Digital
    /// silence stays silence.
    #[spec(default = None, range = -60.0..=0.0, none = "as-is", noun = "a level in dB, at most 0", unit = "dB of full scale", omit)]
    pub peak_db: Option<f64>,
    /// The recordings of one shard, of a shard's node.
    #[spec(hidden)]
    pub recordings: Recordings,
}

/// What follows the end of a recording that is too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// Silence.
    #[default]
    Zeros,
    /// Nothing: it stays as short as it is, and a batch of clips of several lengths is padded when it is put together.
    None,
    /// Samples drawn at random from the recording.
    OwnSamples {
        /// What the draws depend on, beside the utterance.
        seed: u64,
    },
}

/// The recordings of one shard: utterance and digest of the decoded audio.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Recordings(pub Vec<(String, Digest)>);

/// The operation.
pub struct Audio;

impl Operation for Audio {
    type Params = Params;

    const NAME: &'static str = "audio";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "recordings become mono waveforms of one rate and length";
    const INPUTS: &'static [InputPort] = &[];
    const OUTPUTS: &'static [OutputPort] = &[OutputPort::new("waveforms", Kind::Waveforms)];
    const GRAIN: Grain = Grain::Shard;

    fn of_shard(params: &Params, recordings: &[(String, Digest)]) -> Params {
        Params { recordings: Recordings(recordings.to_vec()), ..params.clone() }
    }

    fn prose(params: &Params) -> Vec<Sentence> {
        let level = params
            .peak_db
            .map(|level| format!(" and brought to a peak of {} dB of full scale", number(level)));
        let converted = format!(
            "Recordings were converted to mono at {} Hz{}.",
            params.rate_hz,
            level.unwrap_or_default()
        );
        let filled = params.min_seconds.map_or_else(String::new, |least| {
            format!(" but for those shorter than {} s, which were filled with zeros up to it", number(least))
        });
        let length = match (params.seconds.map(number), params.fill) {
            (None, _) => format!("They were used at their whole length{filled}."),
            (Some(seconds), Fill::None) => {
                format!("Longer ones were cut at {seconds} s; shorter ones kept their length{filled}.")
            }
            (Some(seconds), Fill::Zeros) => {
                format!("Longer ones were cut at {seconds} s, shorter ones filled with zeros up to it.")
            }
            (Some(seconds), Fill::OwnSamples { .. }) => format!(
                "Longer ones were cut at {seconds} s, shorter ones filled up to it with samples drawn at random from the same \
                 recording."
            ),
        };
        Topic::Recordings.all(vec![converted, length])
    }
}

impl Spec for Fill {
    fn schema(_: &Limits) -> Schema {
        Schema::Section { about: "", fields: Self::fields() }
    }

    fn read(field: Field<'_>, _: &Limits) -> Option<Self> {
        field.section("`fill`", Self::read_fields)
    }
}

/// In YAML the keys `fill` and `fill_seed` of `audio` itself.
impl SpecFields for Fill {
    fn fields() -> Vec<FieldSchema> {
        let words = Schema::Words(vec![
            Word::new("zeros", "Silence."),
            Word::new(
                "none",
                "Nothing: they stay as short as they are. For networks that read waveforms of any length.",
            ),
            Word::new("own-samples", "Samples drawn at random from the recording."),
        ]);
        let about_seed = "What samples are drawn by, beside the utterance, with `own-samples`.";
        vec![
            FieldSchema::or("fill", "What shorter recordings are filled with.", words, "zeros"),
            FieldSchema::or("fill_seed", about_seed, u64::schema(&Limits::NONE), 0),
        ]
    }

    fn read_fields(section: &mut Section<'_>) -> Option<Self> {
        // Read whatever the filling, so that a pipeline can give it a variable.
        let seed = section.integer("fill_seed", 0, 0..);
        let fills =
            [("zeros", Self::Zeros), ("none", Self::None), ("own-samples", Self::OwnSamples { seed })];
        Some(section.one_of("fill", Self::Zeros, &fills))
    }

    fn view_fields(&self, _: View, map: &mut JsonMap) {
        map.insert("fill".to_owned(), json!(self));
    }

    fn serialize_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("fill", self)
    }

    fn take(map: &mut JsonMap) -> Result<Self, JsonError> {
        map.remove("fill").map_or(Ok(Self::Zeros), from_json)
    }
}

impl Spec for Recordings {
    fn schema(_: &Limits) -> Schema {
        Schema::Any { about: "The recordings of a shard." }
    }

    fn read(_: Field<'_>, _: &Limits) -> Option<Self> {
        None
    }
}
