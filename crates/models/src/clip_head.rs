//! The end of a network that reads steps: a linear map and a pooling, in the order that the pooling asks for.
//!
//! Where the pooling gives the same before a linear map and behind it (a mean, the first step, the last), or was published behind it
//! (the largest number), the map is of every step. Statistics and attention pool the steps, and the map is of what they give.

use affekt_spec::network::{OutputActivation, Pooling, PoolingAttention};
use affekt_torch::init::{self, Vars};
use tch::nn::Module;
use tch::{Tensor, nn};

use crate::BuildError;
use crate::outputs::activated;
use crate::pooling::Pool;

/// A linear map and a pooling.
#[derive(Debug)]
pub struct ClipHead {
    map: nn::Linear,
    pool: Pool,
    pooling: Pooling,
    activation: OutputActivation,
    relu_after_pooling: bool,
}

/// What a head is.
#[derive(Debug, Clone, Copy)]
pub struct HeadConfig {
    pub pooling: Pooling,
    pub attention: PoolingAttention,
    /// What the outputs go through.
    pub activation: OutputActivation,
    /// Whether what was pooled goes through ReLU before the map.
    pub relu_after_pooling: bool,
}

impl ClipHead {
    /// A head over steps of so many `features`: the map's parameters stand at `map`, those of the pooling at `vars`.
    pub fn new(
        vars: &Vars,
        map: &Vars,
        config: HeadConfig,
        features: i64,
        outputs: usize,
    ) -> Result<Self, BuildError> {
        let HeadConfig { pooling, attention, activation, relu_after_pooling } = config;
        let width = pooling.width(features as usize) as i64;
        Ok(Self {
            map: init::linear(map, width, outputs as i64),
            pool: Pool::new(vars, pooling, attention, features)?,
            pooling,
            activation,
            relu_after_pooling,
        })
    }

    /// The outputs of every clip, of which `counts` steps are its own: `[batch, steps, features] -> [batch, outputs]`
    pub fn forward_t(&self, steps: &Tensor, counts: &[i64], train: bool) -> Tensor {
        let outputs = |xs: &Tensor| activated(self.activation, &self.map.forward(xs));
        let pooled = |xs: &Tensor| self.pool.forward_t(xs, counts, train);
        match (self.relu_after_pooling, self.pooling.follows_the_map()) {
            (true, _) => outputs(&pooled(steps).relu()),
            (false, true) => pooled(&outputs(steps)),
            (false, false) => outputs(&pooled(steps)),
        }
    }
}
