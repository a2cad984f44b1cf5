//! Ops that work on waveforms row by row: reading them, and writing features of them.

use affekt_features::{Feature, FeatureError};
use affekt_graph::{Context, Failure, Job, Object};
use affekt_table::features::FeatureWriter;
use affekt_table::waveforms::Waveforms;

use affekt_ops::table::{failure, open, unwritten};

/// The waveforms on the port of that name.
pub(crate) struct WaveformPort {
    object: Object,
    table: Waveforms,
}

/// One of them.
pub(crate) struct Row<'a> {
    pub(crate) utterance: &'a str,
    /// 0 for the recording itself, 1 and up for augmented copies.
    pub(crate) copy: i32,
    pub(crate) samples: &'a [f32],
}

impl WaveformPort {
    pub(crate) fn open(job: &Job) -> Result<Self, Failure> {
        let object = job.open_one("waveforms")?;
        let table = Waveforms::open(open(&object)?).map_err(|error| failure(&object, error))?;
        Ok(Self { object, table })
    }

    /// The sampling rate in Hz.
    pub(crate) const fn rate(&self) -> u32 {
        self.table.rate()
    }

    /// Hands every waveform in turn to `work`, which stops at its first failure and when the run is interrupted.
    pub(crate) fn for_each(
        &self,
        context: &mut dyn Context,
        mut work: impl FnMut(&Row<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for number in 0..self.table.len() {
            if context.cancelled() {
                return Err(Failure::Cancelled);
            }
            context.progress(number as u64, self.table.len() as u64, "recordings");
            work(&self.row(number)?)?;
        }
        Ok(())
    }

    fn row(&self, number: usize) -> Result<Row<'_>, Failure> {
        let failed = |error| failure(&self.object, error);
        Ok(Row {
            utterance: self.table.utterance(number).map_err(failed)?,
            copy: self.table.copy(number).map_err(failed)?,
            samples: self.table.samples(number).map_err(failed)?,
        })
    }
}

/// The whole body of an op that turns waveforms, which all have one length, into the feature that `plan` makes for
/// their rate. Copies stay copies.
pub(crate) fn write_features<F: Feature>(
    job: &Job,
    context: &mut dyn Context,
    plan: impl FnOnce(u32) -> Result<F, FeatureError>,
) -> Result<(), Failure> {
    let waveforms = WaveformPort::open(job)?;
    let feature = plan(waveforms.rate()).map_err(|error| Failure::because(&error))?;
    let samples = if waveforms.table.is_empty() { 0 } else { waveforms.row(0)?.samples.len() };
    let mut writer =
        FeatureWriter::create(job.output("features")?, &feature.shape(samples)).map_err(unwritten)?;
    waveforms.for_each(context, |row| {
        writer.push(row.utterance, row.copy, &feature.compute(row.samples)).map_err(unwritten)
    })?;
    writer.finish().map_err(unwritten)
}
