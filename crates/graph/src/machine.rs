//! The machine that results are computed on: recorded with them, never part of a key.

use std::collections::BTreeMap;
use std::fs;

/// Instruction sets that numeric libraries choose their kernels by.
const KERNEL_SETS: [&str; 5] = ["sse4_2", "avx", "avx2", "fma", "avx512f"];

/// Names the processor and the instruction sets that decide which kernels run. A GPU is named by who computes on it.
#[must_use]
pub fn machine() -> BTreeMap<String, String> {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name));
        line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
    };
    let flags: Vec<&str> = field("flags").split_whitespace().collect();
    let sets: Vec<&str> = KERNEL_SETS.into_iter().filter(|set| flags.contains(set)).collect();
    BTreeMap::from([
        ("cpu".to_owned(), field("model name").to_owned()),
        ("instruction sets".to_owned(), sets.join(" ")),
    ])
}
