//! A proof of what this process computes on: every network, trainings that are gone on with, half precision and k-means, a GPU's
//! beside the CPU's and the CPU's beside stored goldens; and what training steps take here.
//!
//! Asked for by `affekt doctor`, it answers line by line on standard output, so that what was found is told even where the next check
//! ends the process.

mod cases;
mod clusters;
mod goldens;
mod outcome;
mod sketch;
mod steps;
mod training;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use affekt_ops::doctor::{Check, DoctorRequest, Finding};
use affekt_torch::device::{libtorch_version, set_threads, threads};
use affekt_torch::{LayerProof, Numerics, check_device, describe_gpu, first_line, prove_layers};
use tch::{Device, Kind};

use self::cases::{CASES, Case};
use self::goldens::Goldens;
use self::outcome::{Error, Outcome, Place};
use self::sketch::{Sketch, distance};

/// Answers a request, as JSON has it. The exit code tells whether it was answered, not what was found.
pub fn answer(request: &str) -> ExitCode {
    let answered = serde_json::from_str(request).map_err(Error::from).and_then(|request| prove(&request));
    match answered {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            crate::say(&format!("worker: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn prove(request: &DoctorRequest) -> Result<(), Error> {
    let begun = Instant::now();
    set_threads(thread::available_parallelism().map_or(1, std::num::NonZero::get));
    Numerics::default().set();
    let device = if request.cuda { Device::Cuda(0) } else { Device::Cpu };
    for (name, value) in facts(device) {
        tell(&Finding::Fact(name, value))?;
    }
    if let Some(path) = &request.write_goldens {
        return goldens::write(&computed_on(Device::Cpu)?, path);
    }
    if let Err(error) = check_device(device) {
        return tell(&Finding::Check(Check::failed("device", 0.0, error.to_string())));
    }
    let goldens = if request.cuda { None } else { Some(goldens::read(request.goldens.as_deref())?) };
    for case in CASES {
        for check in case_checks(case, device, goldens.as_ref()) {
            tell(&Finding::Check(check))?;
        }
    }
    for check in kmeans_checks(device, goldens.as_ref()) {
        tell(&Finding::Check(check))?;
    }
    tell(&Finding::Check(training::resume_equality(device)))?;
    for half in halves(device) {
        for check in half_checks(*half, device) {
            tell(&Finding::Check(check))?;
        }
    }
    let end = begun + Duration::from_secs(request.seconds);
    steps::time_steps(&request.stages, device, end, |step| tell(&Finding::Step(step)))
}

/// What is computed with.
fn facts(device: Device) -> Vec<(String, String)> {
    let mut facts = vec![
        ("libtorch".to_owned(), libtorch_version().to_owned()),
        ("threads".to_owned(), threads().to_string()),
    ];
    if let Device::Cuda(number) = device
        && let Ok(gpu) = describe_gpu(number)
    {
        let of_gpu = [("gpu", gpu.model), ("cuda", gpu.cuda), ("cudnn", gpu.cudnn)];
        facts.extend(of_gpu.map(|(name, value)| (name.to_owned(), value)));
    }
    facts
}

/// What a CPU computes of everything that is compared.
fn computed_on(device: Device) -> Result<Goldens, Error> {
    let mut computed = Goldens::new();
    for case in CASES {
        let outcome = attempt(|| (case.compute)(Place { device, half: None }))?;
        computed.extend(outcome.parts().map(|(part, sketch)| (format!("{}: {part}", case.name), sketch)));
    }
    let clustering = attempt(|| clusters::compute(device))?;
    computed.extend(clustering.into_iter().map(|(part, sketch)| (format!("k-means: {part}"), sketch)));
    Ok(computed)
}

/// How far something may be from what it should be, in f32. Other instruction sets are off by a tenth of it at most (`goldens.rs`);
/// TF32, which has no business here, by more.
fn tolerance(part: &str) -> f64 {
    match part {
        "loss" | "objective" => 1e-5,
        "outputs" | "centroids" => 5e-5,
        "gradients" => 3e-4,
        // A step divides by gradients, of which some are small.
        _ => 1e-3,
    }
}

/// Compares what a network computes here with the goldens, or without any with what the CPU does.
fn case_checks(case: &Case, device: Device, goldens: Option<&Goldens>) -> Vec<Check> {
    let here = || Ok((case.compute)(Place { device, half: None })?.parts().collect());
    let on_cpu = || Ok((case.compute)(Place { device: Device::Cpu, half: None })?.parts().collect());
    checks(case.name, here, on_cpu, goldens)
}

/// Does the same with k-means.
fn kmeans_checks(device: Device, goldens: Option<&Goldens>) -> Vec<Check> {
    checks("k-means", || clusters::compute(device), || clusters::compute(Device::Cpu), goldens)
}

fn checks(
    name: &str,
    here: impl FnOnce() -> Result<Vec<(&'static str, Sketch)>, Error>,
    on_cpu: impl FnOnce() -> Result<Vec<(&'static str, Sketch)>, Error>,
    goldens: Option<&Goldens>,
) -> Vec<Check> {
    let is = match attempt(here) {
        Ok(is) => is,
        Err(error) => return vec![Check::failed(name, 0.0, error.to_string())],
    };
    let on_cpu = match goldens {
        Some(_) => Vec::new(),
        None => match attempt(on_cpu) {
            Ok(on_cpu) => on_cpu,
            Err(error) => return vec![Check::failed(name, 0.0, format!("on the CPU: {error}"))],
        },
    };
    let check = |(part, is): &(&str, Sketch)| {
        let (name, tolerance) = (format!("{name}: {part}"), tolerance(part));
        let should = match goldens {
            Some(goldens) => goldens.get(&name),
            None => on_cpu.iter().find(|(other, _)| other == part).map(|(_, should)| should),
        };
        match should {
            Some(should) => Check::new(name, distance(is, should), tolerance),
            None => Check::failed(name, tolerance, "there is nothing to compare it with"),
        }
    };
    is.iter().map(check).collect()
}

/// The half precisions that a device is used with.
fn halves(device: Device) -> &'static [Kind] {
    if device.is_cuda() { &[Kind::BFloat16, Kind::Half] } else { &[Kind::BFloat16] }
}

/// Networks whose autocast is compared with f32: convolutions, attention and recurrence.
const IN_HALF: [&str; 4] = ["cnn", "parallel-cnn", "wav2vec2", "wav2vec2-lstm"];

/// How far a whole network in half precision may be from f32. In bf16 outputs are off by 0.005 at most, and gradients, of which small
/// ones count for much, by 0.10; kernels that are wrong are off by about 1. Layers are proven one by one, more strictly.
fn half_tolerance(part: &str) -> f64 {
    if part == "gradients" { 0.2 } else { 0.03 }
}

/// Compares autocast with f32, network by network and layer by layer.
fn half_checks(half: Kind, device: Device) -> Vec<Check> {
    let word = if half == Kind::Half { "fp16" } else { "bf16" };
    let mut checks = Vec::new();
    for case in CASES.iter().filter(|case| IN_HALF.contains(&case.name)) {
        let computed = |half| attempt(|| (case.compute)(Place { device, half })).map(Outcome::parts);
        let name = format!("{} in {word}", case.name);
        match computed(Some(half)).and_then(|is| Ok((is, computed(None)?))) {
            Ok((is, should)) => checks.extend(is.zip(should).filter(|((part, _), _)| *part != "step").map(
                |((part, is), (_, should))| {
                    Check::new(format!("{name}: {part}"), distance(&is, &should), half_tolerance(part))
                },
            )),
            Err(error) => checks.push(Check::failed(name, 0.0, error.to_string())),
        }
    }
    let layers = prove_layers(device, half).into_iter();
    checks.extend(
        layers.map(|proof| {
            Check::new(format!("{} in {word}", proof.layer), proof.error, LayerProof::TOLERANCE)
        }),
    );
    checks
}

/// Does something, and says in a line why it cannot be done. tch's plain methods panic with what libtorch says.
fn attempt<T>(something: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let panicked = |panic: Box<dyn std::any::Any + Send>| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
        Err(first_line(text).into())
    };
    catch_unwind(AssertUnwindSafe(something)).unwrap_or_else(panicked)
}

/// Writes a line of the answer.
fn tell(finding: &Finding) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, finding)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_compared_has_a_golden() {
        let goldens = goldens::read(None).unwrap();
        let named = |name: &str| goldens.keys().filter(|key| key.split(':').next() == Some(name)).count();
        for case in CASES {
            assert!((3..=4).contains(&named(case.name)), "{}", case.name);
        }
        assert_eq!(named("k-means"), 2);
    }

    #[test]
    fn what_fails_is_a_check_that_fails() {
        let checks = checks("a", || Err("no memory".into()), || Ok(vec![]), None);
        assert_eq!(checks, [Check::failed("a", 0.0, "no memory")]);
        let sketched = |value: f64| Ok(vec![("loss", vec![value])]);
        assert!(super::checks("a", || sketched(1.0), || sketched(1.0), None)[0].ok);
        assert!(!super::checks("a", || sketched(1.0), || sketched(1.001), None)[0].ok);
        assert!(!super::checks("a", || sketched(1.0), || Ok(vec![]), None)[0].ok);
        assert!(!super::checks("a", || sketched(1.0), || panic!("an illegal access"), None)[0].ok);
    }
}
