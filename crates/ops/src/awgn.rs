//! `awgn`: every waveform is followed by copies with additive white Gaussian noise.
//!
//! Nothing here knows of roles: only training rows are trained on with their copies, and `train` sees to that.

use affekt_config::Section;
use affekt_graph::Place;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Kind;
use crate::definition::{Definition, Grain, InputPort, OutputPort, plain};

/// The parameters.
#[derive(Serialize, Deserialize)]
pub struct Params {
    /// Noisy copies of every waveform.
    pub copies: u32,
    /// The lowest and the highest signal-to-noise ratio in dB; each copy's is drawn uniformly between them.
    pub snr_db: [f64; 2],
    /// What the noise depends on, beside the utterance and the copy's number.
    pub seed: u64,
}

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "awgn",
    version: 1,
    about: "every waveform is followed by copies with additive white Gaussian noise",
    inputs: &[InputPort::one("waveforms", &[Kind::Waveforms])],
    outputs: &[OutputPort::new("waveforms", Kind::Waveforms)],
    params: read,
    grain: Grain::Shard,
    place: Place::Runner,
    seeded: false,
    source: false,
};

fn read(section: &mut Section<'_>) -> Value {
    let copies = section.integer("copies", 2, 0..=100);
    let snr_db = read_ratios(section).unwrap_or([15.0, 30.0]);
    let seed = section.integer("seed", 0, 0..);
    plain(&Params { copies, snr_db, seed })
}

fn read_ratios(section: &mut Section<'_>) -> Option<[f64; 2]> {
    let field = section.field("snr_db")?;
    let ratios = field.list();
    let [lowest, highest] = ratios.as_slice() else {
        field.expected("the lowest and the highest signal-to-noise ratio, such as [15, 30]");
        return None;
    };
    let lowest = lowest.float(-100.0..=200.0)?;
    Some([lowest, highest.float(lowest..=200.0)?])
}

#[cfg(feature = "host")]
pub(crate) fn run(
    job: &affekt_graph::Job,
    context: &mut dyn affekt_graph::Context,
) -> Result<(), affekt_graph::Failure> {
    use affekt_graph::Failure;
    use affekt_table::waveforms::WaveformWriter;

    use crate::table::unwritten;
    use crate::waveforms::WaveformPort;

    let Params { copies, snr_db, seed } = crate::params(job)?;
    let waveforms = WaveformPort::open(job)?;
    let mut writer = WaveformWriter::create(job.output("waveforms")?, waveforms.rate()).map_err(unwritten)?;
    waveforms.for_each(context, |row| {
        let utterance = row.utterance;
        if row.copy != 0 {
            let message = format!("`{utterance}` has copies already: one `awgn` makes them all (`copies`)");
            return Err(Failure::Failed { message });
        }
        writer.push(utterance, 0, row.samples).map_err(unwritten)?;
        for copy in 1..=copies {
            let noisy = affekt_audio::noisy_copy(row.samples, snr_db, seed, utterance, copy);
            writer.push(utterance, copy as i32, &noisy).map_err(unwritten)?;
        }
        Ok(())
    })?;
    writer.finish().map_err(unwritten)
}
