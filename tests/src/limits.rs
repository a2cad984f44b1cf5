//! What a machine refuses: folders that may not be written, files that may not be opened, memory that is not there. A run ends with
//! a word about it, and goes on once the limit is gone.

use std::fs;
use std::process::Command;

use crate::lab::{Ended, Lab, skipped, wrapped};

const RUN: [&str; 4] = ["run", "tiny.yaml", "--device", "cpu"];

/// The program with these words, after a shell has done `before`.
fn limited(lab: &Lab, before: &str) -> Ended {
    let script = format!("{before}; exec \"$@\"");
    Ended::of(wrapped(&lab.command(&RUN), "sh", &["-c", &script, "sh"]))
}

fn undisturbed() -> Vec<u8> {
    Lab::finished().run("tiny", &[]).expect(0).bytes("predictions.arrow")
}

/// It goes on without the limit, to the same bytes, and the store is whole.
fn goes_on(lab: &Lab, what: &str, undisturbed: &[u8]) {
    let next = lab.run("tiny", &[]).expect(0);
    assert_eq!(next.bytes("predictions.arrow"), undisturbed, "{what}");
    let found = lab.xtask(&["cache", "fsck", "--json"]).expect(0).json();
    assert_eq!(found["damaged"], serde_json::json!([]), "{what}");
}

#[test]
fn few_files_at_once_end_a_run_with_a_word_or_not_at_all() {
    let undisturbed = undisturbed();
    let mut done = 0;
    for files in [8, 12, 16, 20, 28, 40, 64] {
        let lab = Lab::tiny();
        let ended = limited(&lab, &format!("ulimit -n {files}"));
        let what = format!("{files} files: {ended:#?}");
        match ended.code {
            Some(0) => done += 1,
            Some(1 | 2) => {
                assert!(
                    ended.stderr.contains("Too many open files") || ended.stderr.contains("os error 24"),
                    "{what}"
                );
                assert!(!ended.stderr.contains("panicked"), "{what}");
            }
            // The loader of programs has a voice of its own.
            Some(127) => assert!(ended.stderr.contains("error while loading shared libraries"), "{what}"),
            _ => panic!("{what}"),
        }
        goes_on(&lab, &what, &undisturbed);
    }
    assert!(done > 0, "64 files are enough");
}

#[test]
fn little_address_space_ends_a_run_and_harms_nothing() {
    let undisturbed = undisturbed();
    let mut failed = 0;
    // KiB: enough for the runner, and too little for libtorch to be loaded.
    for limit in [200_000, 300_000] {
        let lab = Lab::tiny();
        let ended = limited(&lab, &format!("ulimit -v {limit}"));
        let what = format!("{limit} KiB: {ended:#?}");
        // Where not even a message fits, the program is ended by a signal of its own.
        assert!(matches!(ended.code, Some(0..=2 | 127) | None), "{what}");
        if ended.code != Some(0) {
            failed += 1;
            assert!(!ended.stderr.trim().is_empty(), "{what}");
        }
        goes_on(&lab, &what, &undisturbed);
    }
    assert!(failed > 0, "libtorch alone takes more than this");
}

#[test]
fn folders_that_may_not_be_written_are_named() {
    let may = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        return skipped(
            "`unshare -rm mount` is not permitted here, so there is nothing that may not be written",
        );
    }
    for (folder, words) in [
        (".affekt", &["run", "tiny.yaml", "--device", "cpu", "--set", "with.lr=0.01"][..]),
        ("runs", &["run", "tiny.yaml", "--device", "cpu"]),
        (".affekt", &["cache", "gc"]),
    ] {
        let lab = Lab::finished();
        let script = format!(
            "mount --bind {folder} {folder} && mount -o remount,bind,ro {folder} || exit 99; exec \"$@\""
        );
        let ended = Ended::of(wrapped(&lab.command(words), "unshare", &["-rm", "sh", "-c", &script, "sh"]));
        if ended.code == Some(99) {
            return skipped("a mount may not be made read-only here");
        }
        let what = format!("{folder}, {words:?}: {ended:#?}");
        // Nothing to collect needs no writing.
        if words[0] == "run" {
            assert_eq!(ended.code, Some(1), "{what}");
            let errors = ended.stderr.lines().filter(|line| line.starts_with("error")).count();
            assert!(errors == 1 && ended.stderr.contains("Read-only file system"), "{what}");
            assert!(ended.stderr.contains(folder), "{what}");
        }
        assert!(!ended.stderr.contains("panicked"), "{what}");
        lab.run("tiny", &[]).expect(0);
    }
    // What only reads goes on.
    let lab = Lab::finished();
    lab.run("tiny", &[]).expect(0);
    let script = "mount --bind . . && cd \"$PWD\" && mount -o remount,bind,ro . || exit 99; exec \"$@\"";
    for words in
        [&["plan", "tiny.yaml", "--device", "cpu", "--check"][..], &["cache", "du"], &["audit", "tiny.yaml"]]
    {
        let ended = Ended::of(wrapped(&lab.command(words), "unshare", &["-rm", "sh", "-c", script, "sh"]));
        assert_eq!(ended.code, Some(0), "{words:?}: {ended:#?}");
    }
    assert!(fs::read_dir(lab.path(".affekt/tmp")).unwrap().next().is_none());
}
