//! `run`: everything that is not stored yet, then the report.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use affekt_graph::{NodeId, Observer, Outcome, Place, RunOptions, State, Walk, WorkerTimeouts};

use crate::context::{ExperimentArguments, ExperimentContext, is_there, unknown_node};
use crate::encoder_audit::refuse_leaks;
use crate::executor::Jobs;
use crate::executor::profile::Profile;
use crate::exit::{Exit, Stop};
use crate::export::final_models;
use crate::out::{out, say};
use crate::problems;
use crate::progress::{FailureCollector, ProgressReporter, Summary};
use crate::remarks;
use crate::run_folder::RunFolder;
use crate::{interrupt, tier, worker};

/// One batch of the slowest network on the slowest machine takes far less, and so does reading libtorch from a slow disk. A step of a
/// large encoder takes seconds, and writing its state as many again.
pub const TIMEOUTS: WorkerTimeouts = WorkerTimeouts {
    hello: Duration::from_secs(120),
    progress: Duration::from_secs(900),
    stop: Duration::from_secs(120),
};

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    experiment: ExperimentArguments,
    /// How many cores to occupy [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    jobs: Option<u32>,
    /// Only this node and what it needs; no report
    #[arg(long, value_name = "NODE")]
    only: Option<String>,
    /// After a failure, still start what does not depend on it
    #[arg(long)]
    keep_going: bool,
    /// What runs the nodes: `local`, this machine; `slurm`; or a profile in `executors/` beside the experiment
    #[arg(long, value_name = "NAME", default_value = LOCAL)]
    executor: String,
}

/// The executor that is this machine.
const LOCAL: &str = "local";

/// Runs an experiment.
pub fn run(arguments: &Arguments) -> Result<Exit, Stop> {
    let profile = match arguments.executor.as_str() {
        LOCAL => None,
        name => Some(Profile::find(name, &arguments.experiment.file)?),
    };
    let files_elsewhere = profile.is_some();
    let context =
        ExperimentContext::open(&ExperimentArguments { files_elsewhere, ..arguments.experiment.clone() })?;
    refuse_leaks(&context)?;
    let interrupted = interrupt::listen()?;
    let stop = match attempt(&context, arguments, profile.as_ref(), &interrupted) {
        Err(stop) => stop,
        ended => return ended,
    };
    // What the nodes read they verify and mend; this was read for the report alone.
    let Some(digest) = stop.damaged() else { return Err(stop) };
    say!("warning: a stored result that the report reads is damaged; computing it again");
    context.store.quarantine(digest)?;
    attempt(&context, arguments, profile.as_ref(), &interrupted)
}

fn attempt(
    context: &ExperimentContext,
    arguments: &Arguments,
    profile: Option<&Profile>,
    interrupted: &AtomicBool,
) -> Result<Exit, Stop> {
    if arguments.only.is_none() {
        context.nothing_evaluated().iter().for_each(|what| say!("warning: {what}"));
    }
    let mut walk = context.walk(arguments.only.as_deref())?;
    if profile.is_none() {
        require_worker(context, &mut walk)?;
    }
    let folder = RunFolder::create(context)?;
    let mut reporter = ProgressReporter::new(context, &folder)?;
    let outcome = match profile {
        None => walk_to_the_end(
            context,
            &mut walk,
            Limits { cores: arguments.jobs, keep_going: arguments.keep_going },
            interrupted,
            &mut reporter,
            &folder,
        )?,
        Some(profile) => {
            let logs = folder.path().join("logs");
            let mut jobs = Jobs::open(profile.clone(), context, &arguments.experiment, &logs)?;
            let keep_going = arguments.keep_going;
            let outcome =
                affekt_graph::run_elsewhere(&mut walk, &mut jobs, keep_going, interrupted, &mut reporter)?;
            match outcome {
                Outcome::Done => {
                    let calls = jobs.finish();
                    say!("the batch system was called {calls} times");
                }
                Outcome::Failed | Outcome::Interrupted => jobs.leave(),
            }
            outcome
        }
    };
    let summary = reporter.finish(outcome)?;
    if !summary.set_aside.is_empty() {
        let names: Vec<&str> = summary.set_aside.iter().map(String::as_str).collect();
        say!("warning: set aside because they failed: {}", names.join(", "));
    }
    match outcome {
        Outcome::Interrupted => {
            say!("{}", summary.interrupted());
            return Ok(Exit::Interrupted);
        }
        Outcome::Failed => {
            say!("{}", summary.failures.trim_end());
            remarks::of_files(context).iter().for_each(|line| say!("note: {line}"));
            say!("the journal is {}", folder.path().join("journal.jsonl").display());
            if arguments.keep_going && arguments.only.is_none() {
                report_the_rest((context, &walk), arguments, interrupted, &folder, &summary)?;
            }
            return Ok(Exit::Failed);
        }
        Outcome::Done => {}
    }
    say!("{} nodes run, {} cached, {:.1} s", summary.ran, summary.cached, summary.seconds);
    context.tier.iter().filter_map(|tier| tier::summary(tier)).for_each(|line| say!("{line}"));
    problems::count(&context.ops.problems()).iter().for_each(|line| say!("{line}"));
    if let Some(only) = &arguments.only {
        // Which folds and shards there are may have become known only now.
        return if is_there(only, &walk) { Ok(Exit::Done) } else { Err(unknown_node(only, &walk)) };
    }
    // Final models have no score.
    let models = final_models(context, folder.path())?;
    let is_reported = models.is_empty() || context.experiment.variants.iter().any(|it| it.evaluate.is_some());
    if is_reported {
        folder.write(context, &walk, &summary)?;
    }
    folder.finish(&walk)?;
    let report = is_reported.then(|| folder.path().join("report.html"));
    report.iter().chain(&models).for_each(|path| out!("{}", path.display()));
    Ok(Exit::Done)
}

