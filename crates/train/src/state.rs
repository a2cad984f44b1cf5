//! Keeps the state to resume from: everything that the rest of a training depends on, after any step.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use affekt_atomic::write_atomically;
use affekt_domain::{Epoch, Stage};
use affekt_torch::{Checkpoint, NamedTensors};
use tch::{Kind, Tensor};

use crate::TrainError;
use crate::losses::Sums;

/// Where to keep the state to resume from. The folder belongs to one training: it is not looked at whether
/// the examples are the same as before, beyond their number and shape.
#[derive(Debug, Clone)]
pub struct Resume {
    /// The folder, made if missing.
    pub folder: PathBuf,
    /// Write after a step or an epoch only if so much time has passed since the last write, and twenty times as much as that
    /// took. Of no time at all: always.
    pub every: Duration,
}

/// What was found in the [`Resume`] folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateOutcome {
    /// Nothing: training began at the beginning.
    Fresh,
    /// A state: training went on there.
    Resumed {
        /// After so many epochs, those of all stages counted.
        epochs: u32,
        /// And so many batches of the next one.
        batches: usize,
    },
    /// Something unusable: training began at the beginning. The text says why; it is worth a warning.
    Ignored(String),
}

/// What a training is between two steps.
pub struct State {
    /// The stage that it is in.
    pub stage: Stage,
    /// The epochs so far, of all stages.
    pub history: Vec<Epoch>,
    /// How much of the next one is done.
    pub partial: Partial,
    /// Epochs of the stage, at the most.
    pub max_epochs: u32,
    /// The number of the stage's epoch whose weights are `best`; 0 before its first.
    pub kept: u32,
    /// In how many micro-batches batches are computed.
    pub micro_batches: usize,
    /// The weights after the last step.
    pub network: NamedTensors,
    /// The weights to keep; none before the stage's first epoch.
    pub best: NamedTensors,
    /// The optimiser's state.
    pub optimiser: NamedTensors,
}

impl State {
    /// Returns the file's bytes, for a training with these settings. Equal states give equal bytes.
    pub fn into_bytes(self, settings: &str) -> Result<Vec<u8>, TrainError> {
        let mut tensors = NamedTensors::new();
        for (prefix, group) in [(NETWORK, self.network), (BEST, self.best), (OPTIMISER, self.optimiser)] {
            tensors.extend(group.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)));
        }
        tensors.insert(HISTORY.to_owned(), history_tensor(&self.history));
        let Partial { batches, losses } = self.partial;
        let Sums { loss, weight, correct, classified } = losses;
        tensors.insert(LOSSES.to_owned(), Tensor::from_slice(&[loss, weight, correct, classified]));
        let metadata = [
            (SETTINGS, settings.to_owned()),
            (STAGE, self.stage.name().to_owned()),
            (KEPT, self.kept.to_string()),
            (MAX_EPOCHS, self.max_epochs.to_string()),
            (MICRO_BATCHES, self.micro_batches.to_string()),
            (BATCHES, batches.to_string()),
        ];
        let metadata = metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Ok(Checkpoint { tensors, metadata }.to_bytes()?)
    }

    /// Reads a state back. `Err` says why they are of no use to a training with these settings.
    pub fn from_bytes(bytes: &[u8], settings: &str) -> Result<Self, String> {
        match Checkpoint::from_bytes(bytes) {
            Err(error) => Err(error.to_string()),
            Ok(file) if file.metadata.get(SETTINGS).map(String::as_str) != Some(settings) => {
                Err("the state of a training with other settings".to_owned())
            }
            Ok(file) => unpack(file).ok_or_else(|| "not a training's state".to_owned()),
        }
    }
}

/// The part of an epoch that is done.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Partial {
    /// How many batches.
    pub batches: usize,
    /// What their losses come to.
    pub losses: Sums,
}

/// The file that holds the state of one training.
pub struct StateFile<'a> {
    resume: &'a Resume,
    /// The training's settings: a state with others is not its own.
    settings: String,
    written: Instant,
    /// When it is time to write again.
    pause: Duration,
}

impl<'a> StateFile<'a> {
    pub fn new(resume: &'a Resume, settings: String) -> Self {
        Self { resume, settings, written: Instant::now(), pause: resume.every }
    }

