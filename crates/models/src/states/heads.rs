//! What answers for the label: every state for itself, and all of a clip together.

use affekt_spec::network::Pooling;
use affekt_torch::init::{self, Vars};
use tch::nn::Module;
use tch::{Tensor, nn};

use crate::BuildError;
use crate::bi_lstm::BiLstm;
use crate::pooling::pooled;

/// A linear map, tanh, a linear map.
#[derive(Debug)]
pub struct FrameHead {
    hidden: nn::Linear,
    output: nn::Linear,
}

impl FrameHead {
    pub fn new(vars: &Vars, inputs: usize, hidden: usize, classes: usize) -> Self {
        let [inputs, hidden, classes] = [inputs, hidden, classes].map(|size| size as i64);
        Self {
            hidden: init::linear(&(vars / "hidden"), inputs, hidden),
            output: init::linear(&(vars / "output"), hidden, classes),
        }
    }
}

impl Module for FrameHead {
    /// `[…, inputs] -> […, classes]`
    fn forward(&self, xs: &Tensor) -> Tensor {
        self.output.forward(&self.hidden.forward(xs).tanh())
    }
}

/// An LSTM that reads both ways, the mean of what it gives, ReLU, and the same as over a frame.
#[derive(Debug)]
pub struct ClipHead {
    lstm: BiLstm,
    head: FrameHead,
}

impl ClipHead {
    pub fn new(
        vars: &Vars,
        inputs: usize,
        lstm: usize,
        hidden: usize,
        classes: usize,
    ) -> Result<Self, BuildError> {
        Ok(Self {
            lstm: BiLstm::new(&(vars / "lstm"), lstm, inputs as i64)?,
            head: FrameHead::new(vars, 2 * lstm, hidden, classes),
        })
    }

    /// `[batch, frames, inputs] -> [batch, classes]`, of which `frames` are each clip's own.
    pub fn forward(&self, states: &Tensor, frames: &[i64]) -> Tensor {
        let mean = pooled(Pooling::Mean, &self.lstm.forward(states, frames), frames);
        self.head.forward(&mean.relu())
    }
}
