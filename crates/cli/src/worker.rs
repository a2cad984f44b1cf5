//! The worker: found, or built where there is a checkout.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use affekt_graph::WorkerCommand;

use crate::child::ended_by;
use crate::exit::Stop;
use crate::out::say;
use crate::{libtorch, place};

/// How long a worker with nothing to do may take to end. One whose libraries are missing ends at once.
const LOADED_WITHIN: Duration = Duration::from_secs(60);

/// Its package and program.
const NAME: &str = "affekt-worker";

/// Where the worker comes from.
enum Source {
    /// A program that is there.
    Program(PathBuf),
    /// A checkout, in which cargo keeps it up to date.
    Checkout(PathBuf),
}

/// Checks that there is a worker that can start, or that one can be built.
///
/// # Errors
/// The input is wrong where there is none, or no libtorch for it: with the command that makes one.
pub fn check() -> Result<(), Stop> {
    match find()? {
        Source::Program(program) => check_libtorch(&program),
        Source::Checkout(_) => Ok(()),
    }
}

/// Returns a function that says how to start the worker. The first call builds it in a checkout.
pub fn when_needed() -> impl Fn() -> Result<WorkerCommand, String> + Sync {
    let made = OnceLock::new();
    let make = || command().map_err(|stop| stop.text().trim_start_matches("error: ").to_owned());
    move || made.get_or_init(make).clone()
}

/// Says how to start the worker, which is built first in a checkout.
///
/// # Errors
/// When there is none, or no libtorch for it, or it cannot be built.
pub fn command() -> Result<WorkerCommand, Stop> {
    let mut env = Vec::new();
    let program = match find()? {
        Source::Program(program) => {
            check_libtorch(&program)?;
            env.extend(
                library_path()
                    .and_then(|path| Some(("LD_LIBRARY_PATH".to_owned(), path.into_string().ok()?))),
            );
            program
        }
        Source::Checkout(root) => {
            libtorch::require(false)?;
            if !place::beside_program(NAME).is_some_and(|path| path.is_file()) {
                say!("building the worker: some minutes, this once …");
            }
            build(&root, NAME, NAME, "dev", "")?
        }
    };
    Ok(WorkerCommand { program, env })
}

/// Finds the worker that `AFFEKT_WORKER` names, the one beside this program, or the checkout to build it in.
fn find() -> Result<Source, Stop> {
    if let Some(named) = env::var_os("AFFEKT_WORKER").filter(|path| !path.is_empty()) {
        return Ok(Source::Program(named.into()));
    }
    let beside = place::beside_program(NAME).filter(|path| path.is_file());
    // In cargo's own folder it may be older than its source.
    let is_cargos = place::beside_program("deps").is_some_and(|path| path.is_dir());
    match (beside, place::checkout()) {
        (Some(program), None) => Ok(Source::Program(program)),
        (Some(program), _) if !is_cargos => Ok(Source::Program(program)),
        (_, Some(root)) => Ok(Source::Checkout(root)),
        (None, None) => Err(Stop::wrong(
            "error: no worker: AFFEKT_WORKER is not set, and there is no `affekt-worker` beside this program\n\
             hint: in a checkout of affekt, `cargo xtask dist DIR` makes a folder with both, and \
             `cargo install --path crates/worker` installs it beside an installed `affekt`",
        )),
    }
}

/// Checks that the worker finds libtorch: in its usual places, or wherever it was linked to.
fn check_libtorch(program: &Path) -> Result<(), Stop> {
    if libtorch::has("libtorch_cpu.so") {
        return Ok(());
    }
    let started =
        Command::new(program).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let ended = started.ok().and_then(|mut child| ended_by(&mut child, Instant::now() + LOADED_WITHIN));
    // The loader's exit status where a library is missing.
    if ended.is_some_and(|status| status.code() == Some(127)) {
        return Err(Stop::wrong(format!(
            "error: libtorch is not in {}\nhint: `{} setup` downloads it; LIBTORCH names one of your own",
            libtorch::home().display(),
            place::program()
        )));
    }
    Ok(())
}

/// `LD_LIBRARY_PATH` with libtorch in front, where it is in one of its usual places.
fn library_path() -> Option<OsString> {
    let own = libtorch::home().join("lib");
    let others = env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let others = env::split_paths(&others).filter(|path| !path.as_os_str().is_empty());
    own.is_dir().then(|| env::join_paths(std::iter::once(own).chain(others)).ok()).flatten()
}

/// Builds a program of the checkout at `root` and returns its path.
///
/// # Errors
/// When cargo cannot be started or fails; it says why on standard error.
pub fn build(root: &Path, package: &str, name: &str, profile: &str, features: &str) -> Result<PathBuf, Stop> {
    let arguments = ["build", "--quiet", "--package", package, "--bin", name, "--profile", profile];
    let mut build = cargo(root);
    build
        .args(arguments)
        .args(["--features", features])
        .args(["--message-format", "json-render-diagnostics"]);
    let output = build.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|cause| Stop::failed(format!("error: failed to start cargo: {cause}")))?;
    let built = String::from_utf8_lossy(&output.stdout).lines().find_map(|line| executable(line, name));
    let failed = || Stop::failed(format!("error: failed to build {name}: cargo says why above"));
    built.filter(|_| output.status.success()).ok_or_else(failed)
}

/// The program of this name in a line of cargo's messages.
fn executable(line: &str, name: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    message["executable"].as_str().filter(|_| message["target"]["name"] == name).map(PathBuf::from)
}

/// Returns cargo, started in a checkout.
pub fn cargo(root: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root);
    cargo
}
