//! `dist`: makes a folder that runs experiments where there is no checkout, such as on a cluster.
//!
//! ```text
//! DIR/affekt            the program, with cards, pipelines and experiments built in
//! DIR/affekt-worker     finds libtorch/ beside itself
//! DIR/libtorch/         shared libraries alone
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use affekt_cli::exit::{Exit, Stop};
use affekt_cli::out::{out, say};
use affekt_cli::{libtorch, worker};

use crate::checkout;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// The folder to make, or to bring up to date
    #[arg(value_name = "DIR", default_value = "dist")]
    folder: PathBuf,
    /// The profile to build with. `dev` optimises whatever runs per sample, and shares what `cargo xtask` has compiled
    #[arg(long, value_name = "NAME", default_value = "dev")]
    profile: String,
    /// Leave libtorch out: LIBTORCH names one where the folder goes
    #[arg(long)]
    without_libtorch: bool,
}

/// Builds both programs and copies them and libtorch.
pub fn dist(arguments: &Arguments) -> Result<Exit, Stop> {
    let folder = &arguments.folder;
    let home = libtorch::require(false)?;
    fs::create_dir_all(folder).map_err(|cause| failed(folder, &cause))?;
    // One by one, as `run` builds them: built together they would share features.
    for (package, name, features) in [("affekt-cli", "affekt", "s3"), ("affekt-worker", "affekt-worker", "")]
    {
        say!("building {name}, profile {} …", arguments.profile);
        let program = worker::build(&checkout::root(), package, name, &arguments.profile, features)?;
        let target = folder.join(name);
        install(&program, &target).map_err(|cause| failed(&target, &cause))?;
    }
    let target = folder.join("libtorch");
    if !arguments.without_libtorch {
        say!("copying libtorch from {} …", home.path.display());
        copy_libraries(&home.path, &target).map_err(|cause| failed(&target, &cause))?;
    } else if target.exists() {
        fs::remove_dir_all(&target).map_err(|cause| failed(&target, &cause))?;
    }
    out!("{}", folder.display());
    Ok(Exit::Done)
}

/// Copies a program, without its debugging information where `strip` is there. A running one is not disturbed.
fn install(program: &Path, target: &Path) -> io::Result<()> {
    let beside = target.with_added_extension("new");
    let mut strip = Command::new("strip");
    strip.arg("--strip-debug").arg("-o").arg(&beside).arg(program);
    let stripped = strip.stdin(Stdio::null()).stderr(Stdio::null()).status();
    if !stripped.is_ok_and(|status| status.success()) {
        fs::copy(program, &beside)?;
    }
    fs::rename(&beside, target)
}

/// Copies libtorch's shared libraries and its version; not its headers.
fn copy_libraries(home: &Path, target: &Path) -> io::Result<()> {
    fs::create_dir_all(target.join("lib"))?;
    for entry in fs::read_dir(home.join("lib"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if name.to_string_lossy().contains(".so") {
            replace(&path, &target.join("lib").join(name))?;
        }
    }
    // One of PyTorch's wheel has none.
    let version = home.join("build-version");
    if version.exists() { replace(&version, &target.join("build-version")) } else { Ok(()) }
}

/// Copies a file if it is not there in the same size.
fn replace(from: &Path, to: &Path) -> io::Result<()> {
    let size = |path: &Path| fs::metadata(path).map(|metadata| metadata.len());
    if size(to).ok() == Some(size(from)?) {
        return Ok(());
    }
    let beside = to.with_added_extension("new");
    fs::copy(from, &beside)?;
    fs::rename(&beside, to)
}

fn failed(path: &Path, cause: &io::Error) -> Stop {
    Stop::failed(format!("error: failed to write {}: {cause}", path.display()))
}
