//! An exported model at work: recordings go through its steps, then a worker's network reads them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use affekt_domain::Task;
use affekt_graph::{Gpu, Item, Job, JobLimits, Ops, Place, Pool, Port, Silent, Store, WorkerTimeouts};
use affekt_ops::Operation;
use affekt_ops::audio::{self, Audio};
use affekt_ops::exported::{Exported, Step};
use affekt_ops::infer::{self, Infer};
use affekt_runner::RunnerOps;
use affekt_spec::{Spec, View};
use affekt_table::waveforms::WaveformWriter;

use crate::device::Device;
use crate::exit::{Stop, error};
use crate::place::program;

/// Mono samples at a rate.
pub struct Clip {
    /// What it is called: samples that are filled in are drawn by it.
    pub name: String,
    /// In −1..=1.
    pub samples: Vec<f32>,
    /// In Hz.
    pub rate: u32,
}

/// An exported model with all that is needed to run it.
pub struct Model<'p> {
    folder: PathBuf,
    pool: Pool<'p>,
    /// The GPU that its workers see.
    gpu: Option<Gpu>,
    numerics: BTreeMap<String, String>,
    runner: RunnerOps,
    store: Store,
    audio: audio::Params,
    /// The steps after `audio`, each with the files on its other ports.
    steps: Vec<(Step, Vec<Port>)>,
    /// What it predicts.
    pub task: Task,
    // Dropped last: the store lies in it.
    _scratch: tempfile::TempDir,
}

/// The first batch also loads the weights.
pub const TIMEOUTS: WorkerTimeouts = WorkerTimeouts {
    hello: Duration::from_secs(120),
    progress: Duration::from_secs(300),
    // There is nothing to keep.
    stop: Duration::ZERO,
};

impl<'p> Model<'p> {
    /// Opens the exported model in `folder`, to be run by the workers of `pool`: of several GPUs on the first.
    pub fn open(folder: &Path, pool: Pool<'p>, device: &Device, cores: u32) -> Result<Self, Stop> {
        let not_one = |why: &dyn std::fmt::Display| Stop::wrong(format!("error: not a model: {why}"));
        let folder = folder.canonicalize().map_err(|cause| {
            not_one(&format!("{}: {cause}\nhint: `{} export` makes one", folder.display(), program()))
        })?;
        let exported = Exported::read(&folder).map_err(|failure| not_one(&failure))?;
        let task = serde_json::from_value(exported.card["task"].clone()).map_err(|cause| not_one(&cause))?;
        let mut steps = exported.steps.into_iter();
        let first = steps.next().filter(|step| step.op == Audio::NAME);
        let first = first.ok_or_else(|| not_one(&"its first step is not `audio`"))?;
        let audio = serde_json::from_value(first.params).map_err(|cause| not_one(&cause))?;
        let scratch = tempfile::Builder::new().prefix("affekt-predict-").tempdir();
        let scratch = scratch.map_err(|cause| error("failed to make a temporary folder", &cause))?;
        let store = Store::open(scratch.path())?;
        let mut numerics = BTreeMap::from([("device".to_owned(), device.kind().to_owned())]);
        if device.kind() == "cpu" {
            numerics.insert("threads".to_owned(), cores.to_string());
        }
        let mut model = Self {
            folder,
            pool,
            gpu: device.gpus().first().cloned(),
            numerics,
            runner: RunnerOps::new(Vec::new(), store.root(), false),
            store,
            audio,
            steps: Vec::new(),
            task,
            _scratch: scratch,
        };
        for step in steps {
            let files = step.files.iter().map(|read| {
                let item = model.stored(&read.file, |path| {
                    let copied = fs::copy(model.folder.join(&read.file), path);
                    copied.map(drop).map_err(|cause| not_one(&format!("{}: {cause}", read.file)))
                })?;
                if read.digest.is_some_and(|digest| digest != item.digest) {
                    let why = format!("{}: it is not the file that was exported", read.file);
                    return Err(not_one(&format!("{why}\nhint: export the model again")));
                }
                Ok(Port { name: read.port.clone(), items: vec![item] })
            });
            let files = files.collect::<Result<_, Stop>>()?;
            model.steps.push((step, files));
        }
        Ok(model)
    }

    /// The length in seconds of what the network was trained on, where all had one.
    pub fn seconds(&self) -> Option<f64> {
        self.audio.seconds
    }

