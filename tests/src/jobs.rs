//! Runs by jobs of a batch system: a stand-in that starts them as processes of this machine, which outlive the runner.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::{Ended, Lab, Run, TINY, signal};

const PROFILE: &str = "\
kind: command
submit: ./submit {script} {log}
status: ./status {ids}
cancel: kill {ids}
poll_seconds: 1
calls_per_minute: 6000
";

/// Starts a job, keeps what it is to compute, and notes its process.
const SUBMIT: &str = "\
#!/bin/sh
mkdir -p batches
cp \"$(dirname \"$1\")/batch.json\" \"batches/$(ls batches | wc -l).json\"
setsid sh \"$1\" >>\"$2\" 2>&1 </dev/null &
echo $! >>pids
echo Your job is $!
";

const STATUS: &str = "\
#!/bin/sh
for id in \"$@\"; do kill -0 $id 2>/dev/null && echo $id R; done
true
";

fn lab(experiment: &str) -> Lab {
    use std::os::unix::fs::PermissionsExt;
    let lab = Lab::tiny();
    lab.write("tiny.yaml", experiment);
    lab.write("executors/stand-in.yaml", PROFILE);
    for (name, text) in [("submit", SUBMIT), ("status", STATUS)] {
        lab.write(name, text);
        fs::set_permissions(lab.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    lab
}

const BY_JOBS: [&str; 2] = ["--executor", "stand-in"];

/// Long enough to be met while it trains.
fn slow() -> String {
    TINY.replace("max_epochs: 2", "max_epochs: 150") + "  train.training.stopping: { kind: fixed }\n"
}

#[track_caller]
fn assert_same(run: &Run, local: &Run) {
    for name in ["metrics.json", "predictions.arrow", "trainings.json"] {
        assert_eq!(run.bytes(name), local.bytes(name), "{name}");
    }
    assert_eq!(run.journal.outputs("train"), local.journal.outputs("train"));
}

fn local(lab: &Lab) -> Run {
    lab.run("tiny", &["--cache", "local.store"]).expect(0)
}

/// How often each node was handed out.
fn handed_out(lab: &Lab) -> BTreeMap<String, usize> {
    let mut nodes = BTreeMap::new();
    for file in fs::read_dir(lab.path("batches")).unwrap() {
        let batch: Value = serde_json::from_slice(&fs::read(file.unwrap().path()).unwrap()).unwrap();
        for id in batch["tasks"].as_array().unwrap().iter().flat_map(|task| task.as_array().unwrap()) {
            *nodes.entry(id.as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    nodes
}

/// Waits until a job says something of itself.
#[track_caller]
fn wait_for_status(lab: &Lab, is_so: impl Fn(&Value) -> bool) {
    let began = Instant::now();
    loop {
        let files = glob(lab).into_iter().filter_map(|path| fs::read(path).ok());
        if files.filter_map(|bytes| serde_json::from_slice(&bytes).ok()).any(|status| is_so(&status)) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "no job comes so far");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The files in which jobs say how they are.
fn glob(lab: &Lab) -> Vec<PathBuf> {
    let below = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let batches = below(lab.path(".affekt/jobs")).flat_map(below);
    batches.map(|batch| batch.join("0.json")).collect()
}

fn trains(status: &Value) -> bool {
    let is_training = |id: &Value| id.as_str().is_some_and(|id| id.starts_with("train["));
    let begun = status["started"].as_array().unwrap().iter().filter(|id| is_training(id)).count();
    let done = status["done"].as_array().unwrap().iter().filter(|node| is_training(&node["id"])).count();
    begun > done
}

/// The processes of jobs that still run.
fn pids(lab: &Lab) -> Vec<i32> {
    let text = fs::read_to_string(lab.path("pids")).unwrap_or_default();
    let pids = text.lines().map(|line| line.parse().unwrap());
    // SAFETY: a plain system call, which sends nothing.
    pids.filter(|pid| unsafe { libc::kill(*pid, 0) } == 0 && !is_zombie(*pid)).collect()
}

fn is_zombie(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

#[test]
fn jobs_give_the_bytes_of_a_local_run_and_leave_nothing_behind() {
    let lab = lab(TINY);
    let local = local(&lab);
    let run = lab.run("tiny", &BY_JOBS).expect(0);
    assert_same(&run, &local);
    // What several jobs need and one has computed may be there before the runner hears of it.
    let mut all = [run.ran(), run.journal.nodes("cached")].concat();
    all.sort();
    assert_eq!(all, local.ran());
    // A chain is one job: no step that another needs is a job of its own where it is little work.
    let handed_out = handed_out(&lab);
    assert!(handed_out.values().all(|times| *times == 1), "{handed_out:?}");
    assert!(!handed_out.contains_key("standardise[fold=1]"), "{handed_out:?}");
    assert_eq!(fs::read_dir(lab.path(".affekt/jobs")).unwrap().count(), 0);
    let again = lab.run("tiny", &BY_JOBS).expect(0);
    assert_eq!(again.ran(), [""; 0]);
}

#[test]
fn jobs_go_on_without_the_runner_which_finds_them_again() {
    let lab = lab(&slow());
    let local = local(&lab);
    let mut running = lab.start("tiny", &BY_JOBS);
    running.wait_until(|_, _| {
        glob(&lab).iter().any(|path| path.exists())
            && fs::read_dir(lab.path("batches")).is_ok_and(|files| files.count() >= 5)
    });
    wait_for_status(&lab, trains);
    signal(running.pid(), libc::SIGKILL);
    running.end();
    let run = lab.run("tiny", &BY_JOBS).expect(0);
    assert_same(&run, &local);
    assert!(run.ended.stderr.contains("were handed out before; waiting for them"), "{}", run.ended.stderr);
    let handed_out = handed_out(&lab);
    let trainings: Vec<_> = handed_out.iter().filter(|(id, _)| id.starts_with("train[")).collect();
    assert!(trainings.len() == 3 && trainings.iter().all(|(_, times)| **times == 1), "{trainings:?}");
}

#[test]
fn a_job_that_is_killed_or_told_to_stop_goes_on_in_another() {
    for how in [libc::SIGKILL, libc::SIGUSR1] {
        let lab = lab(&slow());
        let local = local(&lab);
        let running = lab.start("tiny", &BY_JOBS);
        wait_for_status(&lab, trains);
        let jobs = pids(&lab);
        jobs.iter().for_each(|pid| signal(*pid, how));
        let run = running.end().expect(0);
        assert_same(&run, &local);
        let handed_out = handed_out(&lab);
        assert!(
            handed_out.iter().any(|(id, times)| id.starts_with("train[") && *times > 1),
            "{handed_out:?}"
        );
    }
}

#[test]
fn what_fails_in_a_job_is_told_as_what_fails_here() {
    use std::os::unix::fs::PermissionsExt;
    let lab = lab(TINY);
    lab.write("worker", "#!/bin/sh\nexit 3\n");
    fs::set_permissions(lab.path("worker"), fs::Permissions::from_mode(0o755)).unwrap();
    let fails = |more: &[&str]| {
        let words = [&["run", "tiny.yaml", "--device", "cpu", "--keep-going"], more].concat();
        let mut command = lab.command(&words);
        command.env("AFFEKT_WORKER", lab.path("worker"));
        let told = Ended::of(command).expect(1).stderr;
        let is_failure = |line: &&str| line.starts_with("error: node `train[");
        let mut lines: Vec<String> = told.lines().filter(is_failure).map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let here = fails(&["--cache", "local.store"]);
    assert_eq!(here.len(), 3);
    assert!(here[0].contains("the worker ended with exit code 3"), "{here:?}");
    assert_eq!(fails(&BY_JOBS), here);
    // It is tried again, from scratch.
    lab.run("tiny", &BY_JOBS).expect(0);
}

#[test]
fn mistakes_in_profiles_are_told_with_their_places() {
    let lab = lab(TINY);
    let refuse = |name: &str| lab.xtask(&["run", "tiny.yaml", "--executor", name]).expect(2).stderr;
    let told = refuse("nowhere");
    assert!(
        told.contains("error: no executor profile `nowhere`") && told.contains("executors/nowhere.yaml"),
        "{told}"
    );
    lab.write("executors/wrong.yaml", "kind: slurm\npartitions: gpu\n");
    let told = refuse("wrong");
    assert!(
        told.contains("executors/wrong.yaml:2:1") && told.contains("did you mean `partition`?"),
        "{told}"
    );
    lab.write("executors/half.yaml", "kind: command\nsubmit: qsub {script}\n");
    assert!(refuse("half").contains("needs `submit` and `status`"));
}
