//! Proofs of libtorch's convolutions in half precision.
//!
//! On processors with AMX, oneDNN's bf16 kernels in libtorch 2.11 compute garbage for some small shapes, without an error
//! (`docs/decisions/half-precision-convolutions.md`). Which kernel is chosen depends on the processor, the shape and the
//! layout in memory; so a convolution that is met under autocast is computed once both ways, from random numbers, before
//! its kernel is trusted, on the CPU as on a GPU. Where the kernel is wrong, the convolution is computed in f32 from then on,
//! and noted.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tch::{Device, Kind, Tensor};

use crate::autocast::setting;
use crate::{Convolution, Random, counts_operators, without_autocast};

/// What computes a convolution of an input with a weight and a bias.
pub type ConvolutionKernel = fn(&Convolution, &Tensor, &Tensor, Option<&Tensor>) -> Tensor;

/// How far outputs and gradients in half precision may be from those in f32 of the same rounded inputs, relative to
/// their norm. Rounding to bf16 makes 0.0017, and 0.009 in the gradient of the input of a kernel 128 wide where there is
/// no AVX-512, for it is added up in bf16 there; kernels that are wrong were off by about 1.
pub(crate) const TOLERANCE: f64 = 0.05;

/// How many outputs are computed along an axis in a proof, at most, of convolutions over one axis and over two. What
/// remains of the input behind the last stride stays as it is: kernels are chosen by it too.
const MOST_OUTPUTS: [i64; 2] = [100, 20];

/// Rows of a proof's batch.
const MOST_ROWS: i64 = 2;

/// Lists the convolutions that this thread computed in f32 under autocast, because their kernels in half precision are
/// wrong, since [`forget_fp32_convolutions`].
#[must_use]
pub fn fp32_convolutions() -> Vec<String> {
    FOUND.with_borrow(|found| found.iter().cloned().collect())
}

/// Begins a new list of [`fp32_convolutions`].
pub fn forget_fp32_convolutions() {
    FOUND.with_borrow_mut(BTreeSet::clear);
}

/// Calls `body`, in which this thread computes convolutions by `kernel` instead of libtorch's. Tests show by one that is
/// wrong what is done about it.
pub fn with_convolution_kernel<T>(kernel: ConvolutionKernel, body: impl FnOnce() -> T) -> T {
    let _restored = Restored(PROOFS.replace(Arc::new(Proofs::of(kernel))));
    body()
}

/// Computes a convolution, under autocast by a kernel that is proven.
pub(crate) fn convolve(
    convolution: &Convolution,
    xs: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
) -> Tensor {
    let proofs = PROOFS.with_borrow(Arc::clone);
    if let Some(kind) = setting(xs.device()) {
        let problem = Problem::new(convolution, xs, weight, bias.is_some(), kind);
        if !proofs.hold(&problem) {
            FOUND.with_borrow_mut(|found| found.insert(problem.to_string()));
            let in_f32 = |tensor: &Tensor| tensor.to_kind(Kind::Float);
            return without_autocast(|| {
                (proofs.kernel)(convolution, &in_f32(xs), &in_f32(weight), bias.map(in_f32).as_ref())
            });
        }
    }
    (proofs.kernel)(convolution, xs, weight, bias)
}

thread_local! {
    /// Those of libtorch's kernels, but in tests.
    static PROOFS: RefCell<Arc<Proofs>> = RefCell::new(Arc::clone(&LIBTORCH));
    static FOUND: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

static LIBTORCH: LazyLock<Arc<Proofs>> = LazyLock::new(|| Arc::new(Proofs::of(libtorch)));

/// Brings back what was, also when a body panics.
struct Restored(Arc<Proofs>);

impl Drop for Restored {
    fn drop(&mut self) {
        PROOFS.set(Arc::clone(&self.0));
    }
}

/// Which problems a kernel solves.
struct Proofs {
    kernel: ConvolutionKernel,
    solved: Mutex<HashMap<Problem, bool>>,
}

impl Proofs {
    fn of(kernel: ConvolutionKernel) -> Self {
        Self { kernel, solved: Mutex::default() }
    }

    /// Whether the kernel is right about a problem, which is tried out where it is new.
    fn hold(&self, problem: &Problem) -> bool {
        let solved = || self.solved.lock().unwrap_or_else(PoisonError::into_inner);
        let known = solved().get(problem).copied();
        known.unwrap_or_else(|| {
            let is_right = problem.errors(self.kernel).iter().all(|error| *error <= TOLERANCE);
            solved().insert(problem.clone(), is_right);
            is_right
        })
    }
}

/// A convolution, as far as a kernel is chosen by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Problem {
    convolution: Convolution,
    /// `[batch, inputs, length…]`
    input: Vec<i64>,
    /// Whether the input's channels lie side by side in memory.
    channels_last: bool,
    /// `[outputs, inputs / groups, kernel…]`
    weight: Vec<i64>,
    bias: bool,
    kind: Kind,
    device: Device,
}

