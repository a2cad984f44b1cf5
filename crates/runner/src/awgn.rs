//! Body of `awgn`.

use crate::waveforms::WaveformPort;
use affekt_graph::{Context, Failure, Job};
use affekt_ops::awgn::Params;
use affekt_ops::table::unwritten;
use affekt_table::waveforms::WaveformWriter;

pub fn run(job: &Job, context: &mut dyn Context) -> Result<(), Failure> {
    let Params { copies, snr_db, seed } = affekt_ops::params(job)?;
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
