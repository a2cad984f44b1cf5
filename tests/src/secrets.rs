//! Tokens are in no file that a run leaves and in nothing that the program says.

use std::fs;
use std::path::Path;

use crate::lab::{Ended, Lab};

/// What the variables hold that are nobody's business.
const SECRET: &str = "hf_TheTokenThatNobodyMaySee";

const VARIABLES: [&str; 7] = [
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "SSH_AUTH_SOCK",
    "SSHPASS",
];

#[test]
fn a_run_leaves_no_token_behind() {
    let lab = Lab::tiny();
    let ended = |words: &[&str]| {
        let mut command = lab.command(words);
        command.envs(VARIABLES.map(|name| (name, SECRET)));
        Ended::of(command)
    };
    let run = ended(&["run", "tiny.yaml", "--device", "cpu"]).expect(0);
    let failed = ended(&["run", "tiny.yaml", "--device", "cpu", "--set", "with.no_such_setting=1"]).expect(2);
    let plan = ended(&["plan", "tiny.yaml", "--json"]).expect(0);
    for Ended { stdout, stderr, .. } in [run, failed, plan] {
        assert!(!stdout.contains(SECRET) && !stderr.contains(SECRET), "{stdout}{stderr}");
    }
    let mut files = 0;
    search(&lab.path(""), &mut files);
    assert!(files > 100, "only {files} files");
}

/// Looks for the secret in every file below a folder.
fn search(folder: &Path, files: &mut usize) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            search(&path, files);
        } else if let Ok(bytes) = fs::read(&path) {
            *files += 1;
            let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
            assert!(!found, "{} holds the secret", path.display());
        }
    }
}
