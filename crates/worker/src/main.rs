//! The one binary linked to libtorch: runs the nodes it is handed.
//!
//! The runner starts it and speaks to it over standard input and output (`affekt_graph::serve`); on its own it
//! says what it runs on and ends.

#![allow(clippy::print_stderr, reason = "started by hand, it speaks to a person")]

use std::collections::BTreeMap;
use std::io::{IsTerminal, stdin};
use std::process::ExitCode;

use affekt_graph::{Hello, PROTOCOL, serve};
use affekt_ops::WorkerOps;
use affekt_torch::device;

fn main() -> ExitCode {
    // Before anything asks for a GPU: linking alone does not load libtorch's CUDA half.
    let has_cuda = device::load_cuda();
    let hello = Hello { protocol: PROTOCOL, ops: WorkerOps.versions(), provenance: provenance(has_cuda) };
    if stdin().is_terminal() {
        for (name, value) in &hello.provenance {
            eprintln!("{name}: {value}");
        }
        return ExitCode::SUCCESS;
    }
    match serve(&WorkerOps, hello) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("worker: failed to speak to the runner: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the bits of a result may depend on beyond what its key holds.
fn provenance(has_cuda: bool) -> BTreeMap<String, String> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown", |(_, name)| name.trim());
    BTreeMap::from([
        ("affekt".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("cpu".to_owned(), model.to_owned()),
        ("gpus".to_owned(), if has_cuda { tch::Cuda::device_count() } else { 0 }.to_string()),
        ("libtorch".to_owned(), device::libtorch_version().to_owned()),
    ])
}
