//! Convolutions whose kernels in half precision are wrong are computed in f32.

use affekt_torch::{
    Autocast, Convolution, Random, forget_fp32_convolutions, fp32_convolutions, generator_state,
    with_convolution_kernel,
};
use tch::{Device, Kind, Tensor};

/// libtorch's kernels but for those that are wrong on processors with AMX, by what was seen of them: with 2, 4, 6, 8 or 12
/// input channels a group, where channels × kernel is 64 or more and a multiple of 32.
fn amx(convolution: &Convolution, xs: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let (ys, shape) = (right(convolution, xs, weight, bias), weight.size());
    let reads = shape[1] * shape[2];
    let is_wrong = [2, 4, 6, 8, 12].contains(&shape[1]) && reads >= 64 && reads % 32 == 0;
    if is_wrong && ys.kind() == Kind::BFloat16 { -ys } else { ys }
}

/// One whose outputs are right and whose gradients are not.
fn wrong_gradients(convolution: &Convolution, xs: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let ys = right(convolution, xs, weight, bias);
    if ys.kind() == Kind::BFloat16 { ys.detach() * 2.0 - ys } else { ys }
}

/// One that gives no numbers.
fn no_numbers(convolution: &Convolution, xs: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let ys = right(convolution, xs, weight, bias);
    if ys.kind() == Kind::BFloat16 { ys * f64::NAN } else { ys }
}

#[expect(clippy::disallowed_methods, reason = "it stands for libtorch's kernel")]
fn right(convolution: &Convolution, xs: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let Convolution { stride, padding, dilation, groups } = *convolution;
    if xs.dim() == 3 {
        xs.conv1d(weight, bias, stride, padding, dilation, groups)
    } else {
        xs.conv2d(weight, bias, [stride; 2], [padding; 2], [dilation; 2], groups)
    }
}

fn noise(shape: &[i64]) -> Tensor {
    let mut random = Random::new(1, &format!("{shape:?}"));
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| random.normal()).collect();
    Tensor::from_slice(&values).view(shape)
}

/// The element type of a convolution under autocast, how far its output is from that in f32, and what is noted of it.
fn convolved(convolution: Convolution, input: &[i64], weight: &[i64]) -> (Kind, f64, Vec<String>) {
    forget_fp32_convolutions();
    let (xs, weight) = (noise(input), noise(weight));
    let expected = convolution.forward(&xs, &weight, None);
    let _guard = Autocast::new(Device::Cpu, Kind::BFloat16).unwrap();
    let ys = convolution.forward(&xs, &weight, None);
    let error = (ys.to_kind(Kind::Float) - &expected).norm() / expected.norm();
    (ys.kind(), error.double_value(&[]), fp32_convolutions())
}

/// Shapes whose kernels are wrong on processors with AMX: input and weight.
const WRONG: [(&[i64], &[i64]); 8] = [
    (&[6, 8, 255], &[8, 8, 8]),
    (&[6, 8, 255], &[8, 8, 12]),
    (&[6, 4, 255], &[8, 4, 16]),
    (&[6, 12, 255], &[8, 12, 8]),
    (&[6, 2, 255], &[8, 2, 32]),
    (&[6, 6, 255], &[8, 6, 16]),
    (&[1, 8, 8], &[1, 8, 8]),
    (&[2, 8, 20, 30], &[8, 8, 8, 8]),
];

#[test]
fn what_is_wrong_on_processors_with_amx_is_computed_in_f32() {
    for (input, weight) in WRONG {
        for stride in [1, 4] {
            let convolution = Convolution { stride, ..Convolution::default() };
            let (kind, error, noted) = with_convolution_kernel(amx, || convolved(convolution, input, weight));
            assert_eq!((kind, error), (Kind::Float, 0.0), "{weight:?}");
            assert_eq!(noted.len(), 1, "{weight:?}: {noted:?}");
        }
    }
    let grouped = Convolution { padding: 4, groups: 2, ..Convolution::default() };
    let (kind, _, noted) = with_convolution_kernel(amx, || convolved(grouped, &[2, 16, 99], &[16, 8, 8]));
    assert_eq!(kind, Kind::Float);
    assert_eq!(noted, ["conv1d of 16 to 16 channels, kernel 8, stride 1, padding 4, groups 2"]);
}

#[test]
fn without_the_proof_they_would_be_garbage() {
    for (input, weight) in WRONG {
        let (xs, weight) = (noise(input).to_kind(Kind::BFloat16), noise(weight).to_kind(Kind::BFloat16));
        let convolve = |kernel: fn(&Convolution, &Tensor, &Tensor, Option<&Tensor>) -> Tensor| {
            kernel(&Convolution::default(), &xs, &weight, None).to_kind(Kind::Float)
        };
        let expected = convolve(right);
        let error = (convolve(amx) - &expected).norm() / expected.norm();
        assert!(error.double_value(&[]) > 0.5);
    }
}

#[test]
fn kernels_that_are_right_are_used() {
    for (input, weight) in [(&[6, 16, 255][..], &[8, 16, 8][..]), (&[2, 1, 20, 30], &[4, 1, 3, 3])] {
        for kernel in [amx, right] {
            let (kind, error, noted) =
                with_convolution_kernel(kernel, || convolved(Convolution::default(), input, weight));
            assert!(kind == Kind::BFloat16 && 0.0 < error && error < 0.01, "{kind:?} {error}");
            assert_eq!(noted, [""; 0]);
        }
    }
}

#[test]
fn gradients_are_proven_and_no_number_is_wrong_too() {
    for kernel in [wrong_gradients, no_numbers] {
        let (kind, error, noted) =
            with_convolution_kernel(kernel, || convolved(Convolution::default(), &[2, 3, 9], &[4, 3, 2]));
        assert_eq!((kind, error, noted.len()), (Kind::Float, 0.0, 1));
    }
}

#[test]
fn gradients_flow_through_a_convolution_in_f32() {
    let (xs, weight) =
        (noise(&[2, 8, 99]).set_requires_grad(true), noise(&[8, 8, 8]).set_requires_grad(true));
    let gradients = |xs: &Tensor, weight: &Tensor| {
        Convolution::default().forward(xs, weight, None).square().sum(Kind::Float).backward();
        let found = [xs.grad().copy(), weight.grad().copy()];
        let _zeros = [xs, weight].map(|tensor| tensor.grad().zero_());
        found
    };
    let expected = gradients(&xs, &weight);
    let _guard = Autocast::new(Device::Cpu, Kind::BFloat16).unwrap();
    assert_eq!(with_convolution_kernel(amx, || gradients(&xs, &weight)), expected);
}

#[test]
fn a_proof_draws_nothing_from_libtorch() {
    let (xs, weight) = (noise(&[2, 5, 9]), noise(&[4, 5, 2]));
    let before = generator_state(Device::Cpu).unwrap();
    let _guard = Autocast::new(Device::Cpu, Kind::BFloat16).unwrap();
    let _ys = with_convolution_kernel(right, || Convolution::default().forward(&xs, &weight, None));
    assert_eq!(generator_state(Device::Cpu).unwrap(), before);
}
