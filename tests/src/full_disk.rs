//! A disk that fills up: the run ends with a clear word, and goes on once there is room.

use std::fs;
use std::process::Command;

use crate::lab::{Lab, skipped, wrapped};

/// In a mount namespace of its own, the store lies on a disk of its own; `then` is done there.
fn on_a_small_disk(lab: &Lab, size: &str, then: &str) -> Option<std::process::Output> {
    let may = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        skipped("`unshare -rm mount` is not permitted here, so there is no disk to fill");
        return None;
    }
    fs::create_dir_all(lab.path(".affekt")).unwrap();
    let script = format!("mount -t tmpfs -o size={size} tmpfs .affekt || exit 99\n{then}");
    let command = lab.command(&["run", "tiny.yaml", "--device", "cpu"]);
    let mut inside = wrapped(&command, "unshare", &["-rm", "sh", "-c", &script, "sh"]);
    Some(inside.output().unwrap())
}

#[test]
fn a_full_disk_is_named_and_nothing_is_lost() {
    let undisturbed = Lab::finished().run("tiny", &[]).expect(0).bytes("predictions.arrow");
    // Room for the manifest and the tables, not for the sound.
    let then = r#""$@"; echo "first $?"; mount -o remount,size=64m .affekt; "$@"; echo "second $?""#;
    let lab = Lab::tiny();
    let Some(output) = on_a_small_disk(&lab, "700k", then) else { return };
    let (stdout, stderr) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(stdout.contains("first 1\n") && stdout.contains("second 0\n"), "{stdout}{stderr}");
    assert!(stderr.contains("No space left on device"), "{stderr}");
    assert!(
        stderr.contains("free some space (`cache du` shows what the store holds) and run again"),
        "{stderr}"
    );
    let folder = lab.path("runs/tiny/latest");
    assert_eq!(fs::read(folder.join("predictions.arrow")).unwrap(), undisturbed);
}

/// One run on a disk of this size, a look at what it left, and one after there is more room; returns whether the first was done.
fn swept(size_kib: u32, undisturbed: &[u8]) -> Option<bool> {
    let lab = Lab::tiny();
    let program = crate::binaries::xtask();
    let program = program.display();
    let then = format!(
        r#""$@" 2> first.txt; echo "first $?"; '{program}' cache fsck --json; mount -o remount,size=64m .affekt; "$@"; echo "second $?""#
    );
    let output = on_a_small_disk(&lab, &format!("{size_kib}k"), &then)?;
    let (stdout, stderr) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let said = fs::read_to_string(lab.path("first.txt")).unwrap();
    let what = format!("{size_kib} KiB:\n{said}{stdout}{stderr}");
    assert!(stdout.contains("second 0\n"), "{what}");
    let folder = lab.path("runs/tiny/latest");
    assert_eq!(fs::read(folder.join("predictions.arrow")).unwrap(), undisturbed, "{what}");
    if stdout.contains("first 0\n") {
        return Some(true);
    }
    assert!(stdout.contains("first 1\n") && !said.contains("panicked"), "{what}");
    // One error for each node that met the full disk: two may have been at work.
    let errors: Vec<_> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    let failed = said.lines().filter(|line| line.contains(" failed: failed to ")).count();
    assert!((1..=failed.max(1)).contains(&errors.len()), "{what}");
    assert!(errors.iter().all(|line| line.contains("No space left on device")), "{what}");
    let found = stdout.lines().find_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    // Where not even the folders of a store fit, there is none to look at.
    if let Some(found) = found {
        assert_eq!(
            (&found["damaged"], &found["bad_records"]),
            (&serde_json::json!([]), &serde_json::json!([])),
            "{what}"
        );
    }
    Some(false)
}

fn sweep(sizes_kib: impl Iterator<Item = u32>) {
    let undisturbed = Lab::finished().run("tiny", &[]).expect(0).bytes("predictions.arrow");
    let ended: Option<Vec<bool>> = sizes_kib.map(|size| swept(size, &undisturbed)).collect();
    let Some(ended) = ended else { return };
    assert!(ended.contains(&false), "no disk was too small");
}

#[test]
fn whatever_does_not_fit_any_more_is_no_half_made_result() {
    sweep([40, 230, 810, 1500, 2600].into_iter());
}

/// `cargo test -p affekt-tests at_every_write -- --ignored`
#[test]
#[ignore = "takes minutes"]
fn a_disk_that_fills_up_at_every_write_harms_nothing() {
    // Memory is given out in pages of 4 KiB.
    sweep((16..3200).step_by(44));
}

#[test]
fn files_that_may_not_grow_are_named_and_nothing_is_lost() {
    let lab = Lab::tiny();
    // 256 KiB a file: the sound of 45 recordings has more.
    let command = lab.command(&["run", "tiny.yaml", "--device", "cpu"]);
    let command = wrapped(&command, "sh", &["-c", r#"trap "" XFSZ; ulimit -f 512; exec "$@""#, "sh"]);
    let failed = lab.run_by("tiny", command).expect(1);
    assert!(failed.ended.stderr.contains("File too large"), "{}", failed.ended.stderr);
    assert_eq!(failed.journal.nodes("failed"), ["audio[shard=0]"]);

    let next = lab.run("tiny", &[]).expect(0);
    assert!(next.ran().iter().all(|id| !failed.ran().contains(id)));
}
