//! The device of a job: set up before it, asked afterwards whether it still works and what it was used for.

use std::any::Any;
use std::panic::resume_unwind;

use affekt_graph::{Context, Failure, Job};
use affekt_spec::training::{Optimisation, Precision};
use affekt_torch::device::{DeviceChoice, set_threads};
use affekt_torch::{
    Numerics, check_device, describe_gpu, forget_memory_peak, memory_use, release_cached_memory,
};
use tch::Device;

/// Returns the device that a job is to be computed on: the CPU, or the only GPU that this process sees.
///
/// # Errors
/// When there is no GPU.
pub fn of(job: &Job) -> Result<Device, Failure> {
    let threads = job.numerics.get("threads").and_then(|threads| threads.parse().ok());
    set_threads(threads.unwrap_or(1));
    let choice = match job.numerics.get("device").map(String::as_str) {
        Some("cuda") => DeviceChoice::Cuda(0),
        _ => DeviceChoice::Cpu,
    };
    choice.resolve().map_err(|error| Failure::Device { message: error.to_string() })
}

/// Begins a job on a device, and files what it is.
///
/// # Errors
/// When it does not work.
pub fn begin(device: Device, context: &mut dyn Context) -> Result<(), Failure> {
    Numerics::default().set();
    check(device)?;
    context.computed_with("precision", "fp32");
    // Whoever does not tell is not asked at the end, either.
    let _ = forget_memory_peak(device);
    match device {
        Device::Cuda(number) => {
            context.computed_with("device", "cuda");
            if let Ok(gpu) = describe_gpu(number) {
                context.computed_with("gpu", &gpu.model);
                context.computed_with("cuda", &gpu.cuda);
                context.computed_with("cudnn", &gpu.cudnn);
            }
        }
        _ => context.computed_with("device", "cpu"),
    }
    Ok(())
}

/// Files how a training is computed on a device.
pub fn file_training(optimisation: &Optimisation, device: Device, context: &mut dyn Context) {
    let precision = match optimisation.precision {
        Precision::Fp32 => "fp32",
        Precision::Tf32 if device.is_cuda() => "tf32, what is evaluated fp32",
        Precision::Tf32 => "fp32 (tf32 was asked for, which a CPU has not)",
        Precision::Bf16 => "bf16 by autocast, weights, losses and what is evaluated fp32",
        Precision::Fp16 => "fp16 by autocast with scaled losses, weights, losses and what is evaluated fp32",
    };
    context.computed_with("precision", precision);
    if device.is_cuda() {
        let algorithms = match (optimisation.deterministic, optimisation.cudnn_benchmark) {
            (true, _) => "deterministic",
            (false, true) => "fastest by trial",
            (false, false) => "by rule",
        };
        context.computed_with("cudnn algorithms", algorithms);
    }
}

/// Ends a job that came to `result`, or panicked: files how much memory it needed, and gives back what is kept of a GPU's.
///
/// # Errors
/// When it failed; where its GPU does not work any more, that is why.
pub fn end(
    device: Device,
    result: Result<Result<(), Failure>, Box<dyn Any + Send>>,
    context: &mut dyn Context,
) -> Result<(), Failure> {
    let is_done = matches!(result, Ok(Ok(())));
    if !is_done && device != Device::Cpu {
        // An error that a GPU does not recover from: whatever was said, it is not the job's fault alone.
        if let Err(Failure::Device { message }) = check(device) {
            let said = match &result {
                Ok(Err(failure)) => format!("; the node said: {failure}"),
                _ => String::new(),
            };
            return Err(Failure::Device { message: format!("{message}{said}") });
        }
    }
    if let Ok(used) = memory_use(device) {
        let bytes = used.reserved_peak_bytes.unwrap_or(used.peak_bytes);
        context.memory(bytes.div_ceil(1 << 20));
    }
    let _ = release_cached_memory(device);
    result.unwrap_or_else(|panic| resume_unwind(panic))
}

fn check(device: Device) -> Result<(), Failure> {
    check_device(device)
        .map_err(|error| Failure::Device { message: format!("the GPU cannot be computed on: {error}") })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Default)]
    struct Filed(BTreeMap<String, String>, Option<u64>);

    impl Context for Filed {
        fn progress(&mut self, _: u64, _: u64, _: &str) {}

        fn cancelled(&self) -> bool {
            false
        }

        fn computed_with(&mut self, name: &str, value: &str) {
            self.0.insert(name.to_owned(), value.to_owned());
        }

        fn memory(&mut self, mib: u64) {
            self.1 = Some(mib);
        }
    }

    fn job(device: &str) -> Job {
        let numerics = BTreeMap::from([("device".to_owned(), device.to_owned())]);
        Job {
            node: String::new(),
            op: String::new(),
            version: 1,
            params: serde_json::Value::Null,
            inputs: Vec::new(),
            outputs: BTreeMap::new(),
            seed: None,
            numerics,
            state: None,
        }
    }

    #[test]
    fn a_job_files_its_device_and_the_memory_that_it_needed() {
        let mut filed = Filed::default();
        begin(of(&job("cpu")).unwrap(), &mut filed).unwrap();
        end(Device::Cpu, Ok(Ok(())), &mut filed).unwrap();
        assert_eq!(filed.0["device"], "cpu");
        assert!(filed.1.is_some_and(|mib| mib > 1), "{:?}", filed.1);
    }

    #[test]
    fn a_training_files_what_it_really_computes_with() {
        let filed = |precision, device| {
            let mut filed = Filed::default();
            let optimisation = Optimisation { precision, deterministic: true, ..Optimisation::default() };
            file_training(&optimisation, device, &mut filed);
            filed.0
        };
        assert_eq!(filed(Precision::Fp32, Device::Cpu)["precision"], "fp32");
        assert!(filed(Precision::Tf32, Device::Cpu)["precision"].starts_with("fp32"));
        assert!(filed(Precision::Tf32, Device::Cuda(0))["precision"].starts_with("tf32"));
        assert!(filed(Precision::Fp16, Device::Cpu)["precision"].starts_with("fp16"));
        assert_eq!(filed(Precision::Bf16, Device::Cuda(0))["cudnn algorithms"], "deterministic");
        assert!(!filed(Precision::Bf16, Device::Cpu).contains_key("cudnn algorithms"));
    }

    #[test]
    fn a_gpu_that_does_not_work_is_no_fault_of_the_jobs() {
        if tch::Cuda::device_count() == 0 {
            assert!(matches!(of(&job("cuda")), Err(Failure::Device { .. })));
        }
        let nowhere = Device::Cuda(4096);
        assert!(matches!(begin(nowhere, &mut Filed::default()), Err(Failure::Device { .. })));
        let failed = Failure::Failed { message: "CUDA error: an illegal memory access".into() };
        match end(nowhere, Ok(Err(failed.clone())), &mut Filed::default()) {
            Err(Failure::Device { message }) => {
                assert!(message.ends_with("an illegal memory access"), "{message}")
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(end(Device::Cpu, Ok(Err(failed.clone())), &mut Filed::default()), Err(failed));
    }
}
