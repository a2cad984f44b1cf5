//! `spectrogram-image`: spectrograms are drawn as images, over one range of decibels and one colour map.

use affekt_features::ColourMap;
use affekt_spec::prose::number;
use affekt_spec::{Field, Limits, Spec, Words};

use crate::operation::{Grain, InputPort, Operation, OutputPort};
use crate::{Kind, Sentence, Topic};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Spec)]
pub struct Params {
    /// Height and width.
    #[spec(default = 224, range = 8..=2048, unit = "pixels")]
    pub size: usize,
    /// The decibels that get the first colour and the last; what lies beyond gets the same.
    #[spec(
        default = [-80.0, 0.0],
        range = -1000.0..=1000.0,
        noun = "the decibels of the first and the last colour, such as [-80, 0]",
        read = read_range,
        unit = "dB"
    )]
    pub range_db: [f64; 2],
    /// The colours between.
    #[spec(default = ColourMap::Magma)]
    pub colours: ColourMap,
}

/// The operation.
pub struct SpectrogramImage;

impl Operation for SpectrogramImage {
    type Params = Params;

    const NAME: &'static str = "picture";
    const ALIASES: &'static [&'static str] = &["spectrogram-image"];
    const VERSION: u32 = 1;
    const ABOUT: &'static str =
        "spectrograms are drawn as images, over one range of decibels and one colour map";
    const INPUTS: &'static [InputPort] = &[InputPort::one("features", &[Kind::Features])];
    const OUTPUTS: &'static [OutputPort] = &[OutputPort::new("pictures", Kind::SpectrogramImages)];
    const GRAIN: Grain = Grain::Shard;

    fn prose(params: &Params) -> Vec<Sentence> {
        let Params { size, range_db: [low, high], colours } = params;
        vec![Topic::Features.says(format!(
            "Spectrograms were drawn as images of {size} × {size} pixels, values from {} to {} dB in the colours of {}.",
            number(*low),
            number(*high),
            colours.word(),
        ))]
    }
}

fn read_range(field: Field<'_>, limits: &Limits) -> Option<[f64; 2]> {
    let range = field.list();
    let [lowest, highest] = range.as_slice() else {
        field.expected(limits.noun.unwrap_or_default());
        return None;
    };
    let lowest = lowest.float(-1000.0..=999.0)?;
    Some([lowest, highest.float(lowest + LEAST_RANGE..=1000.0)?])
}

/// In decibels.
const LEAST_RANGE: f64 = 1.0;
