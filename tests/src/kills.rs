//! Runs and workers that are killed: nothing is lost, and the next run ends with the same bytes.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::journal::Journal;
use crate::lab::{Ended, Lab, Running, TINY, signal};

/// Whether it is now.
type Moment = fn(&Running<'_>, &Journal) -> bool;

/// An undisturbed run, to compare with.
fn undisturbed() -> Vec<u8> {
    Lab::finished().run("tiny", &[]).expect(0).bytes("predictions.arrow")
}

#[test]
fn a_runner_killed_at_any_moment_loses_nothing_that_was_finished() {
    let moments: [(&str, Moment); 7] = [
        ("at the very beginning", |_, journal| !journal.rows.is_empty()),
        ("while audio is read", |_, journal| journal.started().iter().any(|id| id.starts_with("audio"))),
        ("while folds are cut", |_, journal| journal.started().iter().any(|id| id.starts_with("split"))),
        ("while the worker starts", |run, _| !run.workers().is_empty()),
        ("with the first network trained", |_, journal| {
            journal.nodes("ran").iter().any(|id| id.starts_with("train"))
        }),
        ("while predicting", |_, journal| journal.started().iter().any(|id| id.starts_with("predict"))),
        ("at the last node", |_, journal| journal.started().iter().any(|id| id == "metrics")),
    ];
    let undisturbed = undisturbed();
    for (moment, is_now) in moments {
        let lab = Lab::tiny();
        let mut running = lab.start("tiny", &[]);
        running.wait_until(is_now);
        signal(running.pid(), libc::SIGKILL);
        let killed = running.end();
        assert_eq!(killed.ended.code, None, "{moment}: it was not killed: {:#?}", killed.ended);

        let next = lab.run("tiny", &[]).expect(0);
        let (before, now) = (killed.ran(), next.ran());
        let again: Vec<&String> = now.iter().filter(|id| before.contains(id)).collect();
        assert_eq!(again, [""; 0], "{moment}: finished work was done again");
        assert_eq!(next.bytes("predictions.arrow"), undisturbed, "{moment}");
        lab.xtask(&["cache", "fsck"]).expect(0);
    }
}

#[test]
fn a_store_killed_again_and_again_still_comes_to_the_same_bytes() {
    let lab = Lab::tiny();
    let mut done = BTreeSet::new();
    // Each time it may get a little further: killed as soon as one more node is done.
    for _ in 0..6 {
        let mut running = lab.start("tiny", &[]);
        running.wait_until(|_, journal| !journal.nodes("ran").is_empty());
        signal(running.pid(), libc::SIGKILL);
        done.extend(running.end().ran());
    }
    assert!(done.len() >= 6, "{done:?}");
    let last = lab.run("tiny", &[]).expect(0);
    assert!(last.ran().iter().all(|id| !done.contains(id)), "{done:?} and then {:?}", last.ran());
    assert_eq!(last.bytes("predictions.arrow"), undisturbed());
}

/// [`TINY`] with trainings long enough to be met in the middle.
fn slow() -> Lab {
    let lab = Lab::tiny();
    let text = TINY.replace("name: tiny", "name: slow").replace("max_epochs: 2", "max_epochs: 150");
    lab.write("slow.yaml", &format!("{text}  train.training.stopping: {{ kind: fixed }}\n"));
    lab
}

/// Whether a worker has been given a network to train: the training's log is there.
fn is_training(running: &Running<'_>, _: &Journal) -> bool {
    let logs = running.folder().and_then(|folder| fs::read_dir(folder.join("logs")).ok());
    logs.is_some_and(|mut logs| logs.next().is_some())
}

#[test]
fn a_killed_worker_fails_its_node_and_says_so() {
    let lab = slow();
    let mut running = lab.start("slow", &[]);
    running.wait_until(is_training);
    running.workers().into_iter().for_each(|worker| signal(worker, libc::SIGKILL));
    let failed = running.end().expect(1);
    let stderr = &failed.ended.stderr;
    assert!(stderr.contains("error: node `train[fold="), "{stderr}");
    assert!(stderr.contains("the worker was killed (signal 9"), "{stderr}");
    let logs = lab.anonymous(failed.folder.join("logs").to_str().unwrap()).replace("LAB/", "");
    assert!(stderr.contains(&format!("its log is {logs}/train[fold=")), "{stderr}");
    assert_eq!(failed.journal.outcome(), Some("failed"));
    assert!(!lab.path("runs/slow/latest").exists(), "`latest` is a run that is done");

    let next = lab.run("slow", &[]).expect(0);
    assert!(next.ran().iter().all(|id| !failed.ran().contains(id)));
}

#[test]
fn ctrl_c_ends_with_130_and_the_next_run_goes_on() {
    let lab = slow();
    // As a terminal does it: the signal goes to the runner and to its workers.
    let mut running = lab.start("slow", &[]);
    running.wait_until(is_training);
    signal(-running.pid(), libc::SIGINT);
    let interrupted = running.end().expect(130);
    let stderr = &interrupted.ended.stderr;
    assert!(stderr.contains("stopping: what is trained stops at its next checkpoint"), "{stderr}");
    assert!(stderr.contains("; stopped on the way: train[fold="), "{stderr}");
    assert!(stderr.contains("hint: the same command goes on"), "{stderr}");
    assert!(checkpoints(&lab) > 0, "no training wrote a checkpoint");
    assert!(!stderr.contains("failed"), "an interruption is no failure: {stderr}");
    assert_eq!(interrupted.journal.outcome(), Some("interrupted"));
    assert_eq!(interrupted.journal.nodes("failed"), [""; 0]);

    // As a batch system does it: the runner alone is asked to end.
    let mut running = lab.start("slow", &[]);
    running.wait_until(is_training);
    signal(running.pid(), libc::SIGTERM);
    running.end().expect(130);

    let next = lab.run("slow", &[]).expect(0);
    assert!(next.ran().iter().all(|id| !interrupted.ran().contains(id)));
    let aside = slow();
    assert_eq!(next.bytes("predictions.arrow"), aside.run("slow", &[]).expect(0).bytes("predictions.arrow"));
}

/// How many keys that are not done have a training's state.
fn checkpoints(lab: &Lab) -> usize {
    let work = fs::read_dir(lab.path(".affekt/work")).into_iter().flatten().flatten();
    work.filter(|key| key.path().join("state/resume.safetensors").is_file()).count()
}

#[test]
fn a_worker_does_not_outlive_its_runner() {
    let lab = slow();
    let mut running = lab.start("slow", &[]);
    running.wait_until(is_training);
    let workers = running.workers();
    signal(running.pid(), libc::SIGKILL);
    running.end();
    let is_alive = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.contains("(affekt-worker)") && !stat.contains(") Z ")
    };
    let began = std::time::Instant::now();
    while workers.iter().any(is_alive) {
        assert!(began.elapsed().as_secs() < 10, "workers {workers:?} live on");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn a_worker_that_is_no_worker_is_told_about() {
    let lab = Lab::tiny();
    let start = |worker: &str| {
        let mut command: Command = lab.command(&["run", "tiny.yaml", "--device", "cpu"]);
        command.env("AFFEKT_WORKER", worker);
        lab.run_by("tiny", command).expect(1)
    };
    let missing = start("/nowhere/worker").ended;
    assert!(missing.stderr.contains("failed to start /nowhere/worker"), "{missing:#?}");
    let Ended { stderr, .. } = start("/bin/false").ended;
    assert!(stderr.contains("the worker ended with exit code 1; it said nothing"), "{stderr}");
    lab.run("tiny", &[]).expect(0);
}
