//! Speaking to a batch system: a few commands, and no more of them a minute than are polite.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use affekt_graph::Failure;

use super::profile::{Profile, System};
use crate::out::say;

/// How often a command is tried that fails: the system's controller may be busy, or start anew.
const ATTEMPTS: u32 = 5;
/// How long is waited after the first failure, and twice as long after each.
const FIRST_WAIT: Duration = Duration::from_secs(2);

const MINUTE: Duration = Duration::from_secs(60);

/// A batch system.
pub struct BatchSystem {
    profile: Profile,
    /// When it was called in the last minute.
    calls: VecDeque<Instant>,
    /// How often it was called.
    pub n_calls: u64,
}

/// What a batch system says of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobState {
    /// It waits, runs, or is about to.
    Live,
    /// It is over: how, in the system's own word.
    Over(String),
}

/// Words of Slurm for jobs that are not over. Those of other systems, of one or two letters, are not among the words for jobs
/// that are.
const OVER: [&str; 9] = [
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "REVOKED",
    "TIMEOUT",
];

impl BatchSystem {
    /// Makes one that is spoken to as a profile says.
    pub fn new(profile: Profile) -> Self {
        Self { profile, calls: VecDeque::new(), n_calls: 0 }
    }

    /// Begins a batch, and returns the number that it is given.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn submit(
        &mut self,
        script: &Path,
        name: &str,
        log: &Path,
        after: &[String],
    ) -> Result<String, Failure> {
        let script = quoted(&script.to_string_lossy());
        let command = match self.profile.kind {
            System::Slurm if after.is_empty() => format!("sbatch --parsable {script}"),
            System::Slurm => format!(
                "sbatch --parsable --dependency=afterok:{} --kill-on-invalid-dep=yes {script}",
                after.join(":")
            ),
            System::Command => {
                let mut template = self.profile.submit.clone().unwrap_or_default();
                if !after.is_empty() {
                    let after = self.with_ids(self.profile.after.as_deref().unwrap_or_default(), after);
                    // Before the script, where commands take their options.
                    template = template.replace("{script}", &format!("{after} {{script}}"));
                }
                template
                    .replace("{script}", &script)
                    .replace("{name}", &quoted(name))
                    .replace("{log}", &quoted(&log.to_string_lossy()))
            }
        };
        let said = self.call(&command)?;
        // `--parsable` adds the name of the cluster where there are several.
        let id = said.split_whitespace().last().and_then(|word| word.split(';').next()).unwrap_or_default();
        match id.is_empty() {
            true => Err(Failure::Failed { message: format!("`{command}` named no job") }),
            false => Ok(id.to_owned()),
        }
    }

    /// Returns the number of the job of this name, where the system knows one.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn find(&mut self, name: &str) -> Result<Option<String>, Failure> {
        match self.profile.kind {
            System::Slurm => {
                let command =
                    format!("squeue --me --noheader --states=all --format=%A --name={}", quoted(name));
                let said = self.call(&command)?;
                Ok(said
                    .split_whitespace()
                    .min_by_key(|id| id.parse::<u64>().unwrap_or(u64::MAX))
                    .map(str::to_owned))
            }
            System::Command => Ok(None),
        }
    }

    /// Asks what became of jobs. One that the system does not know any more is not among the answers.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn states(&mut self, ids: &[String]) -> Result<BTreeMap<String, JobState>, Failure> {
        let command = match self.profile.kind {
            // One question, however many jobs there are.
            System::Slurm => "squeue --me --noheader --states=all --array --format='%i %T'".to_owned(),
            System::Command => self.with_ids(self.profile.status.as_deref().unwrap_or_default(), ids),
        };
        let said = self.call(&command)?;
        let state = |line: &str| {
            let mut words = line.split_whitespace();
            let (id, word) = (words.next()?, words.next()?);
            let state = if OVER.contains(&word) { JobState::Over(word.to_owned()) } else { JobState::Live };
            Some((id.to_owned(), state))
        };
        Ok(said.lines().filter_map(state).collect())
    }

    /// Returns how jobs can be ended by hand.
    pub fn how_to_cancel(&self, ids: &[String]) -> Option<String> {
        match self.profile.kind {
            System::Slurm => Some(format!("scancel {}", ids.join(" "))),
            System::Command => self.profile.cancel.as_deref().map(|template| self.with_ids(template, ids)),
        }
    }

    fn with_ids(&self, template: &str, ids: &[String]) -> String {
        template.replace("{ids}", &ids.join(&self.profile.separator))
    }

    /// Runs a command, some more times where it fails.
    fn call(&mut self, command: &str) -> Result<String, Failure> {
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            self.await_turn();
            let failed = |why: String| Failure::Failed { message: format!("`{command}` failed: {why}") };
            let output = Command::new("sh").args(["-c", command]).stdin(Stdio::null()).output();
            let output = output.map_err(|error| failed(error.to_string()))?;
            if output.status.success() {
                return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
            }
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            if attempt >= ATTEMPTS || !may_pass(&said) {
                return Err(failed(said));
            }
            say!("warning: `{command}` failed: {said}; trying again");
            thread::sleep(wait);
            wait *= 2;
        }
        unreachable!("the loop ends by returning")
    }

    /// Waits until another call is polite.
    fn await_turn(&mut self) {
        loop {
            while self.calls.front().is_some_and(|call| call.elapsed() >= MINUTE) {
                self.calls.pop_front();
            }
            match self.calls.front() {
                Some(first) if self.calls.len() >= self.profile.calls_per_minute as usize => {
                    thread::sleep(MINUTE.saturating_sub(first.elapsed()));
                }
                _ => break,
            }
        }
        self.calls.push_back(Instant::now());
        self.n_calls += 1;
    }
}

/// Whether what a command says may be otherwise in a moment: a controller that does not answer, a queue that is full.
fn may_pass(said: &str) -> bool {
    let said = said.to_lowercase();
    [
        "timed out",
        "unable to contact",
        "connection refused",
        "temporarily",
        "try again",
        "qosmaxsubmit",
        "connect failure",
    ]
    .iter()
    .any(|word| said.contains(word))
}

/// A word of a shell's command.
pub fn quoted(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| "''".to_owned(), |quoted| quoted.into_owned())
}
