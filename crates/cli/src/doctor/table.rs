//! What `doctor` found, for a person.

use affekt_ops::doctor::{Check, StepTime};

use super::Findings;
use super::machine::MachineFacts;
use crate::out::out;

/// Prints everything.
pub fn print(findings: &Findings) {
    print_machine(&findings.machine);
    print_checks(&findings.checks);
    if !findings.steps.is_empty() {
        print_steps(&findings.steps);
    }
    let failed = findings.checks.iter().filter(|check| !check.ok).count();
    match failed {
        0 => out!("\nall {} checks hold", findings.checks.len()),
        _ => out!("\n{failed} of {} checks failed", findings.checks.len()),
    }
}

fn print_machine(machine: &MachineFacts) {
    let mebibytes = |size: Option<u64>| size.map_or_else(|| "?".to_owned(), |size| format!("{size} MiB"));
    let row = |name: &str, value: &str| out!("{name:<16}  {value}");
    row("affekt", machine.affekt);
    row("system", &machine.system);
    row("cpu", &format!("{}, {} cores, {}", machine.cpu, machine.cores, machine.instruction_sets));
    let free = mebibytes(machine.free_memory_mib);
    row("memory", &format!("{}, {free} free", mebibytes(machine.memory_mib)));
    row("driver", &machine.driver);
    if let Some(list) = &machine.cuda_visible_devices {
        row("visible", &format!("CUDA_VISIBLE_DEVICES={list}"));
    }
    for gpu in &machine.gpus {
        let model = gpu.model.as_deref().unwrap_or("unknown model");
        row(&gpu.name, &format!("{model}, {}, `{}`", mebibytes(gpu.memory_mib), gpu.visible));
    }
    let libtorch = &machine.libtorch;
    let there = if libtorch.is_there { "" } else { ", which is not there" };
    let cuda = match (&libtorch.cuda, libtorch.has_cuda) {
        (Some(version), _) => format!("CUDA {version}"),
        (None, true) => "CUDA".to_owned(),
        (None, false) => "without CUDA".to_owned(),
    };
    row("libtorch", &format!("{}, {cuda}, in {}{there}", libtorch.version, libtorch.folder.display()));
    for (name, version) in &machine.programs {
        row(name, version.as_deref().unwrap_or("-"));
    }
    for place in &machine.places {
        let new = if place.exists { "" } else { " (not there yet)" };
        row(place.what, &format!("{}{new}, {} free", place.path.display(), mebibytes(place.free_mib)));
    }
    for (name, is_there) in &machine.tokens {
        row("token", &format!("{name}: {}", if *is_there { "present" } else { "none" }));
    }
    if let Some(job) = &machine.slurm.job {
        row("slurm job", job);
    }
    for (device, facts) in &machine.computed_with {
        let facts: Vec<String> = facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
        row("computed with", &format!("{device}: {}", facts.join(", ")));
    }
    machine.lacks.iter().for_each(|lacks| row("lacks", lacks));
}

fn print_checks(checks: &[Check]) {
    let width = checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0).max("check".len());
    out!("\n{:<width$}  {:>9}  {:>9}", "check", "distance", "at most");
    for check in checks {
        let value = check.value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1e}"));
        let verdict = if check.ok { "ok" } else { "FAILED" };
        let why = check.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        out!("{:<width$}  {value:>9}  {:>9}  {verdict}{why}", check.name, format!("{:.0e}", check.tolerance));
    }
}

fn print_steps(steps: &[StepTime]) {
    let width = |title: &str, text: fn(&StepTime) -> &str| {
        steps.iter().map(|step| text(step).chars().count()).max().unwrap_or(0).max(title.len())
    };
    let (names, batches) = (width("step", |step| &step.name), width("batch", |step| &step.batch));
    out!(
        "\n{:<names$}  {:<batches$}  {:>8}  {:>10}  {:>10}  {:>9}  {:>5}",
        "step",
        "batch",
        "fraction",
        "time",
        "memory",
        "GFLOP",
        "use"
    );
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    for step in steps {
        let time = or_none(step.milliseconds.map(|milliseconds| format!("{milliseconds:.1} ms")));
        let memory = or_none(step.peak_memory.map(|bytes| format!("{} MiB", bytes >> 20)));
        let used = or_none(step.flop_use.map(|used| format!("{:.0} %", 100.0 * used)));
        let why = step.why.as_ref().map_or_else(String::new, |why| format!("  {why}"));
        out!(
            "{:<names$}  {:<batches$}  {:>8.2e}  {time:>10}  {memory:>10}  {:>9.1}  {used:>5}{why}",
            step.name,
            step.batch,
            step.fraction,
            step.flop as f64 / 1e9
        );
    }
    out!(
        "\nstep: a training step with random weights on noise, the median of some; fraction: of the operations of the stage's own \
         step, extrapolated to nothing;\nmemory: most that was needed, of tensors on a GPU and of the whole worker on a CPU; GFLOP: \
         matrix products and convolutions;\nuse: those per second, of a measured matrix product in the same precision"
    );
}
