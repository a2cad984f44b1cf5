//! Convolutions of the base, one behind the other: conv 3×3 → ReLU, and a max pool behind a block's last.

use affekt_spec::encoder::Vgg16Layer;
use affekt_torch::init::Vars;
use affekt_torch::{Conv2d, Convolution};
use tch::Tensor;
use tch::nn::Module;

/// Some convolutions of a base.
#[derive(Debug)]
pub struct Convolutions(Vec<Layer>);

#[derive(Debug)]
struct Layer {
    conv: Conv2d,
    pools: bool,
}

impl Convolutions {
    /// These, which begin as torchvision's do: weights normal with the deviation √(2 / (9 · channels given)) that keeps the
    /// scale of gradients through ReLUs (He et al., arXiv 1502.01852), biases 0.
    pub fn new(vars: &Vars, layers: &[Vgg16Layer]) -> Self {
        let convolution = |layer: &Vgg16Layer| {
            let vars = &(vars / "features") / &layer.number.to_string();
            let (inputs, outputs) = (layer.inputs as i64, layer.outputs as i64);
            let deviation = (2.0 / (9.0 * outputs as f32)).sqrt();
            let conv = Conv2d {
                weight: vars.normal("weight", &[outputs, inputs, 3, 3], deviation),
                bias: vars.constant("bias", &[outputs], 0.0),
                convolution: Convolution { padding: 1, ..Convolution::default() },
            };
            Layer { conv, pools: layer.is_last }
        };
        Self(layers.iter().map(convolution).collect())
    }
}

impl Module for Convolutions {
    /// `[batch, channels, height, width]`, the channels of the first one's input to those of the last one's output.
    fn forward(&self, xs: &Tensor) -> Tensor {
        self.0.iter().fold(xs.shallow_clone(), |xs, Layer { conv, pools }| {
            let mut xs = conv.forward(&xs);
            if *pools {
                xs = xs.max_pool2d(2, 2, /* padding */ 0, /* dilation */ 1, /* ceil */ false);
            }
            // ReLU keeps the order of its inputs: behind the pool it gives the same, of a quarter of the numbers.
            xs.relu_()
        })
    }
}

/// What these convolutions leave of a height and width.
pub fn side(layers: &[Vgg16Layer], size: [usize; 2]) -> [usize; 2] {
    let pools = layers.iter().filter(|layer| layer.is_last).count() as u32;
    size.map(|side| side >> pools.min(usize::BITS - 1))
}
