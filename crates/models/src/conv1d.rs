//! Convolutions over time that begin as `torch.nn.Conv1d` does.

use affekt_torch::Convolution;
use affekt_torch::init::Vars;
use tch::Tensor;
use tch::nn::Module;

/// A convolution without padding.
#[derive(Debug)]
pub struct Conv1d {
    /// `[outputs, inputs, kernel]`
    weight: Tensor,
    bias: Option<Tensor>,
    convolution: Convolution,
}

impl Conv1d {
    /// `torch.nn.Conv1d(inputs, outputs, kernel, stride, bias=bias)`: U(−1/√fan_in, 1/√fan_in).
    pub fn new(vars: &Vars, channels: [usize; 2], kernel: usize, stride: usize, bias: bool) -> Self {
        let [inputs, outputs] = channels.map(|count| count as i64);
        let kernel = kernel as i64;
        let bound = ((inputs * kernel) as f32).sqrt().recip();
        Self {
            weight: vars.uniform("weight", &[outputs, inputs, kernel], -bound, bound),
            bias: bias.then(|| vars.uniform("bias", &[outputs], -bound, bound)),
            convolution: Convolution { stride: stride as i64, ..Convolution::default() },
        }
    }
}

impl Module for Conv1d {
    /// `[batch, inputs, length] -> [batch, outputs, 1 + (length − kernel) / stride]`
    fn forward(&self, xs: &Tensor) -> Tensor {
        self.convolution.forward(xs, &self.weight, self.bias.as_ref())
    }
}
