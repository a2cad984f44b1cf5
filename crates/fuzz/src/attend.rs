//! The child: gives inputs to one target, each under bounds.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::hub;
use crate::target::{Subject, Target};
use crate::watch;

/// What a child is to do.
pub struct Attended {
    /// The seed of the inputs.
    pub seed: u64,
    /// The number of the first.
    pub from: u64,
    /// The most inputs.
    pub inputs: u64,
    /// The longest time.
    pub time: Duration,
    /// A file with the one input that is to be given instead.
    pub file: Option<PathBuf>,
    /// Where the number of the input in progress is written, and afterwards what was measured.
    pub told: PathBuf,
    /// Where this process' standard error goes.
    pub said: PathBuf,
}

/// What the dearest inputs took.
#[derive(Default)]
struct Dearest {
    ms: u64,
    slowest: u64,
    bytes: usize,
    largest: u64,
}

/// Gives a target its inputs in `folder`, which is empty and the current one. Whatever is wrong ends the process.
///
/// # Errors
/// When the folder cannot be written to.
pub fn attend(target: &Target, folder: &Path, attended: &Attended) -> io::Result<()> {
    let mut subject = (target.prepare)(folder);
    let told = File::create(&attended.told)?;
    let mut dearest = Dearest::default();
    abort_on_panics(subject.catches_panics);
    watch::watch_the_clock();
    limit_address_space();
    if let Some(file) = &attended.file {
        let input = fs::read(file)?;
        given(&mut subject, &input, &attended.said)?;
        return Ok(());
    }
    let began = Instant::now();
    let mut number = attended.from;
    while number < attended.from.saturating_add(attended.inputs) && began.elapsed() < attended.time {
        told.write_all_at(&number.to_le_bytes(), 0)?;
        let input = subject.input(attended.seed, number);
        // Whatever ends this process, the input is there.
        fs::write(attended.told.with_extension("input"), &input)?;
        let (ms, bytes) = given(&mut subject, &input, &attended.said)?;
        if ms > dearest.ms {
            (dearest.ms, dearest.slowest) = (ms, number);
        }
        if bytes > dearest.bytes {
            (dearest.bytes, dearest.largest) = (bytes, number);
        }
        number += 1;
    }
    let Dearest { ms, slowest, bytes, largest } = dearest;
    let measured: Value =
        json!({ "next": number, "ms": ms, "slowest": slowest, "bytes": bytes, "largest": largest });
    fs::write(attended.told.with_extension("json"), measured.to_string())
}

/// Gives one input, and returns the processor time in ms and the memory in bytes that it took.
fn given(subject: &mut Subject, input: &[u8], said: &Path) -> io::Result<(u64, usize)> {
    watch::begin(watch::MEMORY + input.len() * subject.bytes_per_byte, input.len());
    (subject.read)(input);
    let taken = watch::end();
    if fs::metadata(said).is_ok_and(|said| said.len() > 0) {
        let text = fs::read(said)?;
        let text = String::from_utf8_lossy(&text);
        let wrong = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
        assert_eq!(wrong, None, "a control character reaches the terminal");
        assert!(!text.contains(hub::secret()), "the token is said");
        OpenOptions::new().write(true).truncate(true).open(said)?;
    }
    Ok(taken)
}

/// Ends the process at a panic on any thread, unless the target catches those of others' code, on its own.
fn abort_on_panics(catches: bool) {
    let usual = std::panic::take_hook();
    let own = std::thread::current().id();
    std::panic::set_hook(Box::new(move |panic| {
        let is_others = panic.location().is_some_and(|location| location.file().contains("/.cargo/"));
        if catches && is_others && std::thread::current().id() == own {
            return;
        }
        usual(panic);
        std::process::abort();
    }));
}

/// Bounds the address space, against what is not allocated through Rust.
fn limit_address_space() {
    const BYTES: u64 = 4 << 30;
    let limit = libc::rlimit { rlim_cur: BYTES, rlim_max: BYTES };
    // SAFETY: a plain system call that reads a structure which lives.
    unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
}