impl Problem {
    /// The convolution of an input, or of the beginning of one that is long.
    fn new(convolution: &Convolution, xs: &Tensor, weight: &Tensor, bias: bool, kind: Kind) -> Self {
        let (mut input, weight) = (xs.size(), weight.size());
        let channels_last = are_channels_side_by_side(xs);
        let Convolution { stride, padding, dilation, .. } = *convolution;
        let most = if input.len() == 3 { MOST_OUTPUTS[0] } else { MOST_OUTPUTS[1] };
        for (length, kernel) in input.iter_mut().zip(&weight).skip(2) {
            let outputs = (*length + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
            *length -= stride * (outputs - most).max(0);
        }
        input[0] = input[0].min(MOST_ROWS);
        Self { convolution: *convolution, input, channels_last, weight, bias, kind, device: xs.device() }
    }

    /// How far a kernel's output and its gradients of input, weight and bias in half precision are from those in f32, relative
    /// to their norm; none for an empty input.
    fn errors(&self, kernel: ConvolutionKernel) -> Vec<f64> {
        if self.input.contains(&0) {
            return Vec::new();
        }
        let mut random = Random::new(0, "proof of a convolution");
        let mut draw = |shape: &[i64]| {
            let count = shape.iter().product::<i64>();
            let values: Vec<f32> = (0..count).map(|_| random.uniform(-1.0, 1.0)).collect();
            Tensor::from_slice(&values).view(shape).to_device(self.device).to_kind(self.kind)
        };
        let (xs, weight) = (draw(&self.input), draw(&self.weight));
        let xs = if self.channels_last { channels_last(&xs) } else { xs };
        let mut inputs = vec![xs, weight];
        inputs.extend(self.bias.then(|| draw(&self.weight[..1])));
        without_autocast(|| {
            tch::with_grad(|| {
                relative_errors(&inputs, self.kind, &mut draw, |inputs| {
                    kernel(&self.convolution, &inputs[0], &inputs[1], inputs.get(2))
                })
            })
        })
    }
}

/// How far the output and the gradients of all inputs of a function in half precision are from those in f32 of the same inputs,
/// relative to their norm. The gradients are those of a sum weighted by what `draw` gives for the output's shape.
pub(crate) fn relative_errors(
    inputs: &[Tensor],
    half: Kind,
    draw: &mut dyn FnMut(&[i64]) -> Tensor,
    function: impl Fn(&[Tensor]) -> Tensor,
) -> Vec<f64> {
    let mut cotangent = None;
    let mut compute = |kind: Kind| {
        let leaf = |tensor: &Tensor| tensor.detach().to_kind(kind).set_requires_grad(true);
        let leaves: Vec<Tensor> = inputs.iter().map(leaf).collect();
        let output = function(&leaves);
        let cotangent = cotangent.get_or_insert_with(|| draw(&output.size()));
        (&output * cotangent.to_kind(kind)).sum(kind).backward();
        let mut results = vec![output.detach()];
        results.extend(leaves.iter().map(Tensor::grad));
        results
    };
    let (halves, wholes) = (compute(half), compute(Kind::Float));
    let error = |(half, whole): (&Tensor, &Tensor)| {
        let difference = (half.to_kind(Kind::Float) - whole).norm();
        difference.double_value(&[]) / whole.norm().double_value(&[])
    };
    halves.iter().zip(&wholes).map(error).collect()
}

/// Says it as a person knows it, without the input's length.
impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Convolution { stride, padding, dilation, groups } = self.convolution;
        let (axes, inputs, outputs) = (self.weight.len() - 2, self.input[1], self.weight[0]);
        let kernel = self.weight[2..].iter().map(i64::to_string).collect::<Vec<_>>().join(" × ");
        write!(f, "conv{axes}d of {inputs} to {outputs} channels, kernel {kernel}, stride {stride}")?;
        for (name, value, usual) in
            [("padding", padding, 0), ("dilation", dilation, 1), ("groups", groups, 1)]
        {
            if value != usual {
                write!(f, ", {name} {value}")?;
            }
        }
        Ok(())
    }
}

