//! Progress of a download: a bar on a terminal, else a line every few seconds.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use affekt_config::printable;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use super::download::size;
use crate::out::say;

const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Shows the progress of a download of one file or many.
pub struct DownloadProgress {
    what: String,
    total: Option<u64>,
    bar: Option<ProgressBar>,
    began: Instant,
    first: Cell<Option<u64>>,
    last_line: Cell<Instant>,
}

impl DownloadProgress {
    /// A download of `total` bytes, where that is known.
    pub fn new(what: &str, total: Option<u64>) -> Self {
        let now = Instant::now();
        let bar = std::io::stderr().is_terminal().then(|| bar(what, total));
        if bar.is_none() {
            let total = total.map(|total| format!(", {}", size(total))).unwrap_or_default();
            say!("downloading {what}{total}");
        }
        Self {
            what: what.to_owned(),
            total,
            bar,
            began: now,
            first: Cell::new(None),
            last_line: Cell::new(now),
        }
    }

    /// Shows that so many bytes are on disk.
    pub fn set(&self, bytes: u64) {
        // What an earlier run downloaded does not count for the speed.
        let first = self.first.get().unwrap_or(bytes).min(bytes);
        self.first.set(Some(first));
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
            return;
        }
        if self.last_line.get().elapsed() < LINE_INTERVAL {
            return;
        }
        self.last_line.set(Instant::now());
        let per_second = (bytes - first) as f64 / self.began.elapsed().as_secs_f64();
        let rest = self.total.map(|total| total.saturating_sub(bytes));
        let left = rest.filter(|_| per_second >= 1.0).map(|rest| {
            format!(", {} left", HumanDuration(Duration::from_secs_f64(rest as f64 / per_second)))
        });
        let of = self.total.map(|total| format!(" of {}", size(total))).unwrap_or_default();
        let (there, speed) = (size(bytes), size(per_second as u64));
        say!("{}: {there}{of}, {speed}/s{}", self.what, left.unwrap_or_default());
    }

    /// Writes a line beside the progress.
    pub fn warn(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say!("{text}")),
            None => say!("{text}"),
        }
    }
}

impl Drop for DownloadProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &str, total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::new(total),
            "{msg} {bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}",
        ),
        None => (ProgressBar::new_spinner(), "{msg} {binary_bytes} {binary_bytes_per_sec}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(printable(what).into_owned());
    bar
}
