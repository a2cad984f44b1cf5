//! What a worker says on its standard error: kept in the log of the node that it runs, the last lines quoted when it fails.
//!
//! However much it says and whatever bytes it says it in, what is kept is bounded: a line is cut, and so is a log.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many of the last lines are quoted.
const LAST_LINES: usize = 8;

/// How many bytes of a line are kept.
const LONGEST_LINE: usize = 4 << 10;

/// How many bytes of a log are kept.
const LONGEST_LOG: usize = 16 << 20;

/// Where a worker's standard error goes.
#[derive(Default)]
pub struct WorkerLog {
    file: Option<File>,
    written: usize,
    last: VecDeque<String>,
}

impl WorkerLog {
    /// Begins the log of another node. What was said before is only quoted.
    pub fn begin(&mut self, path: &Path) {
        let folder = path.parent().and_then(|folder| fs::create_dir_all(folder).ok());
        (self.file, self.written) = (folder.and_then(|()| File::create(path).ok()), 0);
    }

    /// Returns the last lines, as they are quoted.
    pub fn last_words(&self) -> String {
        match self.last.is_empty() {
            true => "it said nothing".to_owned(),
            false => {
                format!(
                    "it said:\n  {}",
                    self.last.iter().map(String::as_str).collect::<Vec<_>>().join("\n  ")
                )
            }
        }
    }

    fn line(&mut self, line: String) {
        if let Some(file) = &mut self.file {
            // What cannot be written is still quoted.
            let _ = writeln!(file, "{line}");
            self.written += line.len() + 1;
            if self.written > LONGEST_LOG {
                let _ = writeln!(file, "… (the log is full: what follows is left out)");
                self.file = None;
            }
        }
        if self.last.len() == LAST_LINES {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }
}

/// Reads lines to the end of the stream. Bytes that are not UTF-8 are replaced, what is too long for a line is cut.
pub fn follow(stderr: impl Read, log: &Arc<Mutex<WorkerLog>>) {
    let mut stderr = BufReader::new(stderr);
    let (mut line, mut cut) = (Vec::new(), 0_u64);
    loop {
        let (taken, ends) = match stderr.fill_buf() {
            Ok([]) => break,
            Ok(bytes) => {
                let end = bytes.iter().position(|byte| *byte == b'\n');
                let part = &bytes[..end.unwrap_or(bytes.len())];
                let kept = part.len().min(LONGEST_LINE - line.len());
                line.extend_from_slice(&part[..kept]);
                cut += (part.len() - kept) as u64;
                (part.len() + usize::from(end.is_some()), end.is_some())
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        stderr.consume(taken);
        if ends {
            lock(log).line(text(&line, cut));
            (line, cut) = (Vec::new(), 0);
        }
    }
    if !line.is_empty() {
        lock(log).line(text(&line, cut));
    }
}

fn text(line: &[u8], cut: u64) -> String {
    let text = String::from_utf8_lossy(line);
    if cut == 0 { text.into_owned() } else { format!("{text}… ({cut} more bytes of this line)") }
}

/// A poisoned lock only means that some thread panicked between two whole statements.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(bytes: &[u8]) -> WorkerLog {
        let log = Arc::default();
        follow(bytes, &log);
        Arc::into_inner(log).unwrap().into_inner().unwrap()
    }

    #[test]
    fn lines_are_kept_whatever_their_bytes() {
        let log = followed(b"one\n\xff\xfetwo\n\nthree");
        assert_eq!(log.last_words(), "it said:\n  one\n  \u{fffd}\u{fffd}two\n  \n  three");
        assert_eq!(followed(b"").last_words(), "it said nothing");
    }

    #[test]
    fn what_is_kept_of_a_line_without_an_end_is_bounded() {
        let log = Arc::default();
        follow(std::io::repeat(b'x').take(10 << 20), &log);
        let said = lock(&log).last.pop_back().unwrap();
        assert!(said.len() < LONGEST_LINE + 100, "{}", said.len());
        assert!(
            said.ends_with(&format!("x… ({} more bytes of this line)", (10 << 20) - LONGEST_LINE)),
            "{said}"
        );
    }

    #[test]
    fn a_log_is_bounded_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/node.log");
        let log: Arc<Mutex<WorkerLog>> = Arc::default();
        lock(&log).begin(&path);
        let line = format!("{}\n", "y".repeat(1000));
        follow(std::io::Cursor::new(line.repeat(17_000)), &log);
        let text = fs::read_to_string(&path).unwrap();
        assert!((LONGEST_LOG..LONGEST_LOG + 5000).contains(&text.len()), "{}", text.len());
        assert!(text.ends_with("… (the log is full: what follows is left out)\n"));
        assert_eq!(lock(&log).last.len(), LAST_LINES);
    }
}