/// The same values with the channels side by side in memory.
fn channels_last(xs: &Tensor) -> Tensor {
    let axes = xs.dim() as i64;
    let to_last: Vec<i64> = [0].into_iter().chain(2..axes).chain([1]).collect();
    let back: Vec<i64> = [0, axes - 1].into_iter().chain(1..axes - 1).collect();
    xs.permute(to_last).contiguous().permute(back)
}

/// libtorch's own kernels: oneDNN's, where it has any.
#[expect(clippy::disallowed_methods, reason = "this is where they are proven")]
fn libtorch(convolution: &Convolution, xs: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let Convolution { stride, padding, dilation, groups } = *convolution;
    if xs.dim() != 3 {
        return xs.conv2d(weight, bias, [stride; 2], [padding; 2], [dilation; 2], groups);
    }
    let is_on_cpu = xs.device() == Device::Cpu && !counts_operators();
    if is_on_cpu && are_channels_side_by_side(xs) {
        // conv1d would copy them apart; conv2d has kernels for channels as they lie.
        let axes = |along| [1, along];
        return xs
            .unsqueeze(2)
            .conv2d(&weight.unsqueeze(2), bias, axes(stride), [0, padding], axes(dilation), groups)
            .squeeze_dim(2);
    }
    if is_on_cpu && xs.size()[1] == 1 && (padding, dilation) == (0, 1) {
        // oneDNN's kernels are for many channels. The windows over one are the columns of a matrix.
        let windows = xs.squeeze_dim(1).unfold(1, weight.size()[2], stride).transpose(1, 2); // [batch, kernel, outputs' length]
        let ys = weight.squeeze_dim(1).expand([xs.size()[0], -1, -1], /* implicit */ false).bmm(&windows);
        return match bias {
            None => ys,
            Some(bias) => ys + bias.unsqueeze(1),
        };
    }
    xs.conv1d(weight, bias, stride, padding, dilation, groups)
}

/// Whether the channels of `[batch, channels, …]` lie side by side in memory.
fn are_channels_side_by_side(xs: &Tensor) -> bool {
    xs.size().get(1).is_some_and(|channels| *channels > 1) && xs.stride()[1] == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The problem of a batch of noise.
    fn problem(convolution: Convolution, input: &[i64], weight: &[i64]) -> Problem {
        let zeros = |shape: &[i64]| Tensor::zeros(shape, (Kind::Float, Device::Cpu));
        Problem::new(&convolution, &zeros(input), &zeros(weight), true, Kind::BFloat16)
    }

    const HALVES: [Kind; 2] = [Kind::BFloat16, Kind::Half];

    #[test]
    fn a_long_input_is_tried_by_its_beginning() {
        let strided = Convolution { stride: 5, ..Convolution::default() };
        // (16_003 − 10) / 5 leaves 3 samples behind the last stride.
        let long = problem(strided, &[8, 1, 16_003], &[16, 1, 10]);
        assert_eq!(long.input, [2, 1, 99 * 5 + 10 + 3]);
        assert_eq!(problem(strided, &[1, 1, 12], &[16, 1, 10]).input, [1, 1, 12]);
        let same = Convolution { padding: 1, ..Convolution::default() };
        assert_eq!(problem(same, &[3, 4, 128, 11], &[4, 4, 3, 3]).input, [2, 4, 20, 11]);
    }

    #[test]
    fn rounding_is_far_below_the_tolerance() {
        let default = Convolution::default();
        for (convolution, input, weight) in [
            (Convolution { stride: 5, ..default }, &[2, 1, 900][..], &[64, 1, 10][..]),
            (Convolution { stride: 2, ..default }, &[2, 512, 300], &[512, 512, 3]),
            (Convolution { padding: 64, groups: 16, ..default }, &[2, 768, 49], &[768, 48, 128]),
            (Convolution { padding: 1, ..default }, &[2, 16, 32, 32], &[32, 16, 3, 3]),
        ] {
            let cases = [false, true].into_iter().flat_map(|last| HALVES.map(|kind| (last, kind)));
            for (channels_last, kind) in cases {
                let problem = Problem { channels_last, kind, ..problem(convolution, input, weight) };
                let errors = problem.errors(libtorch);
                let is_small = |error: &f64| 0.0 < *error && *error < TOLERANCE / 4.0;
                assert!(errors.iter().all(is_small), "{kind:?}, {problem}: {errors:?}");
            }
        }
    }
}
