//! What a CPU computed: the numbers that other CPUs are compared with.
//!
//! `goldens.json` was made by `cargo xtask doctor --device cpu --write-goldens crates/worker/src/doctor/goldens.json` on an Intel Xeon
//! with AVX-512 and AMX, with libtorch 2.11.0. The same processor held to AVX2 (`ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2
//! MKL_ENABLE_INSTRUCTIONS=AVX2`) is off by 6e-7 at most in outputs, 1e-7 in losses, 2e-5 in gradients, 9e-6 in steps and not at all in
//! k-means, relative to their norms.

use std::collections::BTreeMap;
use std::path::Path;

use super::outcome::Error;
use super::sketch::Sketch;

/// Sketches by what they are of: `cnn: loss`.
pub type Goldens = BTreeMap<String, Sketch>;

/// Reads goldens: the shipped ones, or those of a file.
///
/// # Errors
/// When the file cannot be read or holds something else.
pub fn read(path: Option<&Path>) -> Result<Goldens, Error> {
    let text = match path {
        None => include_str!("goldens.json").to_owned(),
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| format!("failed to read goldens {}: {error}", path.display()))?,
    };
    serde_json::from_str(&text).map_err(|error| format!("failed to read goldens: {error}").into())
}

/// Writes goldens, one a line.
///
/// # Errors
/// When the file cannot be written.
pub fn write(goldens: &Goldens, path: &Path) -> Result<(), Error> {
    // Seven digits are what f32 has.
    let number = |number: &f64| format!("{number:.7e}");
    let line = |(name, sketch): (&String, &Sketch)| {
        let numbers: Vec<String> = sketch.iter().map(number).collect();
        format!("  \"{name}\": [{}]", numbers.join(", "))
    };
    let lines: Vec<String> = goldens.iter().map(line).collect();
    std::fs::write(path, format!("{{\n{}\n}}\n", lines.join(",\n")))
        .map_err(|error| format!("failed to write goldens {}: {error}", path.display()).into())
}
