//! System A: a deep CNN over the frames that a frozen encoder makes of a clip, one above the other as an image.
//!
//! ```text
//! [149, 32] ─ 2 × conv ─ pool ─ 2 × conv ─ pool ─ 2 × conv ─ pool ─ 2 × conv ─ pool ─ dropout ─ flatten ─ hidden ─ output
//!                 32                64               128               256                      4608       128
//! conv = conv 3×3 ─ batch norm ─ ReLU
//! ```
//!
//! The published one ends in a logarithmic softmax and is trained by the negative logarithm of the likelihood; here the
//! outputs are logits, and cross-entropy is both.

use affekt_spec::network::EmbeddingCnnConfig;
use affekt_torch::init::{self, Vars};
use affekt_torch::{BatchNorm, Conv2d};
use tch::nn::{Module, ModuleT};
use tch::{Tensor, nn};

use crate::BuildError;
use crate::dropout::dropout;
use crate::network::checked_dropout;

/// System A.
#[derive(Debug)]
pub struct EmbeddingCnn {
    convolutions: Vec<Convolution>,
    dropout: f64,
    hidden: nn::Linear,
    output: nn::Linear,
}

impl EmbeddingCnn {
    /// The network for inputs of so many rows and columns.
    pub fn new(
        vars: &Vars,
        config: &EmbeddingCnnConfig,
        shape: [usize; 2],
        outputs: usize,
    ) -> Result<Self, BuildError> {
        let EmbeddingCnnConfig { channels, pool_every, pool, hidden, .. } = config;
        let least = channels.iter().copied().min().unwrap_or(0);
        for (field, value) in
            [("channels", least), ("pool_every", *pool_every), ("pool", *pool), ("hidden", *hidden)]
        {
            if value == 0 {
                return Err(BuildError::Zero(field));
            }
        }
        let dropout = checked_dropout(config.dropout)?;
        let pools = vec![*pool; channels.len() / pool_every];
        let [rows, columns] = pools.iter().fold(shape, |[rows, columns], pool| [rows / pool, columns / pool]);
        if rows == 0 || columns == 0 {
            return Err(BuildError::TooSmall { shape, pools });
        }
        let mut convolutions = Vec::new();
        let mut inputs = 1;
        for (i, &channels) in (1_usize..).zip(channels) {
            let vars = vars / &format!("conv{i}");
            let channels = channels as i64;
            convolutions.push(Convolution {
                conv: init::conv2d_same(&(&vars / "conv"), inputs, channels, /* kernel */ 3),
                norm: init::batch_norm2d(&(&vars / "norm"), channels),
                pool: i.is_multiple_of(*pool_every).then_some(*pool as i64),
            });
            inputs = channels;
        }
        let (features, hidden) = (inputs * (rows * columns) as i64, *hidden as i64);
        Ok(Self {
            convolutions,
            dropout,
            hidden: init::linear(&(vars / "hidden"), features, hidden),
            output: init::linear(&(vars / "output"), hidden, outputs as i64),
        })
    }
}

impl ModuleT for EmbeddingCnn {
    /// `[batch, rows, columns] -> [batch, outputs]`
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        // One channel, in channels-last memory, which the convolutions keep and oneDNN need not reorder.
        let xs = xs.unsqueeze(-1).permute([0, 3, 1, 2]); // [batch, 1, rows, columns]
        let xs = self.convolutions.iter().fold(xs, |xs, convolution| convolution.forward_t(&xs, train));
        let xs = dropout(&xs.flatten(1, -1), self.dropout, train); // [batch, features]
        self.output.forward(&self.hidden.forward(&xs).relu_())
    }
}

/// conv 3×3 → batch norm → ReLU, and a max pool behind some.
#[derive(Debug)]
struct Convolution {
    conv: Conv2d,
    norm: BatchNorm,
    pool: Option<i64>,
}

impl ModuleT for Convolution {
    /// `[batch, inputs, rows, columns] -> [batch, channels, rows / pool, columns / pool]`
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        let xs = self.norm.forward_t(&self.conv.forward(xs), train);
        // ReLU keeps the order of its inputs: behind the pool it gives the same, of a quarter of the numbers.
        let mut xs = match self.pool {
            None => xs,
            Some(side) => {
                xs.max_pool2d(side, side, /* padding */ 0, /* dilation */ 1, /* ceil */ false)
            }
        };
        xs.relu_()
    }
}
