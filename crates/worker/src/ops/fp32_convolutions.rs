//! Says which convolutions a job computes in f32 because their kernels in half precision are wrong on its device.

use affekt_graph::Context;
use affekt_torch::{forget_fp32_convolutions, fp32_convolutions};

/// Passes on a job's progress, and after it says what is new: as progress, and to standard error, which is the node's log.
pub struct Reporting<'c> {
    context: &'c mut dyn Context,
    reported: Vec<String>,
    /// How much is done, of how much.
    progress: (u64, u64),
}

impl<'c> Reporting<'c> {
    /// Begins a list for a job.
    pub fn new(context: &'c mut dyn Context) -> Self {
        forget_fp32_convolutions();
        Self { context, reported: Vec::new(), progress: (0, 0) }
    }

    /// Says what was found since the last call.
    pub fn report(&mut self) {
        let found = fp32_convolutions();
        for convolution in found.iter().filter(|found| !self.reported.contains(found)) {
            let note = format!("{convolution}: computed in fp32, its kernel in half precision is wrong here");
            crate::say(&note);
            self.context.progress(self.progress.0, self.progress.1, &note);
        }
        self.reported = found;
    }
}

impl Context for Reporting<'_> {
    fn progress(&mut self, done: u64, total: u64, note: &str) {
        self.progress = (done, total);
        self.context.progress(done, total, note);
        self.report();
    }

    fn cancelled(&self) -> bool {
        self.context.cancelled()
    }

    fn computed_with(&mut self, name: &str, value: &str) {
        self.context.computed_with(name, value);
    }

    fn memory(&mut self, mib: u64) {
        self.context.memory(mib);
    }
}

#[cfg(test)]
mod tests {
    use affekt_torch::{Autocast, Convolution, with_convolution_kernel};
    use tch::{Device, Kind, Tensor};

    use super::*;

    #[derive(Default)]
    struct Notes(Vec<String>);

    impl Context for Notes {
        fn progress(&mut self, done: u64, total: u64, note: &str) {
            self.0.push(format!("{done}/{total} {note}"));
        }

        fn cancelled(&self) -> bool {
            false
        }
    }

    /// One whose results in half precision are no numbers.
    fn wrong(_: &Convolution, xs: &Tensor, weight: &Tensor, _: Option<&Tensor>) -> Tensor {
        let product = xs.narrow(1, 0, 1).narrow(2, 0, 1) * weight.sum(xs.kind());
        if product.kind() == Kind::BFloat16 { product * f64::NAN } else { product }
    }

    #[test]
    fn what_is_computed_in_f32_is_said_once_a_job() {
        let convolve = |channels: i64| {
            let _guard = Autocast::new(Device::Cpu, Kind::BFloat16).unwrap();
            let [xs, weight] = [[1, channels, 8], [3, channels, 8]]
                .map(|shape| Tensor::ones(shape, (Kind::Float, Device::Cpu)));
            let _ys = with_convolution_kernel(wrong, || Convolution::default().forward(&xs, &weight, None));
        };
        let said = |channels: i64| {
            format!(
                "conv1d of {channels} to 3 channels, kernel 8, stride 1: computed in fp32, its kernel in half precision is \
                 wrong here"
            )
        };
        for _ in 0..2 {
            let mut notes = Notes::default();
            let mut context = Reporting::new(&mut notes);
            for step in 1..3 {
                convolve(2);
                context.progress(step, 9, "step");
            }
            convolve(4);
            context.report();
            let (two, four) = (format!("1/9 {}", said(2)), format!("2/9 {}", said(4)));
            assert_eq!(notes.0, ["1/9 step", &two, "2/9 step", &four]);
        }
    }
}
