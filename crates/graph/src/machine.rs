//! The machine that results are computed on: recorded with them, never part of a key.

use std::collections::BTreeMap;
use std::fs;

/// Instruction sets that numeric libraries choose their kernels by.
const KERNEL_SETS: [&str; 5] = ["sse4_2", "avx", "avx2", "fma", "avx512f"];

/// Names the processor, the instruction sets that decide which kernels run, and the GPUs that the driver names.
#[must_use]
pub fn machine() -> BTreeMap<String, String> {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name));
        line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
    };
    let flags: Vec<&str> = field("flags").split_whitespace().collect();
    let sets: Vec<&str> = KERNEL_SETS.into_iter().filter(|set| flags.contains(set)).collect();
    let mut machine = BTreeMap::from([
        ("cpu".to_owned(), field("model name").to_owned()),
        ("instruction sets".to_owned(), sets.join(" ")),
    ]);
    let gpus = gpus();
    if !gpus.is_empty() {
        machine.insert("gpus".to_owned(), gpus.join(", "));
    }
    machine
}

/// The models of NVIDIA's GPUs, as their driver lists them.
fn gpus() -> Vec<String> {
    let mut models = Vec::new();
    for entry in fs::read_dir("/proc/driver/nvidia/gpus").into_iter().flatten().flatten() {
        let text = fs::read_to_string(entry.path().join("information")).unwrap_or_default();
        let model = text.lines().find_map(|line| line.strip_prefix("Model:"));
        models.extend(model.map(|model| model.trim().to_owned()));
    }
    models.sort();
    models
}
