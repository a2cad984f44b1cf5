//! libtorch, the device, and the worker built against the one for the other.

use std::fmt;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use affekt_graph::WorkerCommand;
use indicatif::{ProgressBar, ProgressStyle};

use crate::exit::{Exit, Stop};
use crate::place;
use crate::setup::{self, LibtorchHome, Progress};

/// What networks compute on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// The CPU.
    Cpu,
    /// The GPU with this number.
    Cuda(u32),
}

impl Device {
    /// Its kind, as keys have it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda(_) => "cuda",
        }
    }

    /// How many GPUs nodes can have.
    pub fn gpus(self) -> u32 {
        match self {
            Self::Cpu => 0,
            Self::Cuda(_) => 1,
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

/// The device the user asks for. `auto` is the first GPU where the driver and libtorch's CUDA half are there:
/// looked up among files, so that planning needs no libtorch.
pub fn device(asked: &str) -> Result<Device, Stop> {
    match asked.strip_prefix("cuda:").map(str::parse) {
        Some(Ok(number)) => return Ok(Device::Cuda(number)),
        Some(Err(_)) => {}
        None if asked == "cpu" => return Ok(Device::Cpu),
        None if asked == "auto" => {
            let has_cuda = Path::new("/dev/nvidia0").exists() && library("libtorch_cuda.so").exists();
            return Ok(if has_cuda { Device::Cuda(0) } else { Device::Cpu });
        }
        None => {}
    }
    Err(Stop::wrong(format!("error: unknown device `{asked}`\nhint: `auto`, `cpu`, or `cuda:0` and so on")))
}

/// The version of libtorch that workers are linked to: the user's own, or the pinned one.
pub fn libtorch_version() -> String {
    let own = std::fs::read_to_string(libtorch().join("build-version")).ok();
    let own = own.and_then(|text| text.trim().split('+').next().map(str::to_owned));
    own.filter(|version| !version.is_empty()).unwrap_or_else(|| setup::VERSION.to_owned())
}

/// Fetches libtorch.
pub fn setup(cuda: bool) -> Result<Exit, Stop> {
    let home = have_libtorch(cuda)?;
    eprintln!("libtorch is in {}{}", home.path.display(), if home.cuda { ", with CUDA" } else { "" });
    Ok(Exit::Done)
}

/// Brings libtorch if it is not there.
pub fn have_libtorch(cuda: bool) -> Result<LibtorchHome, Stop> {
    let mut teller = Teller::new();
    let root = root();
    let home = if cuda {
        setup::install_cuda(&root, &mut |progress| teller.tell(progress))?
    } else {
        setup::ensure_libtorch(&root, &mut |progress| teller.tell(progress))?
    };
    teller.finish();
    if let Some(warning) = &home.warning {
        eprintln!("warning: {warning}");
    }
    Ok(home)
}

/// How to start the worker: the one that `AFFEKT_WORKER` names, else one that is built now.
pub fn worker(device: &Device) -> Result<WorkerCommand, String> {
    let named = std::env::var_os("AFFEKT_WORKER").filter(|path| !path.is_empty()).map(PathBuf::from);
    let program = named.map_or_else(build_worker, Ok)?;
    let env = match device {
        Device::Cpu => vec![("CUDA_VISIBLE_DEVICES".to_owned(), String::new())],
        Device::Cuda(number) => vec![("CUDA_VISIBLE_DEVICES".to_owned(), number.to_string())],
    };
    Ok(WorkerCommand { program, env })
}

fn build_worker() -> Result<PathBuf, String> {
    have_libtorch(false).map_err(|stop| stop.text().trim_start_matches("error: ").to_owned())?;
    let runner = std::env::current_exe().map_err(|error| error.to_string())?;
    let worker = runner.with_file_name("affekt-worker");
    if !worker.exists() {
        eprintln!("building the worker: about a minute, this once …");
    }
    let output = cargo()
        .args(["build", "--quiet", "--package", "affekt-worker"])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("failed to start cargo: {error}"))?;
    if !output.status.success() {
        return Err("failed to build the worker: cargo says why above".to_owned());
    }
    Ok(worker)
}

/// Cargo, in the workspace.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// The workspace, as an absolute path: cargo names libtorch's folder so, and the two are compared.
fn root() -> PathBuf {
    let root = place::workspace();
    let root = if root.as_os_str().is_empty() { Path::new(".") } else { &root };
    std::path::absolute(root).unwrap_or_else(|_| root.to_owned())
}

fn libtorch() -> PathBuf {
    std::env::var_os("LIBTORCH").map_or_else(|| root().join(".libtorch"), PathBuf::from)
}

fn library(name: &str) -> PathBuf {
    libtorch().join("lib").join(name)
}

/// Shows how far a set-up is.
struct Teller {
    bar: Option<ProgressBar>,
    /// Steps that were told of: packages take turns in being downloaded and checked.
    told: Vec<&'static str>,
}

impl Teller {
    fn new() -> Self {
        Self { bar: None, told: Vec::new() }
    }

    fn tell(&mut self, progress: Progress) {
        match progress {
            Progress::Wait => self.line("wait", "libtorch is being fetched by another run; waiting for it"),
            Progress::Ask => self.line("ask", "fetching libtorch …"),
            Progress::Download { name, done, total } => self.bar("download", &name, done, total),
            Progress::Check { .. } => self.line("check", "checking what was downloaded"),
            Progress::Unpack { done, total } => self.bar("unpack", "unpacking", done, total),
            Progress::Note { text } => eprintln!("{text}"),
        }
    }

    fn line(&mut self, step: &'static str, text: &str) {
        if !self.told.contains(&step) {
            self.finish();
            self.told.push(step);
            eprintln!("{text}");
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