    /// Reads the state to go on from, where there is a file that holds one, and says what was found.
    pub fn open(file: Option<&Self>) -> (Option<State>, StateOutcome) {
        match file.and_then(Self::read) {
            None => (None, StateOutcome::Fresh),
            Some(Err(why)) => (None, StateOutcome::Ignored(why)),
            Some(Ok(state)) => {
                let (epochs, batches) = (state.history.len() as u32, state.partial.batches);
                (Some(state), StateOutcome::Resumed { epochs, batches })
            }
        }
    }

    /// Reads the state in the file, if there is one: `Err` says why it is of no use.
    fn read(&self) -> Option<Result<State, String>> {
        let path = self.path();
        let explain =
            |why: &dyn std::fmt::Display| format!("{}: {why}; training starts over", path.display());
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => Some(Err(explain(&error))),
            Ok(bytes) => Some(State::from_bytes(&bytes, &self.settings).map_err(|why| explain(&why))),
        }
    }

    /// Writes the state if it is time to: whole or not at all, also when the machine dies meanwhile. Returns whether it was time.
    pub fn write_if_due(
        &mut self,
        state: impl FnOnce() -> Result<State, TrainError>,
    ) -> Result<bool, TrainError> {
        if self.written.elapsed() < self.pause {
            return Ok(false);
        }
        self.write(state()?)?;
        Ok(true)
    }

    /// Writes the state, due or not: a training that is asked to stop goes on from where it was.
    pub fn write(&mut self, state: State) -> Result<(), TrainError> {
        let start = Instant::now();
        let bytes = state.into_bytes(&self.settings)?;
        let written = fs::create_dir_all(&self.resume.folder)
            .and_then(|()| write_atomically(&self.path(), |unfinished| fs::write(unfinished, &bytes)));
        written.map_err(|source| TrainError::State { path: self.path(), source })?;
        self.written = Instant::now();
        if !self.resume.every.is_zero() {
            // Of a large encoder it is gigabytes.
            self.pause = self.resume.every.max(start.elapsed() * 20);
        }
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.resume.folder.join("resume.safetensors")
    }
}

const NETWORK: &str = "network.";
const BEST: &str = "best.";
const OPTIMISER: &str = "optimiser.";
const HISTORY: &str = "history";
const LOSSES: &str = "losses";
const SETTINGS: &str = "settings";
const STAGE: &str = "stage";
const KEPT: &str = "kept";
const MAX_EPOCHS: &str = "max_epochs";
const MICRO_BATCHES: &str = "parts";
const BATCHES: &str = "batches";

fn unpack(file: Checkpoint) -> Option<State> {
    let number = |key| file.metadata.get(key)?.parse::<u32>().ok();
    let mut state = State {
        stage: Stage::from_name(file.metadata.get(STAGE)?)?,
        history: history(file.tensors.get(HISTORY)?)?,
        partial: partial(number(BATCHES)? as usize, file.tensors.get(LOSSES)?)?,
        kept: number(KEPT)?,
        max_epochs: number(MAX_EPOCHS)?,
        micro_batches: number(MICRO_BATCHES)? as usize,
        network: NamedTensors::new(),
        best: NamedTensors::new(),
        optimiser: NamedTensors::new(),
    };
    for (name, tensor) in file.tensors {
        if name == HISTORY || name == LOSSES {
            continue;
        }
        if let Some(name) = name.strip_prefix(NETWORK) {
            state.network.insert(name.to_owned(), tensor);
        } else if let Some(name) = name.strip_prefix(BEST) {
            state.best.insert(name.to_owned(), tensor);
        } else if let Some(name) = name.strip_prefix(OPTIMISER) {
            state.optimiser.insert(name.to_owned(), tensor);
        } else {
            return None;
        }
    }
    (state.micro_batches > 0).then_some(state)
}

fn partial(batches: usize, losses: &Tensor) -> Option<Partial> {
    let losses = match *Vec::<f64>::try_from(losses).ok()? {
        [loss, weight, correct, classified] => Sums { loss, weight, correct, classified },
        // Of a program that did not count what was classified.
        [loss, weight] => {
            Sums { loss, weight, correct: 0.0, classified: if batches == 0 { 0.0 } else { f64::NAN } }
        }
        _ => return None,
    };
    Some(Partial { batches, losses })
}

