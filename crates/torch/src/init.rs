//! Layers that begin as PyTorch's do, or Keras'.
//!
//! tch draws weights of linear and convolution layers √6 times wider than PyTorch, starts their biases at 0
//! and the scale of batch norm anywhere in 0..1. Networks trained that way are not the published ones.

use std::ops::Div;

use tch::{Device, Tensor, nn};

use crate::{BatchNorm, Conv2d, Convolution, Random, RunningVariance};

/// A place in a variable store, and the seed of what is put there. A parameter's first value is a function of
/// the seed and its name alone: the same on every device, whatever else the network holds.
#[derive(Debug, Clone)]
pub struct Vars<'a> {
    path: nn::Path<'a>,
    seed: u64,
    library: Library,
}

/// Whose layers begin in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    /// PyTorch's: weights and biases uniform in ±1/√fan-in.
    PyTorch,
    /// Keras': weights uniform in ±√(6 / (fan-in + fan-out)) (Glorot and Bengio, 2010), biases 0; batch norm's epsilon and momentum.
    Keras,
}

impl<'a> Vars<'a> {
    /// The root of `store`.
    #[must_use]
    pub fn new(store: &'a nn::VarStore, seed: u64) -> Self {
        Self { path: store.root(), seed, library: Library::PyTorch }
    }

    /// The same place, where layers begin as those of `library`.
    #[must_use]
    pub fn of(&self, library: Library) -> Self {
        Self { library, ..self.clone() }
    }

    /// Whose layers begin here.
    #[must_use]
    pub const fn library(&self) -> Library {
        self.library
    }

    /// Where its tensors are.
    #[must_use]
    pub fn device(&self) -> Device {
        self.path.device()
    }

    /// A parameter that begins with one value everywhere.
    pub fn constant(&self, name: &str, shape: &[i64], value: f64) -> Tensor {
        self.path.var(name, shape, nn::Init::Const(value))
    }

    /// A parameter that begins uniform in `[low, high)`.
    pub fn uniform(&self, name: &str, shape: &[i64], low: f32, high: f32) -> Tensor {
        let tensor = self.path.var(name, shape, ZERO);
        self.draw(name, &tensor, |random, values| random.fill_uniform(low, high, values));
        tensor
    }

    /// A parameter that begins normal around 0.
    pub fn normal(&self, name: &str, shape: &[i64], deviation: f32) -> Tensor {
        let tensor = self.path.var(name, shape, ZERO);
        self.draw(name, &tensor, |random, values| random.fill_normal(deviation, values));
        tensor
    }

    /// Fills a layer's weight, `[outputs, inputs, …]`, and bias. PyTorch: both from U(−1/√fan_in, 1/√fan_in), what
    /// kaiming_uniform with a = √5 comes to. Keras: the weight by Glorot's rule, the bias stays 0.
    fn fill(&self, weight: &Tensor, bias: Option<&Tensor>) {
        let shape = weight.size();
        let kernel: i64 = shape[2..].iter().product();
        let (fan_in, fan_out) = (shape[1] * kernel, shape[0] * kernel);
        match self.library {
            Library::PyTorch => {
                let bound = (fan_in as f32).sqrt().recip();
                self.fill_uniform("weight", weight, bound);
                if let Some(bias) = bias {
                    self.fill_uniform("bias", bias, bound);
                }
            }
            Library::Keras => self.fill_uniform("weight", weight, glorot(fan_in, fan_out)),
        }
    }

    /// Fills the parameter called `name` from U(−bound, bound).
    fn fill_uniform(&self, name: &str, tensor: &Tensor, bound: f32) {
        self.draw(name, tensor, |random, values| random.fill_uniform(-bound, bound, values));
    }

    /// Fills the parameter called `name` with draws of the stream of that name.
    fn draw(&self, name: &str, tensor: &Tensor, fill: impl FnOnce(&mut Random, &mut [f32])) {
        let mut values = vec![0.0; tensor.numel()];
        fill(&mut Random::new(self.seed, &self.path.path(name)), &mut values);
        let _guard = tch::no_grad_guard();
        tensor.shallow_clone().copy_(&Tensor::from_slice(&values).view(tensor.size().as_slice()));
    }
}

impl<'a> Div<&str> for &Vars<'a> {
    type Output = Vars<'a>;

    fn div(self, name: &str) -> Vars<'a> {
        Vars { path: &self.path / name, ..self.clone() }
    }
}