    /// What the network says of each clip: logits or values, which are numbers.
    pub fn outputs(&self, clips: &[&Clip]) -> Result<Vec<Vec<f32>>, Stop> {
        let mut item = self.stored("waveforms", |path| {
            let failed = |cause: &dyn std::error::Error| error("failed to prepare recordings", cause);
            let mut writer =
                WaveformWriter::create(path, self.audio.rate_hz).map_err(|cause| failed(&cause))?;
            for (number, &Clip { name, samples, rate }) in clips.iter().enumerate() {
                let samples = affekt_runner::waveform(&self.audio, samples, *rate, name)
                    .map_err(|cause| failed(&cause))?;
                writer.push(&number.to_string(), 0, &samples).map_err(|cause| failed(&cause))?;
            }
            writer.finish().map_err(|cause| failed(&cause))
        })?;
        for (step, files) in &self.steps {
            let made = self.run(&step.op, step.version, step.params.clone(), &item, files.clone());
            self.forget(&item);
            item = made?;
        }
        let params = infer::Params { folder: self.folder.clone() }.view(View::Key);
        let made = self.run(Infer::NAME, Infer::VERSION, params, &item, Vec::new());
        self.forget(&item);
        let made = made?;
        let bytes = fs::read(&made.path).map_err(|cause| error("failed to read outputs", &cause))?;
        self.forget(&made);
        numbers(&bytes)
    }

    /// Runs an op on `item`, which flows into its first port. Gives its first output.
    fn run(
        &self,
        op: &str,
        version: u32,
        params: serde_json::Value,
        item: &Item,
        mut inputs: Vec<Port>,
    ) -> Result<Item, Stop> {
        let Some(definition) = affekt_ops::find(op).filter(|definition| definition.version == version) else {
            return Err(Stop::wrong(format!(
                "error: not a model of this program: a step is `{op}` in version {version}\n\
                 hint: export it again"
            )));
        };
        inputs.push(Port { name: definition.inputs[0].name.to_owned(), items: vec![item.clone()] });
        let output = definition.outputs[0].name;
        self.stored(output, |path| {
            let job = Job {
                node: op.to_owned(),
                op: op.to_owned(),
                version,
                params,
                inputs,
                outputs: BTreeMap::from([(output.to_owned(), path.to_owned())]),
                seed: None,
                numerics: self.numerics.clone(),
                state: None,
            };
            let log = self.store.root().join("tmp").join("worker.log");
            let done = match definition.place {
                Place::Runner => self.runner.run(&job, &mut Silent),
                Place::Worker => {
                    self.pool.run(&job, JobLimits::default(), &log, self.gpu.as_ref(), &mut Silent).map(drop)
                }
            };
            Ok(done?)
        })
    }

    /// A new object of the temporary store, whose file `write` makes.
    fn stored(&self, name: &str, write: impl FnOnce(&Path) -> Result<(), Stop>) -> Result<Item, Stop> {
        let scratch = self.store.scratch()?;
        let path = scratch.path().join(name);
        write(&path)?;
        let digest = self.store.adopt(name, &path)?.digest;
        Ok(Item { digest, path: self.store.object_path(digest) })
    }

    /// Removes an object that was read: a stream goes on for hours.
    fn forget(&self, item: &Item) {
        let _ = fs::remove_file(&item.path);
        let _ = fs::remove_file(item.path.with_extension("tree"));
    }
}

/// Reads the outputs of each clip, all of them numbers: what is not finite is no prediction, whatever has the highest output.
fn numbers(json: &[u8]) -> Result<Vec<Vec<f32>>, Stop> {
    // JSON has no word but `null` for what is no number.
    let outputs: Vec<Vec<Option<f32>>> =
        serde_json::from_slice(json).map_err(|cause| error("failed to read outputs", &cause))?;
    let numbers: Option<Vec<Vec<f32>>> =
        outputs.into_iter().map(|outputs| outputs.into_iter().collect()).collect();
    numbers.ok_or_else(|| {
        Stop::failed("error: the network's outputs are not finite: look at its weights and at the recording")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_that_are_not_finite_are_no_prediction() {
        let json = |outputs: &[[f32; 2]]| serde_json::to_vec(outputs).unwrap();
        assert_eq!(numbers(&json(&[[0.5, -1.0]])).unwrap(), [[0.5, -1.0]]);
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let refused = numbers(&json(&[[0.5, 0.25], [value, 9.0]])).unwrap_err().text();
            assert!(refused.contains("outputs are not finite"), "{refused}");
        }
    }
}
