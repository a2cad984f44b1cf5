//! libtorch: the user's own, or one made in `.libtorch/` from pinned wheels.
//!
//! A `LIBTORCH` that points elsewhere, or `LIBTORCH_USE_PYTORCH`, is respected and nothing is fetched. Otherwise
//! the few files that the worker links to are taken out of PyPI's wheels, which pip knows where to find: there are
//! no CPU-only archives of that version there, and the wheels' CPU part is a tenth of what they install.

mod error;
mod fetch;
mod wheels;

#[cfg(test)]
mod tests;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

pub use error::SetupError;
pub use fetch::Progress;

use fetch::{Order, fetch};
use wheels::Flavour;

/// The version of libtorch that the worker is built for.
pub const VERSION: &str = "2.11.0";

/// The folder that cargo's configuration names.
pub const FOLDER: &str = ".libtorch";

/// A libtorch that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibtorchHome {
    /// Its folder, with `lib` and `include`.
    pub path: PathBuf,
    /// Who put it there.
    pub origin: Origin,
    /// Whether it brings the CUDA libraries.
    pub cuda: bool,
    /// What the user should know about it.
    pub warning: Option<String>,
}

/// Where a libtorch comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Made by this program in `.libtorch/`.
    Fetched,
    /// The user's, named by `LIBTORCH`.
    Environment,
    /// The user's PyTorch, asked for by `LIBTORCH_USE_PYTORCH`.
    Python,
    /// Beside the program.
    Beside,
}

/// What the environment says about libtorch.
#[derive(Debug, Clone, Default)]
struct Wishes {
    libtorch: Option<OsString>,
    use_pytorch: bool,
}

impl Wishes {
    fn of_environment() -> Self {
        Self {
            libtorch: env::var_os("LIBTORCH").filter(|path| !path.is_empty()),
            use_pytorch: env::var_os("LIBTORCH_USE_PYTORCH").is_some(),
        }
    }
}

/// Finds libtorch, or fetches it into `root/.libtorch`: about 520 MiB to download, 505 MiB on disk.
///
/// May be interrupted at any moment and called again; may run twice at once.
///
/// # Errors
/// [`SetupError`] in words for the user.
pub fn ensure_libtorch(root: &Path, say: &mut dyn FnMut(Progress)) -> Result<LibtorchHome> {
    Ok(ensure(root, &Wishes::of_environment(), Flavour::Cpu, say)?)
}

/// As [`ensure_libtorch`], with CUDA: about 2.3 GiB to download. A libtorch without CUDA in `root/.libtorch` is
/// replaced.
///
/// # Errors
/// [`SetupError`] in words for the user; also when the user's own libtorch lacks CUDA.
pub fn install_cuda(root: &Path, say: &mut dyn FnMut(Progress)) -> Result<LibtorchHome> {
    Ok(ensure(root, &Wishes::of_environment(), Flavour::Cuda, say)?)
}

/// Describes the libtorch in a folder that was copied with the program.
///
/// # Errors
/// [`SetupError`] in words for the user, when it is to have CUDA and has not.
pub fn at(path: PathBuf, cuda: bool) -> Result<LibtorchHome> {
    let version = fs::read_to_string(path.join("build-version")).ok();
    let home = home_at(path, Origin::Beside, version.as_deref());
    if cuda && !home.cuda {
        return Err(lacks_cuda(&home, "copy one with CUDA there, or set LIBTORCH to one").into());
    }
    Ok(home)
}

fn lacks_cuda(home: &LibtorchHome, hint: &str) -> SetupError {
    SetupError::new(format!("the libtorch in `{}` has no CUDA libraries", home.path.display()), hint)
}