/// `torch.nn.Linear(inputs, outputs)`. `[…, inputs] -> […, outputs]`
#[must_use]
pub fn linear(vars: &Vars, inputs: i64, outputs: i64) -> nn::Linear {
    let config = nn::LinearConfig { ws_init: ZERO, bs_init: Some(ZERO), bias: true };
    let layer = nn::linear(&vars.path, inputs, outputs, config);
    vars.fill(&layer.ws, layer.bs.as_ref());
    layer
}

/// `torch.nn.Conv2d(inputs, outputs, kernel, padding="same")`, for odd kernels.
/// `[batch, inputs, height, width] -> [batch, outputs, height, width]`
#[must_use]
pub fn conv2d_same(vars: &Vars, inputs: i64, outputs: i64, kernel: i64) -> Conv2d {
    let weight = vars.path.var("weight", &[outputs, inputs, kernel, kernel], ZERO);
    let bias = vars.path.var("bias", &[outputs], ZERO);
    vars.fill(&weight, Some(&bias));
    Conv2d { weight, bias, convolution: Convolution { padding: kernel / 2, ..Convolution::default() } }
}

/// `torch.nn.BatchNorm1d(features)`, or `keras.layers.BatchNormalization(axis=1)`. `[batch, features]` or
/// `[batch, features, length]`
#[must_use]
pub fn batch_norm1d(vars: &Vars, features: i64) -> BatchNorm {
    let (config, variance) = batch_norm(vars.library);
    BatchNorm::new(nn::batch_norm1d(&vars.path, features, config), config.momentum, variance)
}

/// `torch.nn.BatchNorm2d(features)`, or `keras.layers.BatchNormalization(axis=1)`. `[batch, features, height, width]`
#[must_use]
pub fn batch_norm2d(vars: &Vars, features: i64) -> BatchNorm {
    let (config, variance) = batch_norm(vars.library);
    BatchNorm::new(nn::batch_norm2d(&vars.path, features, config), config.momentum, variance)
}

/// `torch.nn.LayerNorm(features)`. `[…, features]`, the same out.
#[must_use]
pub fn layer_norm(vars: &Vars, features: i64) -> nn::LayerNorm {
    let config = nn::LayerNormConfig {
        cudnn_enabled: true,
        eps: 1e-5,
        elementwise_affine: true,
        ws_init: nn::Init::Const(1.0),
        bs_init: ZERO,
    };
    nn::layer_norm(&vars.path, vec![features], config)
}

/// The projection to queries, keys and values of `torch.nn.MultiheadAttention(features, heads)`: Xavier's uniform
/// weights, no bias at first. `[…, features] -> […, 3 · features]`
///
/// Of `keras.layers.MultiHeadAttention` these are three kernels `[features, heads, features / heads]`, whose first axis Glorot's
/// rule takes for the extent of a convolution: they begin narrower.
#[must_use]
pub fn attention_in_proj(vars: &Vars, features: i64, heads: i64) -> nn::Linear {
    let outputs = 3 * features;
    let ws = vars.path.var("in_proj_weight", &[outputs, features], ZERO);
    let bs = vars.path.var("in_proj_bias", &[outputs], ZERO);
    let bound = match vars.library {
        Library::PyTorch => glorot(features, outputs),
        Library::Keras => glorot(features * heads, features * features / heads),
    };
    vars.fill_uniform("in_proj_weight", &ws, bound);
    nn::Linear { ws, bs: Some(bs) }
}

/// The projection of the heads' results in `torch.nn.MultiheadAttention(features, heads)`: a linear layer without bias
/// at first. `[…, features]`, the same out.
///
/// Of `keras.layers.MultiHeadAttention` it is a kernel `[heads, features / heads, features]`, whose first axis Glorot's rule takes
/// for the extent of a convolution.
#[must_use]
pub fn attention_out_proj(vars: &Vars, features: i64, heads: i64) -> nn::Linear {
    let config = nn::LinearConfig { ws_init: ZERO, bs_init: Some(ZERO), bias: true };
    let layer = nn::linear(&vars.path, features, features, config);
    match vars.library {
        Library::PyTorch => vars.fill(&layer.ws, None),
        Library::Keras => vars.fill_uniform("weight", &layer.ws, glorot(features, features * heads)),
    }
    layer
}

/// The bound of a uniform distribution whose variance is 2 / (fan-in + fan-out).
fn glorot(fan_in: i64, fan_out: i64) -> f32 {
    (6.0 / (fan_in + fan_out) as f32).sqrt()
}

