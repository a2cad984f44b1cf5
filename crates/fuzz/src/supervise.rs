//! Runs inputs in child processes, and goes on after each finding.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::target::Target;

/// What to run.
pub struct Plan {
    /// The seed of the inputs.
    pub seed: u64,
    /// The number of the first.
    pub from: u64,
    /// The most inputs a target.
    pub inputs: u64,
    /// The longest time a target.
    pub time: Duration,
    /// Where inputs are kept that are findings, in a folder for each target.
    pub kept: PathBuf,
}

/// What came of a target.
#[derive(Debug, Default)]
pub struct Summary {
    /// How many inputs it was given.
    pub inputs: u64,
    /// The time.
    pub seconds: f64,
    /// What the slowest input took, in ms, and its number.
    pub slowest: (u64, u64),
    /// What the input took that needed most memory, in bytes, and its number.
    pub largest: (u64, u64),
    /// What went wrong.
    pub findings: Vec<Finding>,
}

/// An input that must not do what it does.
#[derive(Debug)]
pub struct Finding {
    /// Its number.
    pub number: u64,
    /// Where it is kept.
    pub path: PathBuf,
    /// How the child ended, and its last words.
    pub what: String,
}

/// After so many findings a target is left alone.
const MOST_FINDINGS: usize = 12;

/// Runs inputs of a target, each child until something goes wrong.
///
/// # Errors
/// When no child can be started, or nothing can be written.
pub fn supervise(target: &Target, plan: &Plan) -> io::Result<Summary> {
    let began = Instant::now();
    let mut summary = Summary::default();
    let mut next = plan.from;
    loop {
        let left = plan.time.saturating_sub(began.elapsed());
        let inputs = plan.from.saturating_add(plan.inputs).saturating_sub(next);
        if left.is_zero() || inputs == 0 || summary.findings.len() >= MOST_FINDINGS {
            break;
        }
        let folder = tempfile::tempdir()?;
        let (told, said) = (folder.path().join("told"), folder.path().join("said"));
        // Deep enough that names which lead out of it stay in the temporary folder.
        let within = folder.path().join("a/b/c/d/e");
        fs::create_dir_all(&within)?;
        let status = Command::new(std::env::current_exe()?)
            .args(["--attend", target.name, "--seed", &plan.seed.to_string(), "--from", &next.to_string()])
            .args(["--inputs", &inputs.to_string(), "--milliseconds", &left.as_millis().max(1).to_string()])
            .args([Path::new("--told"), &told, Path::new("--said"), &said])
            .current_dir(&within)
            .env_remove("RUST_BACKTRACE")
            // A file of some kilobytes should not need more, and would need minutes for the default.
            .env("AFFEKT_DECODED_MIB", "8")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::options().create(true).append(true).open(&said)?)
            .status()?;
        if let Some(escaped) = escaped(folder.path())? {
            keep(
                target,
                plan,
                &mut summary,
                next,
                &format!("{escaped} was written outside its folder"),
                &told,
            )?;
            break;
        }
        let measured = fs::read(told.with_extension("json")).ok().filter(|_| status.success());
        if let Some(measured) = measured.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()) {
            let number = |name: &str| measured[name].as_u64().unwrap_or_default();
            summary.slowest = summary.slowest.max((number("ms"), number("slowest")));
            summary.largest = summary.largest.max((number("bytes"), number("largest")));
            next = number("next");
            continue;
        }
        let text = fs::read(&said).unwrap_or_default();
        let what = format!("{status}: {}", last_words(&String::from_utf8_lossy(&text)));
        let number = keep(target, plan, &mut summary, next, &what, &told)?;
        next = number + 1;
    }
    summary.inputs = next - plan.from;
    summary.seconds = began.elapsed().as_secs_f64();
    Ok(summary)
}

/// Keeps the input that was in progress, and returns its number.
fn keep(
    target: &Target,
    plan: &Plan,
    summary: &mut Summary,
    from: u64,
    what: &str,
    told: &Path,
) -> io::Result<u64> {
    let number = fs::read(told).ok().and_then(|bytes| bytes.try_into().ok()).map_or(from, u64::from_le_bytes);
    let path = plan.kept.join(target.name).join(format!("{}-{number}", plan.seed));
    fs::create_dir_all(plan.kept.join(target.name))?;
    fs::copy(told.with_extension("input"), &path)?;
    summary.findings.push(Finding { number, path, what: what.to_owned() });
    Ok(number)
}

/// Returns a file or folder beside those that lead to the child's.
fn escaped(folder: &Path) -> io::Result<Option<String>> {
    let mut at = folder.to_owned();
    for expected in ["a", "b", "c", "d", "e"] {
        for entry in fs::read_dir(&at)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let is_ours =
                at == folder && ["told", "told.json", "told.input", "said"].contains(&name.as_str());
            if name != expected && !is_ours {
                return Ok(Some(name));
            }
        }
        at.push(expected);
    }
    Ok(None)
}

/// The beginning of what a child said at its end: its message, and the frames of our own code.
fn last_words(said: &str) -> String {
    let start =
        said.rfind("panicked at").or_else(|| said.rfind("affekt-fuzz: ")).or_else(|| said.rfind("overflow"));
    let text = &said[start.unwrap_or_else(|| said.floor_char_boundary(said.len().saturating_sub(600)))..];
    let is_telling = |line: &&str| !line.trim_start().starts_with("at ") || line.contains("/crates/");
    let lines: Vec<&str> = text.lines().filter(is_telling).take(40).collect();
    lines.join("\n    ").chars().filter(|c| !c.is_control() || *c == '\n').collect()
}
