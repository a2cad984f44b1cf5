//! The proof that killing does no harm: runs are killed at random moments and gone on with, until they end.
//!
//! # Approach
//! A *sequence* begins with an empty store. Its run is killed after a random while and started again, until one comes to its end;
//! then its results are compared with those of an undisturbed run, and the next sequence begins. A kill is of the runner, of
//! its workers, of both at once, or of the workers and a moment later the runner. After each it is looked whether a process or
//! a lease is left behind, and after each sequence whether all that the store holds is whole.

use std::fs;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use affekt_domain::SplitMix64;
use affekt_graph::Store;

use super::findings::{Findings, Victims};
use super::kill::{Process, held_leases};
use super::results::Results;
use super::trial_run::{TrialRun, how, latest, store};
use crate::child::ended_by;
use crate::exit::{Stop, error};
use crate::out::say;

/// The pause before a kill is less than this part of the time that an undisturbed run takes.
const LONGEST_PAUSE: f64 = 0.25;

/// After so many kills a run is let go on to its end: where a step takes longer than the pauses there would be none.
const MOST_KILLS_OF_A_SEQUENCE: u32 = 30;

/// How long processes may take to end after their runner or they themselves were killed.
const ENDED_WITHIN: Duration = Duration::from_secs(10);

/// A run with a worker killed, or none, may take so many times as long as an undisturbed one.
const PATIENCE: u32 = 5;

/// What is proven, and how thoroughly.
pub struct Resume {
    pub run: TrialRun,
    pub kills: u32,
    pub seed: u64,
}

impl Resume {
    /// Carries out the proof in a folder.
    ///
    /// # Errors
    /// When a run cannot be started, or fails without being disturbed.
    pub fn prove(&self, folder: &Path) -> Result<Findings, Stop> {
        let began = Instant::now();
        let whole = self.run.undisturbed(&folder.join("undisturbed"))?;
        let undisturbed = began.elapsed();
        let mut findings = Findings {
            experiment: self.run.file().display().to_string(),
            seed: self.seed,
            outputs: whole.outputs.len(),
            undisturbed,
            ..Findings::default()
        };
        let mut random = SplitMix64(self.seed);
        while findings.killed() < self.kills {
            let place = folder.join(format!("sequence-{}", findings.sequences + 1));
            self.sequence(&place, undisturbed, &mut random, &mut findings)?;
            findings.sequences += 1;
            let results = Results::read(&latest(&place)?)?;
            let different = results.differences(&whole);
            if !different.is_empty() {
                findings.different.push(format!(
                    "sequence {}: from the same inputs other outputs of {}; {}",
                    findings.sequences,
                    results.origins(&whole).join(", "),
                    different[..different.len().min(40)].join(", ")
                ));
            }
            let fsck = Store::open(&store(&place))?.fsck()?;
            findings.damaged += fsck.damaged.len() + fsck.bad_records.len();
            // What differs is kept, for whoever looks for the cause.
            if different.is_empty() {
                fs::remove_dir_all(&place)
                    .map_err(|cause| error("failed to remove a temporary folder", &cause))?;
            }
        }
        findings.took = began.elapsed();
        Ok(findings)
    }

    /// Kills a run and goes on with it until it comes to its end.
    fn sequence(
        &self,
        place: &Path,
        undisturbed: Duration,
        random: &mut SplitMix64,
        findings: &mut Findings,
    ) -> Result<(), Stop> {
        let mut kills = 0;
        loop {
            let is_left_alone = findings.killed() >= self.kills || kills >= MOST_KILLS_OF_A_SEQUENCE;
            let mut run = self.run.start(place)?;
            findings.runs += 1;
            let pause = if is_left_alone {
                None
            } else {
                Some(undisturbed.mul_f64(fraction(random) * LONGEST_PAUSE))
            };
            let victims = Victims::ALL[random.below(Victims::ALL.len())];
            let ended = pause.is_none_or(|pause| ended_within(&mut run, pause));
            let workers = Process::children(run.id());
            let is_hit = !ended && kill(&run, &workers, victims, random);
            if is_hit {
                kills += 1;
                *findings.kills.entry(victims).or_default() += 1;
                let (killed, name) = (findings.killed(), victims.name());
                say!("kill {killed} of {}, sequence {}: {name}", self.kills, findings.sequences + 1);
            }
            let Some(status) = ended_by(&mut run, Instant::now() + undisturbed * PATIENCE + ENDED_WITHIN)
            else {
                return Err(Stop::failed(format!(
                    "error: a run did not end in {PATIENCE} times the time of an undisturbed one; it was killed"
                )));
            };
            look_around(place, &workers, findings);
            match status.code() {
                Some(0) => return Ok(()),
                // A killed worker fails its node.
                Some(1) if is_hit => {}
                None if is_hit => {}
                _ => {
                    let how = how(place, status);
                    return Err(Stop::failed(format!("error: a run that nobody disturbed failed: {how}")));
                }
            }
        }
    }
}

/// Waits, and returns whether the run ended meanwhile.
fn ended_within(run: &mut Child, pause: Duration) -> bool {
    let began = Instant::now();
    while began.elapsed() < pause {
        if !matches!(run.try_wait(), Ok(None)) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    false
}

/// Kills; returns whether there was anybody.
fn kill(run: &Child, workers: &[Process], victims: Victims, random: &mut SplitMix64) -> bool {
    let Some(runner) = Process::find(run.id()) else { return false };
    // Before there is a worker, the runner is all there is.
    let victims = if workers.is_empty() { Victims::Runner } else { victims };
    if victims != Victims::Runner {
        workers.iter().for_each(|worker| worker.kill());
    }
    if victims == Victims::WorkersThenRunner {
        std::thread::sleep(Duration::from_micros(random.below(20_000) as u64));
    }
    if victims != Victims::Workers {
        runner.kill();
    }
    true
}

/// Counts what a run that ended left behind.
fn look_around(place: &Path, workers: &[Process], findings: &mut Findings) {
    let began = Instant::now();
    let alive = || workers.iter().filter(|worker| worker.is_alive()).count();
    let held = || held_leases(&store(place));
    while alive() + held() > 0 && began.elapsed() < ENDED_WITHIN {
        std::thread::sleep(Duration::from_millis(5));
    }
    findings.orphans += alive();
    findings.stuck_leases += held();
}

/// A number in `0..1`.
fn fraction(random: &mut SplitMix64) -> f64 {
    (random.bits() >> 11) as f64 / (1_u64 << 53) as f64
}