/// What batch norm begins with, and which variance it remembers.
const fn batch_norm(library: Library) -> (nn::BatchNormConfig, RunningVariance) {
    let (eps, momentum, variance) = match library {
        Library::PyTorch => (1e-5, 0.1, RunningVariance::Sample),
        Library::Keras => (1e-3, 0.01, RunningVariance::Population),
    };
    let config = nn::BatchNormConfig {
        cudnn_enabled: true,
        eps,
        momentum,
        affine: true,
        ws_init: nn::Init::Const(1.0),
        bs_init: ZERO,
    };
    (config, variance)
}

const ZERO: nn::Init = nn::Init::Const(0.0);

#[cfg(test)]
mod tests {
    use super::*;

    /// Smallest, largest, mean and standard deviation.
    fn spread(tensor: &Tensor) -> [f64; 4] {
        [tensor.min(), tensor.max(), tensor.mean(None), tensor.std(false)]
            .map(|value| value.double_value(&[]))
    }

    #[test]
    fn weights_and_biases_fill_pytorchs_range() {
        let store = nn::VarStore::new(Device::Cpu);
        let vars = Vars::new(&store, 5);
        let conv = conv2d_same(&(&vars / "conv"), 32, 64, 3);
        let linear = linear(&(&vars / "linear"), 512, 700);
        for (tensor, fan_in) in [
            (&conv.weight, 288.0_f64),
            (&conv.bias, 288.0),
            (&linear.ws, 512.0),
            (linear.bs.as_ref().unwrap(), 512.0),
        ] {
            let bound = fan_in.sqrt().recip();
            let [min, max, mean, std] = spread(tensor);
            assert!(-bound <= min && min < -0.9 * bound, "{min} of {bound}");
            assert!(0.9 * bound < max && max < bound, "{max} of {bound}");
            assert!(mean.abs() < 0.25 * bound, "{mean} of {bound}");
            assert!((std / (bound / 3_f64.sqrt()) - 1.0).abs() < 0.15, "{std} of {bound}");
        }
    }

    #[test]
    fn attention_begins_as_pytorchs() {
        let store = nn::VarStore::new(Device::Cpu);
        let vars = Vars::new(&store, 5);
        let zeros = |bias: &Option<Tensor>| bias.as_ref().unwrap().abs().max().double_value(&[]) == 0.0;
        let (into, out) =
            (attention_in_proj(&vars, 128, 4), attention_out_proj(&(&vars / "out_proj"), 128, 4));
        assert!(zeros(&into.bs) && zeros(&out.bs));
        assert_eq!(into.ws.size(), [384, 128]);
        // Xavier: √(6 / (128 + 384)); the linear layer's: 1 / √128.
        for (weight, bound) in [(&into.ws, 0.108_253), (&out.ws, 0.088_388)] {
            let [min, max, _, std] = spread(weight);
            assert!(
                -bound <= min && min < -0.99 * bound && 0.99 * bound < max && max <= bound,
                "{min} {max}"
            );
            assert!((std / (bound / 3_f64.sqrt()) - 1.0).abs() < 0.02, "{std} of {bound}");
        }
        let names: Vec<_> = store.variables().into_keys().collect();
        assert!(["in_proj_weight", "in_proj_bias"].iter().all(|name| names.contains(&(*name).to_owned())));
    }

    #[test]
    fn norms_begin_as_identity() {
        let store = nn::VarStore::new(Device::Cpu);
        let layer = batch_norm1d(&Vars::new(&store, 5), 9).layer;
        let ones = |t: &Tensor| t.eq(1.0).all().int64_value(&[]) == 1;
        assert!(ones(layer.ws.as_ref().unwrap()) && ones(&layer.running_var));
        assert!(ones(&(layer.bs.as_ref().unwrap() + 1.0)) && ones(&(&layer.running_mean + 1.0)));
        let layer = layer_norm(&(&Vars::new(&store, 5) / "layer"), 9);
        assert!(ones(layer.ws.as_ref().unwrap()) && ones(&(layer.bs.as_ref().unwrap() + 1.0)));
    }

    #[test]
    fn a_parameter_depends_on_seed_and_name_alone() {
        let build = |seed, names: &[&str]| {
            let store = nn::VarStore::new(Device::Cpu);
            let vars = Vars::new(&store, seed);
            for name in names {
                let _ = linear(&(&vars / *name), 4, 3);
            }
            store.variables()["b.weight"].copy()
        };
        assert_eq!(build(1, &["b"]), build(1, &["a", "b"]));
        assert_ne!(build(1, &["b"]), build(2, &["b"]));
    }
}
