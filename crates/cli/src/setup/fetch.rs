//! Driving `fetch_wheels.py`, which downloads and unpacks: one order in, events out, a line of JSON each.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use serde::{Deserialize, Serialize};

use super::wheels::Wheel;
use super::{FOLDER, SetupError, VERSION};

const SCRIPT: &str = include_str!("fetch_wheels.py");

/// How far a set-up is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Progress {
    /// Another set-up of the same folder is running; this one waits for it.
    Wait,
    /// Asking pip's index where the wheels are.
    Ask,
    /// Downloading.
    Download {
        /// The package that is coming in.
        name: String,
        /// Bytes there, of all packages.
        done: u64,
        /// Bytes of all packages.
        total: u64,
    },
    /// Comparing a package's SHA-256 with the one it must have.
    Check {
        /// The package.
        name: String,
    },
    /// Unpacking.
    Unpack {
        /// Bytes written.
        done: u64,
        /// Bytes to write.
        total: u64,
    },
    /// Something unusual that needs no answer.
    Note {
        /// What.
        text: String,
    },
}

/// What the script is asked to make.
#[derive(Debug, Serialize)]
pub(super) struct Order<'a> {
    root: PathBuf,
    /// Made whole or not at all.
    target: PathBuf,
    /// What is there so far.
    partial: PathBuf,
    lock: PathBuf,
    version: &'static str,
    wheels: &'a [Wheel],
    /// How many bytes the folder will have.
    unpacked: u64,
    /// A file that only a folder of this flavour has.
    proof: &'a str,
}

impl<'a> Order<'a> {
    pub(super) fn new(root: &Path, wheels: &'a [Wheel], unpacked: u64, proof: &'a str) -> Self {
        let beside = |suffix: &str| root.join(format!("{FOLDER}{suffix}"));
        Self {
            root: root.to_owned(),
            target: beside(""),
            partial: beside(".partial"),
            lock: beside(".lock"),
            version: VERSION,
            wheels,
            unpacked,
            proof,
        }
    }
}

/// Has the order carried out. `environment` is added to that of the script, and so of pip.
pub(super) fn fetch(
    order: &Order,
    environment: &[(&str, &OsStr)],
    say: &mut dyn FnMut(Progress),
) -> Result<(), SetupError> {
    let mut child = Command::new("python3")
        .args(["-c", SCRIPT])
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| {
            let hint = "install Python 3.7 or newer with pip, or set LIBTORCH to a libtorch of your own";
            SetupError::new(format!("failed to start `python3`, which fetches libtorch: {error}"), hint)
        })?;
    let broken = |what: &str| SetupError::new(format!("fetching libtorch: {what}"), "run it again");
    let (Some(mut orders), Some(events), Some(complaints)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(broken("python3 has no standard streams"));
    };
    let complaints = thread::spawn(move || last_line(complaints));
    let line = serde_json::to_string(order).map_err(|error| broken(&error.to_string()))? + "\n";
    // A script that cannot even read tells why on its standard error.
    let _ = orders.write_all(line.as_bytes());

    let mut end = None;
    for line in BufReader::new(events).lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(Event::Ongoing(progress)) => say(progress),
            Ok(Event::End(last)) => end = Some(last),
            Err(_) => return Err(broken(&format!("python3 says `{line}`"))),
        }
    }
    // Held open until here: the script ends when its standard input does, and so never outlives this process.
    drop(orders);
    let status = child.wait().map_err(|error| broken(&error.to_string()))?;
    let complaint = complaints.join().unwrap_or_default();
    match end {
        Some(End::Done) => Ok(()),
        Some(End::Failed { message, hint }) => Err(SetupError::new(message, hint)),
        None if complaint.is_empty() => Err(broken(&format!("python3 ended with {status}"))),
        None => Err(broken(&format!("python3 ended with {status}: {complaint}"))),
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Event {
    Ongoing(Progress),
    End(End),
}

#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum End {
    Done,
    Failed { message: String, hint: String },
}

fn last_line(mut stream: impl Read) -> String {
    let mut text = Vec::new();
    // What could be read is worth showing even if the rest could not.
    let _ = stream.read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text);
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned()
}
