//! What a machine has and lacks of what experiments need.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use affekt_encoders::Hub;
use serde::Serialize;

use crate::device::{self, VisibleGpu};
use crate::exit::Stop;
use crate::{fetch, libtorch, place};

/// What was found.
#[derive(Debug, Serialize)]
pub struct MachineFacts {
    pub affekt: &'static str,
    /// The kernel.
    pub system: String,
    pub cpu: String,
    pub instruction_sets: String,
    /// That this process may use.
    pub cores: usize,
    pub memory_mib: Option<u64>,
    pub free_memory_mib: Option<u64>,
    /// NVIDIA's driver and the CUDA it supports, or why there is none.
    pub driver: String,
    /// What the user shows of the GPUs.
    pub cuda_visible_devices: Option<String>,
    pub gpus: Vec<GpuFacts>,
    pub libtorch: LibtorchFacts,
    /// Versions of programs; none of those that are not there.
    pub programs: BTreeMap<&'static str, Option<String>>,
    pub places: Vec<PlaceFacts>,
    /// Whether there are tokens, by whose they are.
    pub tokens: BTreeMap<&'static str, bool>,
    pub slurm: SlurmFacts,
    /// What is not there and what to do about it.
    pub lacks: Vec<String>,
    /// What the workers computed with, by device.
    pub computed_with: BTreeMap<String, BTreeMap<String, String>>,
}

/// A GPU that can be seen.
#[derive(Debug, Serialize)]
pub struct GpuFacts {
    /// `cuda:0`
    pub name: String,
    /// Its entry of `CUDA_VISIBLE_DEVICES`.
    pub visible: String,
    pub model: Option<String>,
    pub memory_mib: Option<u64>,
}

/// libtorch, on disk.
#[derive(Debug, Serialize)]
pub struct LibtorchFacts {
    pub folder: PathBuf,
    pub is_there: bool,
    pub version: String,
    pub has_cuda: bool,
    /// The version of its CUDA libraries.
    pub cuda: Option<String>,
}

/// A folder that much is written to.
#[derive(Debug, Serialize)]
pub struct PlaceFacts {
    pub what: &'static str,
    pub path: PathBuf,
    pub exists: bool,
    pub free_mib: Option<u64>,
}

/// Slurm's client.
#[derive(Debug, Serialize)]
pub struct SlurmFacts {
    pub version: Option<String>,
    /// The job that this process is part of.
    pub job: Option<String>,
}

/// Programs that are asked for their versions, and what each is for.
const PROGRAMS: [(&str, &[&str], Option<&str>); 6] = [
    ("c++", &["--version"], Some("builds the worker: install g++ or clang")),
    ("cargo", &["--version"], Some("builds the worker in a checkout: install Rust from https://rustup.rs")),
    ("rustc", &["--version"], None),
    ("python3", &["--version"], Some("downloads libtorch, with pip: install Python 3, or set LIBTORCH")),
    ("pip", &["-m", "pip", "--version"], Some("downloads libtorch: install python3-pip, or set LIBTORCH")),
    ("sbatch", &["--version"], None),
];

/// Less free than this is worth a word.
const LITTLE_SPACE_MIB: u64 = 10 << 10;

impl MachineFacts {
    /// Looks at this machine. `cache` is the store, where it is not in its usual place.
    ///
    /// # Errors
    /// When `AFFEKT_FAKE_GPUS` cannot be read, or the store's name is not UTF-8.
    pub fn find(cache: Option<&Path>) -> Result<Self, Stop> {
        let discovered = device::discover()?;
        let mut named = affekt_graph::machine();
        let mut take = |name: &str| named.remove(name).unwrap_or_default();
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let programs: BTreeMap<_, _> =
            PROGRAMS.iter().map(|(name, arguments, _)| (*name, version(name, arguments))).collect();
        let mut facts = Self {
            affekt: env!("CARGO_PKG_VERSION"),
            system: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            cpu: take("cpu"),
            instruction_sets: take("instruction sets"),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory_mib: mebibytes(&memory, "MemTotal"),
            free_memory_mib: mebibytes(&memory, "MemAvailable"),
            driver: discovered.driver,
            cuda_visible_devices: env::var("CUDA_VISIBLE_DEVICES").ok(),
            gpus: discovered.gpus.iter().enumerate().map(GpuFacts::of).collect(),
            libtorch: LibtorchFacts::find(),
            slurm: SlurmFacts {
                version: programs["sbatch"].clone(),
                job: env::var("SLURM_JOB_ID").ok().filter(|job| !job.is_empty()),
            },
            programs,
            places: places(cache)?,
            tokens: BTreeMap::from([("Hugging Face", fetch::has_hub_token())]),
            lacks: Vec::new(),
            computed_with: BTreeMap::new(),
        };
        facts.lacks = facts.lacking();
        Ok(facts)
    }