fn ensure(
    root: &Path,
    wishes: &Wishes,
    flavour: Flavour,
    say: &mut dyn FnMut(Progress),
) -> Result<LibtorchHome, SetupError> {
    let folder = root.join(FOLDER);
    let own = if wishes.use_pytorch {
        Some(pytorch()?)
    } else {
        wishes
            .libtorch
            .as_ref()
            .map(PathBuf::from)
            .filter(|path| !same_folder(path, &folder))
            .map(named)
            .transpose()?
    };
    if let Some(home) = own {
        if flavour == Flavour::Cuda && !home.cuda {
            let hint = "unset LIBTORCH and LIBTORCH_USE_PYTORCH to have one fetched, or point LIBTORCH at one with CUDA";
            return Err(lacks_cuda(&home, hint));
        }
        return Ok(home);
    }
    let made = |flavour: Flavour| {
        let version = fs::read_to_string(folder.join("build-version"));
        version.is_ok_and(|version| is_ours(&version)) && folder.join(flavour.proof()).exists()
    };
    if !made(flavour) {
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            let message = format!("libtorch {VERSION} is fetched for x86-64 Linux only");
            return Err(SetupError::new(message, "install it yourself and set LIBTORCH to its folder"));
        }
        if folder.exists() && !folder.join("build-version").exists() {
            let message = format!("`{}` is there but was not made by this program", folder.display());
            return Err(SetupError::new(message, "move it away, or set LIBTORCH to it under another name"));
        }
        fetch(&Order::new(root, flavour.wheels(), flavour.unpacked(), flavour.proof()), &[], say)?;
    }
    let cuda = made(Flavour::Cuda);
    Ok(LibtorchHome { path: folder, origin: Origin::Fetched, cuda, warning: None })
}

/// The libtorch that the user's `LIBTORCH` names.
fn named(path: PathBuf) -> Result<LibtorchHome, SetupError> {
    if !has_library(&path, "libtorch_cpu.") && !has_library(&path, "libtorch.") {
        let message = format!("LIBTORCH is `{}`, which holds no `lib/libtorch`", path.display());
        return Err(SetupError::new(message, "correct it, or unset it to have libtorch fetched"));
    }
    let version = fs::read_to_string(path.join("build-version")).ok();
    Ok(home_at(path, Origin::Environment, version.as_deref()))
}

/// The libtorch inside the PyTorch that `python3` imports.
fn pytorch() -> Result<LibtorchHome, SetupError> {
    let script = "import os, torch; print(os.path.dirname(torch.__file__)); print(torch.__version__)";
    let output = Command::new("python3").args(["-c", script]).output();
    let text = output.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    let text = text.and_then(|text| String::from_utf8(text).ok()).unwrap_or_default();
    let mut lines = text.lines();
    let (Some(path), Some(version)) = (lines.next(), lines.next()) else {
        let message = "LIBTORCH_USE_PYTORCH is set, but `python3` cannot import torch";
        return Err(SetupError::new(message, "activate the environment that has it, or unset the variable"));
    };
    Ok(home_at(PathBuf::from(path), Origin::Python, Some(version)))
}

fn home_at(path: PathBuf, origin: Origin, version: Option<&str>) -> LibtorchHome {
    let warning = version.filter(|version| !is_ours(version)).map(|version| {
        let (version, path) = (version.trim(), path.display());
        format!(
            "libtorch in `{path}` is version {version}, and this program is made for {VERSION}: building is \
             refused unless LIBTORCH_BYPASS_VERSION_CHECK is set, and results may differ"
        )
    });
    LibtorchHome { cuda: has_library(&path, "libtorch_cuda."), path, origin, warning }
}

/// Whether a version, such as `2.11.0+cu130`, is one of 2.11.
fn is_ours(version: &str) -> bool {
    let series = VERSION.rsplit_once('.').map_or(VERSION, |(series, _)| series);
    version.trim().strip_prefix(series).is_some_and(|rest| rest.starts_with('.'))
}

fn has_library(home: &Path, name: &str) -> bool {
    let files = fs::read_dir(home.join("lib")).into_iter().flatten().flatten();
    files.into_iter().any(|file| file.file_name().to_string_lossy().starts_with(name))
}

fn same_folder(one: &Path, other: &Path) -> bool {
    one == other || real(one).is_some_and(|one| real(other) == Some(one))
}

/// Where a path really leads; its last part need not be there yet.
fn real(path: &Path) -> Option<PathBuf> {
    let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    path.canonicalize().ok().or_else(|| Some(parent.canonicalize().ok()?.join(path.file_name()?)))
}
