//! `affekt-fuzz [TARGET…]`: bad input for some time. `cargo xtask fuzz` is a door to it.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use affekt_cli::out::{out, say};
use affekt_fuzz::{Attended, Plan, TARGETS, Target, attend, supervise, watch};
use clap::Parser;

#[global_allocator]
static ALLOCATOR: watch::Counting = watch::Counting;

/// Gives mutated files and answers to what reads them.
#[derive(Parser)]
#[command(name = "cargo xtask fuzz")]
struct Arguments {
    /// What is given bad input; all of them where none is named
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Minutes a target
    #[arg(long, value_name = "M", default_value_t = 10.0)]
    minutes: f64,
    /// The seed of the inputs [default: the time]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// The number of the first input
    #[arg(long, value_name = "N", default_value_t = 0)]
    from: u64,
    /// The most inputs a target
    #[arg(long, value_name = "N", default_value_t = u64::MAX)]
    inputs: u64,
    /// Give this file alone, here and now: what was kept of an earlier run
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "inputs"])]
    file: Option<PathBuf>,
    /// Where inputs are kept that are findings
    #[arg(long, value_name = "DIR", default_value = "target/fuzz")]
    kept: PathBuf,

    #[arg(long, hide = true)]
    attend: Option<String>,
    #[arg(long, hide = true, default_value_t = 0)]
    milliseconds: u64,
    #[arg(long, hide = true, default_value = ".")]
    told: PathBuf,
    #[arg(long, hide = true, default_value = ".")]
    said: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            say!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn std::error::Error>> {
    if let Some(name) = &arguments.attend {
        let attended = Attended {
            seed: arguments.seed.unwrap_or_default(),
            from: arguments.from,
            inputs: arguments.inputs,
            time: Duration::from_millis(arguments.milliseconds),
            file: arguments.file.clone(),
            told: arguments.told.clone(),
            said: arguments.said.clone(),
        };
        attend(find(name)?, &std::env::current_dir()?, &attended)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(file) = &arguments.file {
        let [name] = &arguments.targets[..] else { return Err("`--file` needs one target".into()) };
        let folder = tempfile::tempdir()?;
        let status = Command::new(std::env::current_exe()?)
            .args(["--attend", find(name)?.name])
            .args([PathBuf::from("--file"), file.canonicalize()?])
            .args([PathBuf::from("--told"), folder.path().join("told")])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .status()?;
        return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let plan = Plan {
        seed: arguments.seed.unwrap_or(now),
        from: arguments.from,
        inputs: arguments.inputs,
        time: Duration::from_secs_f64(arguments.minutes.clamp(0.0, 1e6) * 60.0),
        kept: arguments.kept.clone(),
    };
    let targets: Vec<&Target> = match &arguments.targets[..] {
        [] => TARGETS.iter().collect(),
        names => names.iter().map(|name| find(name)).collect::<Result<_, _>>()?,
    };
    let mut found = 0;
    say!("seed {}", plan.seed);
    for target in targets {
        let summary = supervise(target, &plan)?;
        let (ms, slowest) = summary.slowest;
        let (bytes, largest) = summary.largest;
        out!(
            "{:<12} {:>9} inputs {:>7.0} s  {} findings  slowest {ms} ms (number {slowest})  most memory {:.1} MiB (number {largest})",
            target.name,
            summary.inputs,
            summary.seconds,
            summary.findings.len(),
            bytes as f64 / 1_048_576.0,
        );
        for finding in &summary.findings {
            out!("  number {}: {}\n    {}", finding.number, finding.path.display(), finding.what);
        }
        found += summary.findings.len();
    }
    Ok(if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn find(name: &str) -> Result<&'static Target, String> {
    let names = || TARGETS.iter().map(|target| target.name).collect::<Vec<_>>().join(", ");
    TARGETS
        .iter()
        .find(|target| target.name == name)
        .ok_or_else(|| format!("no target `{name}`; there are {}", names()))
}
