//! `test`: every test; or, as older processors would run them, those that compute with libtorch; or those that need a server.

use std::path::Path;
use std::process::Command;

use affekt_cli::exit::{Exit, Stop};
use affekt_cli::libtorch;
use affekt_cli::out::say;
use clap::Args;

use crate::checkout::{self, cargo};

/// What to test.
#[derive(Args, Default)]
pub struct Arguments {
    /// Run what computes with libtorch as processors do that know less: without AMX, without bf16, without AVX-512
    #[arg(long)]
    processors: bool,
    /// Run what moves results to a bucket and back, against a server that speaks S3 (moto), fetched through pip into `target/`
    #[arg(long, conflicts_with = "processors")]
    s3: bool,
    /// Run experiments by jobs of a Slurm that is started for it: Debian's packages, and root
    #[arg(long, conflicts_with_all = ["processors", "s3"])]
    slurm: bool,
    /// Arguments for `cargo test`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// A processor that this one can stand for: no kernel is chosen that needs more. Each library reads its variable when it
/// starts, and takes it for the most, not for what is there.
struct Processor {
    name: &'static str,
    /// oneDNN: convolutions, recurrent layers, products in half precision.
    onednn: &'static str,
    /// MKL: products in f32.
    mkl: &'static str,
    /// libtorch's own kernels, where they are not to be the best that there are.
    aten: Option<&'static str>,
}

/// From the newest to the oldest.
const PROCESSORS: [Processor; 3] = [
    Processor { name: "AVX-512 with bf16", onednn: "AVX512_CORE_BF16", mkl: "AVX512", aten: None },
    Processor { name: "AVX-512", onednn: "AVX512_CORE", mkl: "AVX512", aten: None },
    Processor { name: "AVX2", onednn: "AVX2", mkl: "AVX2", aten: Some("avx2") },
];

/// The packages that compute with libtorch, in this process or in workers.
const NUMERIC: [&str; 5] = ["affekt-torch", "affekt-models", "affekt-train", "affekt-worker", "affekt-tests"];

/// Runs every test, or those of [`NUMERIC`] once for each of [`PROCESSORS`].
pub fn test(arguments: &Arguments) -> Result<Exit, Stop> {
    libtorch::require(false)?;
    // The end-to-end tests start the runner and the worker as a user would.
    // One by one, as `run` builds them: built together they would share features.
    for package in ["affekt-cli", "xtask", "affekt-worker"] {
        step(&["build", "--quiet", "--package", package], &[])?;
    }
    if arguments.s3 {
        return s3();
    }
    if arguments.slurm {
        return slurm();
    }
    let rest = arguments.rest.iter().map(String::as_str);
    if !arguments.processors {
        let all: Vec<_> = ["test", "--workspace"].into_iter().chain(rest).collect();
        return step(&all, &[]);
    }
    let numeric = NUMERIC.iter().flat_map(|package| ["--package", package]);
    let numeric: Vec<_> = ["test"].into_iter().chain(numeric).chain(rest).collect();
    // What fails as one processor is no reason not to know about the others.
    let mut failed = Vec::new();
    for Processor { name, onednn, mkl, aten } in PROCESSORS {
        say!("as a processor with {name}");
        let mut limits = vec![("ONEDNN_MAX_CPU_ISA", onednn), ("MKL_ENABLE_INSTRUCTIONS", mkl)];
        limits.extend(aten.map(|aten| ("ATEN_CPU_CAPABILITY", aten)));
        if step(&numeric, &limits).is_err() {
            failed.push(name);
        }
    }
    if failed.is_empty() {
        return Ok(Exit::Done);
    }
    Err(Stop::failed(format!("error: tests fail as a processor with {}", failed.join("; with "))))
}

/// Builds the program with buckets and tests it against moto's server. A clone whose `target/` has it needs no network.
fn s3() -> Result<Exit, Stop> {
    let home = checkout::root().join("target/moto");
    let (python, server) = (home.join("bin/python"), home.join("bin/moto_server"));
    let run = |program: &Path, words: &[&str]| {
        let status = Command::new(program).args(words).status();
        let failed = || Stop::failed(format!("error: `{} {}` failed", program.display(), words.join(" ")));
        status.is_ok_and(|status| status.success()).then_some(()).ok_or_else(failed)
    };
    if !server.is_file() {
        run(Path::new("python3"), &["-m", "venv", &home.to_string_lossy()])?;
        run(&python, &["-m", "pip", "install", "--quiet", "moto[server]"])?;
    }
    step(&["build", "--quiet", "--package", "affekt-cli", "--features", "s3"], &[])?;
    let server = server.to_string_lossy();
    step(&["test", "--package", "affekt-tests", "to_a_bucket"], &[("AFFEKT_MOTO", &server)])
}

/// Tests runs by jobs, inside a Slurm.
fn slurm() -> Result<Exit, Stop> {
    step(&["test", "--package", "affekt-tests", "--no-run"], &[])?;
    let script = checkout::root().join("tests/slurm/run.sh");
    let words = ["cargo", "test", "--package", "affekt-tests", "slurm::", "--", "--test-threads=1"];
    say!("{} {}", script.display(), words.join(" "));
    let status = Command::new(&script).args(words).current_dir(checkout::root()).status();
    match status {
        Ok(status) if status.success() => Ok(Exit::Done),
        Ok(_) => Err(Stop::failed("error: tests with Slurm fail")),
        Err(error) => Err(Stop::failed(format!("error: failed to start {}: {error}", script.display()))),
    }
}

/// Runs cargo with these environment variables beside those that are set.
pub fn step(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Exit, Stop> {
    say!("cargo {}", arguments.join(" "));
    let status = cargo().args(arguments).envs(environment.iter().copied()).status();
    match status {
        Ok(status) if status.success() => Ok(Exit::Done),
        Ok(_) => Err(Stop::failed(format!("error: `cargo {}` failed", arguments.join(" ")))),
        Err(error) => Err(Stop::failed(format!("error: failed to start cargo: {error}"))),
    }
}