    fn lacking(&self) -> Vec<String> {
        let mut lacks = Vec::new();
        for (name, _, purpose) in PROGRAMS {
            if let (None, Some(purpose)) = (&self.programs[name], purpose) {
                lacks.push(format!("{name}, which {purpose}"));
            }
        }
        if !self.libtorch.is_there {
            let folder = self.libtorch.folder.display();
            lacks.push(format!("libtorch in {folder}: `{} setup` downloads it", place::program()));
        } else if !self.gpus.is_empty() && !self.libtorch.has_cuda {
            lacks.push(format!(
                "CUDA libraries of libtorch: `{} setup --cuda` downloads them",
                place::program()
            ));
        }
        let is_little = |place: &&PlaceFacts| place.free_mib.is_some_and(|free| free < LITTLE_SPACE_MIB);
        for place in self.places.iter().filter(is_little) {
            let free = place.free_mib.unwrap_or_default();
            lacks.push(format!("space for {}: {free} MiB are free in {}", place.what, place.path.display()));
        }
        lacks
    }
}

impl GpuFacts {
    fn of((number, gpu): (usize, &VisibleGpu)) -> Self {
        Self {
            name: format!("cuda:{number}"),
            visible: gpu.entry.clone(),
            model: Some(gpu.model.clone()).filter(|model| !model.is_empty()),
            memory_mib: Some(gpu.memory_mib).filter(|memory| *memory > 0),
        }
    }
}

impl LibtorchFacts {
    fn find() -> Self {
        let is_there = libtorch::has("libtorch_cpu.so");
        let has_cuda = libtorch::has("libtorch_cuda.so");
        let cuda = libtorch::cuda_version().filter(|_| has_cuda);
        Self {
            folder: libtorch::home(),
            is_there,
            version: libtorch::version(),
            has_cuda,
            cuda: cuda.map(|(major, minor)| format!("{major}.{minor}")),
        }
    }
}

fn places(cache: Option<&Path>) -> Result<Vec<PlaceFacts>, Stop> {
    let hub = Hub::of_environment();
    let mut places = vec![
        ("store", place::cache(cache)?),
        ("encoders", hub.cache().to_owned()),
        ("temporary files", env::temp_dir()),
    ];
    places.extend(place::data(None).map(|data| ("corpora", data)));
    let facts = |(what, path): (_, PathBuf)| {
        let free_mib = fetch::free_space(&path).map(|bytes| bytes >> 20);
        PlaceFacts { what, exists: path.exists(), path, free_mib }
    };
    Ok(places.into_iter().map(facts).collect())
}

/// The first line that a program says of its version.
fn version(name: &str, arguments: &[&str]) -> Option<String> {
    let program = match name {
        "c++" => env::var_os("CXX").filter(|path| !path.is_empty()).unwrap_or_else(|| name.into()),
        "pip" => "python3".into(),
        _ => name.into(),
    };
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let output = output.ok().filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

/// From lines such as `MemTotal:       32859376 kB`.
fn mebibytes(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kibibytes| kibibytes >> 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel_are_read() {
        let text = "MemTotal:       32859376 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(mebibytes(text, "MemTotal"), Some(32_089));
        assert_eq!(mebibytes(text, "MemAvailable"), Some(2));
        assert_eq!(mebibytes(text, "MemFree"), None);
    }

    #[test]
    fn programs_that_are_not_there_have_no_version() {
        assert_eq!(version("affekt-no-such-program", &["--version"]), None);
        assert!(version("cargo", &["--version"]).is_some_and(|text| text.starts_with("cargo ")));
    }

    #[test]
    fn what_is_lacking_is_said_with_what_to_do() {
        let mut facts = MachineFacts::find(None).unwrap();
        facts.programs.insert("c++", None);
        facts.libtorch.is_there = false;
        facts.places[0].free_mib = Some(7);
        let lacks = facts.lacking().join("\n");
        assert!(lacks.contains("c++, which builds the worker: install g++"), "{lacks}");
        assert!(lacks.contains("setup` downloads it"), "{lacks}");
        assert!(lacks.contains("space for store: 7 MiB are free"), "{lacks}");
    }
}