const COLUMNS: usize = 9;
/// Without the accuracy of training, which was added later.
const COLUMNS_BEFORE: usize = 8;

/// Returns the epochs as `[epochs, COLUMNS]` in f64, which keeps every bit; what is missing is NaN, a stage its number.
fn history_tensor(history: &[Epoch]) -> Tensor {
    let values: Vec<f64> = history
        .iter()
        .flat_map(|e| {
            let [loss, accuracy, uar, ccc, train_accuracy] =
                [e.dev_loss, e.dev_accuracy, e.dev_uar, e.dev_ccc, e.train_accuracy]
                    .map(|v| v.unwrap_or(f64::NAN));
            let stage = f64::from(u8::from(e.stage == Stage::Refit));
            [
                stage,
                f64::from(e.number),
                e.learning_rate,
                e.train_loss,
                loss,
                accuracy,
                uar,
                ccc,
                train_accuracy,
            ]
        })
        .collect();
    Tensor::from_slice(&values).view([-1, COLUMNS as i64])
}

fn history(tensor: &Tensor) -> Option<Vec<Epoch>> {
    let columns = usize::try_from(*tensor.size().get(1)?).ok()?;
    if tensor.kind() != Kind::Double || ![COLUMNS, COLUMNS_BEFORE].contains(&columns) {
        return None;
    }
    let values = Vec::<f64>::try_from(tensor.flatten(0, -1)).ok()?;
    let present = |value: f64| (!value.is_nan()).then_some(value);
    let epoch = |row: &[f64]| Epoch {
        stage: if row[0] == 0.0 { Stage::Search } else { Stage::Refit },
        number: row[1] as u32,
        learning_rate: row[2],
        train_loss: row[3],
        train_accuracy: row.get(8).copied().and_then(present),
        dev_loss: present(row[4]),
        dev_accuracy: present(row[5]),
        dev_uar: present(row[6]),
        dev_ccc: present(row[7]),
        kept: false,
    };
    Some(values.chunks_exact(columns).map(epoch).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(batches: usize) -> State {
        let epoch = Epoch {
            stage: Stage::Search,
            number: 1,
            learning_rate: 0.1,
            train_loss: 0.5,
            train_accuracy: Some(0.75),
            dev_loss: None,
            dev_accuracy: Some(0.25),
            dev_uar: None,
            dev_ccc: None,
            kept: false,
        };
        State {
            stage: Stage::Search,
            history: vec![epoch],
            partial: Partial {
                batches,
                losses: Sums { loss: 3.0, weight: 4.0, correct: 2.0, classified: 4.0 },
            },
            max_epochs: 2,
            kept: 1,
            micro_batches: 1,
            network: NamedTensors::new(),
            best: NamedTensors::new(),
            optimiser: NamedTensors::new(),
        }
    }

    #[test]
    fn what_was_classified_comes_back() {
        let read = State::from_bytes(&state(2).into_bytes("{}").unwrap(), "{}").unwrap();
        assert_eq!((read.history, read.partial), (state(2).history, state(2).partial));
    }

    /// An epoch of which only the rest is counted has no accuracy.
    #[test]
    fn states_of_earlier_programs_are_gone_on_from() {
        for (batches, accuracy) in [(0, Some(0.5)), (2, None)] {
            let mut old = Checkpoint::from_bytes(&state(batches).into_bytes("{}").unwrap()).unwrap();
            let narrowed = |tensor: &Tensor, dim, columns| tensor.narrow(dim, 0, columns).contiguous();
            let (history, losses) = (&old.tensors[HISTORY], &old.tensors[LOSSES]);
            let (history, losses) = (narrowed(history, 1, 8), narrowed(losses, 0, 2));
            old.tensors.extend([(HISTORY.to_owned(), history), (LOSSES.to_owned(), losses)]);
            let read = State::from_bytes(&old.to_bytes().unwrap(), "{}").unwrap();
            assert_eq!(read.history, [Epoch { train_accuracy: None, ..state(batches).history[0] }]);
            let mut sums = read.partial.losses;
            assert_eq!((sums.loss, sums.weight), (3.0, 4.0));
            sums.correct += 1.0;
            sums.classified += 2.0;
            assert_eq!(sums.accuracy(), accuracy, "after {batches} batches");
        }
    }
}
