//! `doctor`: what this machine has and lacks, and a proof that it computes what it should.
//!
//! The runner looks at the machine. What libtorch computes is checked by a worker on each device (`crates/worker/src/doctor/`): a GPU
//! beside the CPU of its machine, a CPU beside stored goldens. Then it times the training steps of the published systems.

mod machine;
mod proof;
mod stages;
mod table;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use affekt_ops::doctor::{Check, DoctorRequest, StepTime};
use serde::Serialize;

use self::machine::MachineFacts;
use self::proof::Prover;
use crate::context::print_json;
use crate::device::{self, Device};
use crate::exit::{Exit, Stop};
use crate::worker;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// What to prove: auto, cpu, cuda (all GPUs), cuda:N or cuda:N,M
    #[arg(long, default_value = "auto")]
    device: String,
    /// Only what the machine has and the proof, without the times of training steps
    #[arg(long)]
    quick: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The store of results [default: $AFFEKT_CACHE, else .affekt]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Compare a CPU with these numbers, where not with the shipped ones
    #[arg(long, value_name = "FILE")]
    goldens: Option<PathBuf>,
    /// Write what this CPU computes as such numbers, instead of a proof
    #[arg(long, value_name = "FILE", hide = true)]
    write_goldens: Option<PathBuf>,
}

/// How long all of it may take, once the worker is built.
const AT_MOST: Duration = Duration::from_secs(300);

/// After what part of it no further stage's steps are timed.
const STEPS_AT_MOST: Duration = Duration::from_secs(200);

/// All that was found.
#[derive(Serialize)]
struct Findings {
    version: u32,
    machine: MachineFacts,
    checks: Vec<Check>,
    steps: Vec<StepTime>,
}

/// Looks at the machine and proves what it computes. The exit code is 1 where a check failed.
pub fn doctor(arguments: &Arguments) -> Result<Exit, Stop> {
    let device = device::parse(&arguments.device)?;
    let machine = MachineFacts::find(arguments.cache.as_deref())?;
    let mut findings = Findings { version: 1, machine, checks: Vec::new(), steps: Vec::new() };
    findings.prove(&device, arguments);
    let failed = findings.checks.iter().filter(|check| !check.ok).count();
    if arguments.json {
        print_json(&findings)?;
    } else {
        table::print(&findings);
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
}

impl Findings {
    /// Has a worker on each device prove what it computes, and time its steps. What stops it is a check that failed.
    fn prove(&mut self, device: &Device, arguments: &Arguments) {
        let stopped =
            |name: &str, stop: Stop| Check::failed(name, 0.0, stop.text().trim_start_matches("error: "));
        if let Err(stop) = device.check() {
            self.checks.push(stopped("device", stop));
            return;
        }
        let worker = match worker::command() {
            Ok(worker) => worker,
            Err(stop) => {
                self.checks.push(stopped("worker", stop));
                return;
            }
        };
        let stages = if arguments.quick { Ok(Vec::new()) } else { stages::stages() };
        let stages = stages.unwrap_or_else(|stop| {
            self.checks.push(stopped("steps", stop));
            Vec::new()
        });
        let request = DoctorRequest {
            cuda: device.kind() == "cuda",
            goldens: arguments.goldens.clone(),
            write_goldens: arguments.write_goldens.clone(),
            stages,
            seconds: STEPS_AT_MOST.as_secs(),
        };
        let prover = Prover { worker: &worker, request: &request, until: Instant::now() + AT_MOST };
        let proofs = prover.prove(device.gpus());
        let are_many = proofs.len() > 1;
        for (name, proof) in proofs {
            let named = |what: String| if are_many { format!("{name}: {what}") } else { what };
            self.checks.extend(proof.checks.into_iter().map(|check| {
                let name = named(check.name);
                Check { name, ..check }
            }));
            self.steps.extend(proof.steps.into_iter().map(|step| {
                let name = named(step.name);
                StepTime { name, ..step }
            }));
            self.machine.computed_with.insert(name, proof.facts);
        }
    }
}
