//! Runs by jobs of a real Slurm, which `tests/slurm/run.sh` starts: `cargo xtask test --slurm`. Its nodes alone see the recordings.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use affekt_corpus::SyntheticConfig;

use crate::lab::{Lab, Run, Running, TINY, signal, skipped};

/// The longest that a whole test may take: Slurm looks at time limits twice a minute.
const TOO_LONG: Duration = Duration::from_secs(400);

const BY_SLURM: [&str; 4] = ["--executor", "slurm", "--keep-going", "--jobs=1"];

/// A Slurm, and a lab whose recordings lie on a disk that its nodes see under another name.
struct Cluster {
    lab: Lab,
    home: PathBuf,
}

impl Cluster {
    /// `None`, which is said, where there is no Slurm to test with.
    fn new(experiment: &str, profile: &str) -> Option<Self> {
        let Some(home) = env::var_os("AFFEKT_SLURM_HOME").map(PathBuf::from) else {
            skipped("there is no Slurm: `cargo xtask test --slurm` starts one");
            return None;
        };
        let lab = Lab::empty();
        lab.write("tiny.yaml", experiment);
        lab.write("executors/slurm.yaml", &format!("poll_seconds: 1\ncalls_per_minute: 600\n{profile}"));
        let config = SyntheticConfig { actors: 5, statements: 1, repetitions: 1, seed: 1, rate_hz: 8_000 };
        affekt_corpus::generate(&home.join("disk"), &config).unwrap();
        assert_eq!(fs::read_dir(home.join("nodes")).unwrap().count(), 0, "the nodes' disk is seen here");
        Some(Self { lab, home })
    }

    fn local(&self) -> Run {
        let data = self.home.join("disk");
        self.lab.run("tiny", &["--cache", "local.store", "--data", data.to_str().unwrap()]).expect(0)
    }

    fn start(&self) -> Running<'_> {
        let data = self.home.join("nodes");
        let more = [&BY_SLURM[..], &["--data", data.to_str().unwrap()]].concat();
        self.lab.start("tiny", &more)
    }

    /// The job, and its task in its array, that trains on a node.
    fn training_on(&self, node: &str) -> Option<Job> {
        let said = slurm("squeue", &["--noheader", "--states=running", "--array", "--format=%A %i %j %N"]);
        said.lines().find_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [number, id, name, on] = words[..] else { return None };
            let task = id.split_once('_')?.1;
            let batch = name.rsplit_once('-')?.1;
            let status = self.status(batch, task)?;
            let begun = status["started"].as_array()?;
            let trains = begun.iter().any(|id| id.as_str().is_some_and(|id| id.starts_with("train[")));
            (on == node && trains && status["end"].is_null())
                .then(|| Job { number: number.to_owned(), id: id.to_owned() })
        })
    }

    fn status(&self, batch: &str, task: &str) -> Option<serde_json::Value> {
        let below = fs::read_dir(self.lab.path(".affekt/jobs")).ok()?.flatten();
        let files = below.map(|entry| entry.path().join(batch).join(format!("{task}.json")));
        files.filter_map(|path| serde_json::from_slice(&fs::read(path).ok()?).ok()).next()
    }

    #[track_caller]
    fn wait_for_training_on(&self, node: &str) -> Job {
        let began = Instant::now();
        loop {
            if let Some(job) = self.training_on(node) {
                return job;
            }
            assert!(
                began.elapsed() < TOO_LONG,
                "nothing trains on {node}: {}",
                slurm("squeue", &["--states=all", "--array"])
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

struct Job {
    /// What Slurm calls it where it asks about one job.
    number: String,
    /// With its task.
    id: String,
}

/// What a command of Slurm says.
#[track_caller]
fn slurm(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().unwrap();
    assert!(output.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Kills a node: its daemon and everything that it started.
fn kill_node(home: &Path, node: &str) {
    let jobs =
        slurm("squeue", &["--noheader", "--states=running", "--array", "--format=%A", "--nodelist", node]);
    let daemon = fs::read_to_string(home.join(format!("slurmd-{node}.pid"))).unwrap();
    signal(daemon.trim().parse().unwrap(), libc::SIGKILL);
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
        let (environment, command) = (read("environ"), read("cmdline"));
        let command = String::from_utf8_lossy(&command).into_owned();
        let is_of = |job: &str| {
            let variable = format!("SLURM_JOB_ID={job}");
            environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes())
                || command.starts_with(&format!("slurmstepd: [{job}."))
        };
        if jobs.split_whitespace().any(is_of) {
            // Those that ended meanwhile are as good.
            // SAFETY: a plain system call.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
    }
}

#[track_caller]
fn assert_same(run: &Run, local: &Run) {
    for name in ["metrics.json", "predictions.arrow", "trainings.json"] {
        assert_eq!(run.bytes(name), local.bytes(name), "{name}");
    }
    assert_eq!(run.journal.outputs("train"), local.journal.outputs("train"));
}

/// Five folds and three seeds, each a training of some seconds.
fn fifteen(epochs: u32) -> String {
    TINY.replace("folds: 3", "folds: 5")
        .replace("seeds: [1]", "seeds: [1, 2, 3]")
        .replace("max_epochs: 2", &format!("max_epochs: {epochs}"))
        + "  train.training.stopping: { kind: fixed }\n"
}

#[test]
fn whatever_befalls_nodes_jobs_and_runner_the_bytes_are_those_of_a_local_run() {
    let Some(cluster) = Cluster::new(&fifteen(150), "") else { return };
    let local = cluster.local();
    let running = cluster.start();
    cluster.wait_for_training_on("n2");
    kill_node(&cluster.home, "n2");
    signal(running.pid(), libc::SIGKILL);
    running.end();

    let running = cluster.start();
    let preempted = cluster.wait_for_training_on("n3");
    let urgent = [
        "--parsable",
        "--partition=high",
        "--nodelist=n3",
        "--exclusive",
        "--output=/dev/null",
        "--wrap=sleep 2",
    ];
    slurm("sbatch", &urgent);
    // What Slurm sends before a time limit. A job that is about to end takes no signal.
    let stopped = loop {
        let job = cluster.wait_for_training_on("n1");
        let words = ["--batch", "--signal=USR1", &job.id];
        if Command::new("scancel").args(words).status().unwrap().success() {
            break job;
        }
    };
    let run = running.end().expect(0);
    assert_same(&run, &local);
    assert!(run.ended.stderr.contains("were handed out before; waiting for them"), "{}", run.ended.stderr);
    for job in [&preempted, &stopped] {
        let told = slurm("scontrol", &["show", "job", &job.number]);
        assert!(!told.contains("Restarts=0"), "{told}");
    }
    assert!(slurm("sinfo", &["--noheader", "--nodes=n2", "--format=%T"]).contains("down"));
    assert_eq!(fs::read_dir(cluster.lab.path(".affekt/jobs")).unwrap().count(), 0);
}
