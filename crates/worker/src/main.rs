//! The one binary linked to libtorch: runs the nodes it is handed.
//!
//! The runner starts it and speaks to it over standard input and output (`affekt_graph::serve`), or asks it for a proof of what it
//! computes on (`doctor`); on its own it says what it runs on and ends.

mod artefact;
mod doctor;
mod ops;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write, stderr, stdin};
use std::process::ExitCode;

use affekt_graph::{Hello, PROTOCOL, explain_bus_errors, machine, serve, stop_on_signals};
use affekt_ops::doctor::DOCTOR;
use affekt_torch::{device, keep_freed_memory};

use crate::ops::WorkerOps;

fn main() -> ExitCode {
    keep_freed_memory();
    explain_bus_errors();
    // cuBLAS reads it when it starts: without it trainings with `deterministic` are refused on a GPU.
    if std::env::var_os("CUBLAS_WORKSPACE_CONFIG").is_none() {
        // SAFETY: no other thread runs yet.
        unsafe { std::env::set_var("CUBLAS_WORKSPACE_CONFIG", ":4096:8") };
    }
    // Before anything asks for a GPU: linking alone does not load libtorch's CUDA half.
    device::load_cuda();
    let mut words = std::env::args().skip(1);
    if words.next().as_deref() == Some(DOCTOR) {
        return doctor::answer(&words.next().unwrap_or_default());
    }
    let hello = Hello { protocol: PROTOCOL, ops: WorkerOps::versions(), provenance: provenance() };
    if stdin().is_terminal() {
        for (name, value) in &hello.provenance {
            say(&format!("{name}: {value}"));
        }
        return ExitCode::SUCCESS;
    }
    stop_on_signals();
    match serve(&WorkerOps::default(), hello) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("worker: failed to speak to the runner: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Says a line on standard error, which the runner keeps in a log; where it has ended meanwhile, nobody.
fn say(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

/// What the bits of a result may depend on beyond what its key holds.
fn provenance() -> BTreeMap<String, String> {
    let mut provenance = machine();
    provenance.insert("affekt".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    provenance
}
