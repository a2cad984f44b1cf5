//! What crashes, stopped processes and wrong clocks leave behind disturbs nobody.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::lab::{Lab, TINY, copy_folder, signal};

/// Sets the times of all files and folders below.
fn set_times(root: &Path, date: &str) {
    let status =
        Command::new("find").arg(root).args(["-exec", "touch", "-h", "-d", date, "{}", "+"]).status();
    assert!(status.unwrap().success());
}

#[test]
fn a_clock_that_jumps_changes_nothing() {
    for date in ["2040-01-01", "1971-01-01"] {
        let lab = Lab::finished();
        set_times(&lab.path(".affekt"), date);
        set_times(&lab.path("runs"), date);
        assert_eq!(lab.run("tiny", &[]).expect(0).ran(), [""; 0], "{date}");
        lab.xtask(&["cache", "gc"]).expect(0);
        assert_eq!(lab.run("tiny", &[]).expect(0).ran(), [""; 0], "{date}: gc keeps what results name");
        lab.xtask(&["plan", "tiny.yaml", "--device", "cpu", "--check"]).expect(0);
        let run = lab.run("tiny", &["--set", "with.lr=0.01"]).expect(0);
        assert_eq!(run.ran().len(), 7, "{date}: {:?}", run.ran());
        lab.xtask(&["cache", "fsck"]).expect(0);
    }
}

#[test]
fn a_torn_journal_is_read_as_far_as_it_goes() {
    let lab = Lab::finished();
    lab.run("tiny", &[]).expect(0);
    let journal = lab.path("runs/tiny/latest/journal.jsonl");
    let whole = fs::read(&journal).unwrap();
    let explain = || {
        let words =
            ["explain", "tiny.yaml", "train[fold=1,seed=1]", "--device", "cpu", "--set", "with.lr=0.01"];
        lab.xtask(&words).expect(0).stdout
    };
    assert!(explain().contains("params.training.lr: 0.001 → 0.01"), "{}", explain());
    // Cut in a line, with what a disk leaves in its last block, and with half a letter.
    let zeros = [&whole[..], &[0; 700]].concat();
    let letter = [&whole[..whole.len() - 40], b"\xe2\x86\n"].concat();
    for torn in [&whole[..whole.len() - 30], &zeros, &letter] {
        fs::write(&journal, torn).unwrap();
        assert!(explain().contains("params.training.lr: 0.001 → 0.01"), "{}", explain());
        lab.xtask(&["plan", "tiny.yaml", "--device", "cpu", "--check"]).expect(0);
    }
    for torn in [&b""[..], &[0; 100], &whole[..100]] {
        fs::write(&journal, torn).unwrap();
        lab.xtask(&["plan", "tiny.yaml", "--device", "cpu"]).expect(0);
        explain();
    }
    assert_eq!(lab.run("tiny", &[]).expect(0).ran(), [""; 0]);
}

/// [`TINY`] with trainings long enough to be met in the middle.
fn slow() -> Lab {
    let lab = Lab::tiny();
    let text = TINY.replace("name: tiny", "name: slow").replace("max_epochs: 2", "max_epochs: 120");
    lab.write("slow.yaml", &format!("{text}  train.training.stopping: {{ kind: fixed }}\n"));
    lab
}

#[test]
fn stopped_workers_do_not_hold_up_an_interruption() {
    let lab = slow();
    let mut running = lab.start("slow", &[]);
    running.wait_until(|running, journal| {
        !running.workers().is_empty() && journal.started().iter().any(|id| id.starts_with("train"))
    });
    let workers = running.workers();
    workers.iter().for_each(|worker| signal(*worker, libc::SIGSTOP));
    let began = std::time::Instant::now();
    signal(running.pid(), libc::SIGINT);
    running.end().expect(130);
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    let is_there =
        |pid: &i32| fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    assert!(!workers.iter().any(is_there), "a stopped worker is left behind");
    lab.run("slow", &[]).expect(0);
}

#[test]
fn the_lease_of_a_stopped_run_is_free_once_that_run_is_dead() {
    let lab = slow();
    let mut first = lab.start("slow", &[]);
    first.wait_until(|running, journal| {
        !running.workers().is_empty() && journal.started().iter().any(|id| id.starts_with("train"))
    });
    signal(first.pid(), libc::SIGSTOP);
    // Its work is not done again as long as it may come back.
    let mut second = lab.start("slow", &[]);
    let said =
        |number: usize| fs::read_to_string(lab.path(&format!("stderr-{number}.txt"))).unwrap_or_default();
    second.wait_until(|_, _| (0..40).any(|number| said(number).contains("another run computes it")));
    signal(first.pid(), libc::SIGKILL);
    let second = second.end().expect(0);
    let aside = slow();
    assert_eq!(
        second.bytes("predictions.arrow"),
        aside.run("slow", &[]).expect(0).bytes("predictions.arrow")
    );
}

#[test]
fn what_an_earlier_crash_left_in_work_and_tmp_is_in_nobodys_way() {
    let lab = Lab::finished();
    // A lease that nobody holds, with state of nobody's; a folder in which a node wrote; an object that is not named yet.
    let key = "0".repeat(64);
    lab.write(&format!(".affekt/work/{key}/lease"), "");
    lab.write(&format!(".affekt/work/{key}/state/epoch"), "half a checkpoint");
    lab.write(".affekt/tmp/node-dead/model", "half a model");
    lab.write(".affekt/tmp/stray", "half an object");
    copy_folder(&lab.path(".affekt/tmp/node-dead"), &lab.path(".affekt/tmp/node-dead-2"));
    assert_eq!(lab.run("tiny", &["--set", "with.lr=0.01"]).expect(0).ran().len(), 7);
    lab.xtask(&["cache", "fsck"]).expect(0);
    lab.xtask(&["cache", "gc"]).expect(0);
    assert_eq!(lab.run("tiny", &[]).expect(0).ran(), [""; 0]);
}
