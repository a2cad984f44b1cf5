//! libtorch: where it is, and `setup`, which downloads it.

use std::env;
use std::io::IsTerminal;
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};

use crate::exit::{Exit, Stop};
use crate::out::say;
use crate::place;
use crate::setup::{self, LibtorchHome, Progress};

/// Returns libtorch's folder: the user's `LIBTORCH`, the one beside this program, or the one that `setup` makes.
pub fn home() -> PathBuf {
    let named = env::var_os("LIBTORCH").filter(|path| !path.is_empty()).map(PathBuf::from);
    named.or_else(beside).unwrap_or_else(|| place::setup_root().join(setup::FOLDER))
}

/// Tells whether libtorch has a library of this name.
pub fn has(library: &str) -> bool {
    home().join("lib").join(library).exists()
}

/// Returns the version of libtorch that workers are linked to: the user's own, or the pinned one.
pub fn version() -> String {
    let own = std::fs::read_to_string(home().join("build-version")).ok();
    let own = own.and_then(|text| text.trim().split('+').next().map(str::to_owned));
    own.filter(|version| !version.is_empty()).unwrap_or_else(|| setup::VERSION.to_owned())
}

/// Returns the version of CUDA that libtorch's libraries are of, where that can be told: from libtorch's own version
/// (`2.11.0+cu130`), else from the runtime library beside it, or where pip puts it.
pub fn cuda_version() -> Option<(u32, u32)> {
    let home = home();
    let version = std::fs::read_to_string(home.join("build-version")).unwrap_or_default();
    cuda_of_version(&version).or_else(|| {
        let pip = std::fs::read_dir(home.join("../nvidia")).into_iter().flatten().flatten();
        let folders = std::iter::once(home.join("lib")).chain(pip.map(|entry| entry.path().join("lib")));
        let files = folders.flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten().flatten());
        let majors = files.filter_map(|file| cuda_of_library(&file.file_name().to_string_lossy()));
        majors.max().map(|major| (major, 0))
    })
}

/// `2.11.0+cu130` is of CUDA 13.0.
fn cuda_of_version(version: &str) -> Option<(u32, u32)> {
    let number: u32 = version.trim().split_once("+cu")?.1.parse().ok()?;
    Some((number / 10, number % 10))
}

/// `libcudart.so.13` and `libcudart-9335f6a2.so.13.0.96` are of CUDA 13.
fn cuda_of_library(name: &str) -> Option<u32> {
    let (_, version) = name.strip_prefix("libcudart")?.split_once(".so.")?;
    version.split('.').next()?.parse().ok()
}

/// Sees to it that libtorch has its CUDA libraries: downloads them where libtorch is this program's own.
///
/// # Errors
/// When that fails, or when libtorch is the user's own.
pub fn require_cuda() -> Result<(), Stop> {
    if has("libtorch_cuda.so") {
        return Ok(());
    }
    require(true).map(drop)
}

/// Downloads libtorch and says where it is.
pub fn setup(cuda: bool) -> Result<Exit, Stop> {
    let home = require(cuda)?;
    say!("libtorch is in {}{}", home.path.display(), if home.cuda { ", with CUDA" } else { "" });
    Ok(Exit::Done)
}

/// Downloads libtorch if it is not there.
///
/// # Errors
/// When that fails, or when a libtorch that is not ours to replace lacks CUDA.
pub fn require(cuda: bool) -> Result<LibtorchHome, Stop> {
    let mut progress = SetupProgress::new();
    let mut show = |step| progress.show(step);
    let home = match beside() {
        Some(path) if env::var_os("LIBTORCH").is_none() => setup::at(path, cuda)?,
        _ if cuda => setup::install_cuda(&place::setup_root(), &mut show)?,
        _ => setup::ensure_libtorch(&place::setup_root(), &mut show)?,
    };
    progress.finish();
    if let Some(warning) = &home.warning {
        say!("warning: {warning}");
    }
    Ok(home)
}

/// The libtorch beside this program, as `dist` lays it out.
fn beside() -> Option<PathBuf> {
    place::beside_program("libtorch").filter(|path| path.join("lib").is_dir())
}

/// Shows the progress of a set-up.
struct SetupProgress {
    bar: Option<ProgressBar>,
    /// Steps that were shown: packages take turns in being downloaded and checked.
    shown: Vec<&'static str>,
}

impl SetupProgress {
    fn new() -> Self {
        Self { bar: None, shown: Vec::new() }
    }

    fn show(&mut self, progress: Progress) {
        match progress {
            Progress::Wait => self.line("wait", "libtorch is being fetched by another run; waiting for it"),
            Progress::Ask => self.line("ask", "fetching libtorch …"),
            Progress::Download { name, done, total } => self.bar("download", &name, done, total),
            Progress::Check { .. } => self.line("check", "checking what was downloaded"),
            Progress::Unpack { done, total } => self.bar("unpack", "unpacking", done, total),
            Progress::Note { text } => say!("{text}"),
        }
    }

    fn line(&mut self, step: &'static str, text: &str) {
        if !self.shown.contains(&step) {
            self.finish();
            self.shown.push(step);
            say!("{text}");
        }
    }

    fn bar(&mut self, step: &'static str, what: &str, done: u64, total: u64) {
        if !std::io::stderr().is_terminal() {
            let text = format!("{step}: {}", indicatif::HumanBytes(total));
            return self.line(step, &text);
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(total);
            if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes} {eta}") {
                bar.set_style(style);
            }
            bar
        });
        bar.set_message(what.to_owned());
        bar.set_length(total);
        bar.set_position(done);
    }

    fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_version_of_cuda() {
        assert_eq!(cuda_of_version("2.11.0+cu130\n"), Some((13, 0)));
        assert_eq!(cuda_of_version("2.11.0+cu118"), Some((11, 8)));
        assert_eq!(cuda_of_version("2.11.0"), None);
        assert_eq!(cuda_of_version("2.11.0+cpu"), None);
        assert_eq!(cuda_of_library("libcudart.so.13"), Some(13));
        assert_eq!(cuda_of_library("libcudart-9335f6a2.so.12.8.90"), Some(12));
        assert_eq!(cuda_of_library("libcublas.so.13"), None);
    }
}