/// Refuses to start what needs a worker where there is none, or nothing for it to compute on.
fn require_worker(context: &ExperimentContext, walk: &mut Walk<'_>) -> Result<(), Stop> {
    walk.advance()?;
    let is_left = |state: &State| !matches!(state, State::Done { .. } | State::Skipped);
    let mut nodes = walk.graph().nodes().values().zip(walk.states().values());
    if nodes.any(|(node, state)| node.place == Place::Worker && is_left(state)) {
        worker::check()?;
        context.device.check()?;
    }
    Ok(())
}

/// Reports the variants that came to their figures, where others failed. `latest` stays what it was: this run is not done.
fn report_the_rest(
    (context, walk): (&ExperimentContext, &Walk<'_>),
    arguments: &Arguments,
    interrupted: &AtomicBool,
    folder: &RunFolder,
    summary: &Summary,
) -> Result<(), Stop> {
    let is_done = |node: &NodeId| {
        let state = walk.graph().find(node).map(|at| &walk.states()[at]);
        matches!(state, Some(State::Done { .. }))
    };
    let (done, failed): (Vec<_>, Vec<_>) = context
        .experiment
        .variants
        .iter()
        .filter_map(|variant| Some((variant, variant.evaluate.as_ref()?)))
        .partition(|(_, evaluate)| is_done(evaluate));
    if done.is_empty() || failed.is_empty() {
        return Ok(());
    }
    let failed = failed.into_iter().map(|(variant, _)| variant.id.clone()).collect();
    let rest = ExperimentContext::open_without(&arguments.experiment, failed)?;
    let mut walk = rest.walk(None)?;
    // All but the comparison of what is left is there.
    let limits = Limits { cores: arguments.jobs, keep_going: false };
    let mut failures = FailureCollector::default();
    let outcome = walk_to_the_end(&rest, &mut walk, limits, interrupted, &mut failures, folder)?;
    if !matches!(outcome, Outcome::Done) {
        return Err(Stop::failed(failures.text()));
    }
    folder.write(&rest, &walk, summary)?;
    say!(
        "the report is of the variants that did not fail, and says so; the same command tries the others again"
    );
    out!("{}", folder.path().join("report.html").display());
    Ok(())
}

/// Runs what a command other than `run` needs to know: nodes of one name, in this process, without a journal.
pub fn run_only<'l>(context: &'l ExperimentContext, name: &str) -> Result<Walk<'l>, Stop> {
    let mut walk = context.walk(Some(name))?;
    let options = RunOptions {
        cores: cores(),
        memory_mib: memory_mib(),
        gpus: &[],
        keep_going: false,
        timeouts: TIMEOUTS,
        worker: &|| Err("this needs no worker".to_owned()),
        logs: context.store.root().join("tmp"),
        provenance: provenance(),
    };
    let mut failures = FailureCollector::default();
    let outcome =
        affekt_graph::run(&mut walk, &context.ops, &options, &AtomicBool::new(false), &mut failures)?;
    match outcome {
        Outcome::Done => Ok(walk),
        _ => Err(Stop::failed(failures.text())),
    }
}

#[derive(Clone, Copy)]
struct Limits {
    cores: Option<u32>,
    keep_going: bool,
}

fn walk_to_the_end<'l>(
    context: &'l ExperimentContext,
    walk: &mut Walk<'l>,
    limits: Limits,
    interrupted: &AtomicBool,
    observer: &mut dyn Observer,
    folder: &RunFolder,
) -> Result<Outcome, Stop> {
    let worker = worker::when_needed();
    let options = RunOptions {
        cores: limits.cores.unwrap_or_else(cores),
        memory_mib: memory_mib(),
        gpus: context.device.gpus(),
        keep_going: limits.keep_going,
        timeouts: TIMEOUTS,
        worker: &worker,
        logs: folder.path().join("logs"),
        provenance: provenance(),
    };
    Ok(affekt_graph::run(walk, &context.ops, &options, interrupted, observer)?)
}

pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| n.get() as u32)
}

/// What nodes that run in this process depend on.
pub fn provenance() -> BTreeMap<String, String> {
    let mut provenance = affekt_graph::machine();
    provenance.insert("affekt".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    provenance.extend(option_env!("AFFEKT_COMMIT").map(|commit| ("commit".to_owned(), commit.to_owned())));
    provenance
}

/// Returns the machine's memory in MiB; 0 where it is unknown, which sets no limit.
pub fn memory_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
