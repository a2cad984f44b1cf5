//! An LSTM that reads both ways: `torch.nn.LSTM(…, bidirectional=True)` of one layer, in numbers and initial weights.
//!
//! The way back begins at each clip's own last step, so that a clip gives in a padded batch what it gives alone: what packed
//! sequences are for.

use affekt_spec::network::LstmConfig;
use affekt_torch::init::Vars;
use affekt_torch::uploaded;
use tch::Tensor;

use crate::BuildError;
use crate::lstm::Lstm;

/// One LSTM for each way.
#[derive(Debug)]
pub struct BiLstm {
    forwards: Lstm,
    backwards: Lstm,
}

impl BiLstm {
    /// LSTMs of so many units each, for steps of so many `inputs`.
    pub fn new(vars: &Vars, hidden: usize, inputs: i64) -> Result<Self, BuildError> {
        let config = LstmConfig { layers: 1, hidden };
        Ok(Self {
            forwards: Lstm::new(&(vars / "forwards"), config, inputs)?,
            backwards: Lstm::new(&(vars / "backwards"), config, inputs)?,
        })
    }

    /// `[batch, steps, inputs] -> [batch, steps, 2 · hidden]`, of which `counts` steps are each clip's own. Those behind mean
    /// nothing.
    pub fn forward(&self, xs: &Tensor, counts: &[i64]) -> Tensor {
        let backwards = reversed(&self.backwards.forward(&reversed(xs, counts)), counts);
        Tensor::cat(&[self.forwards.forward(xs), backwards], -1)
    }
}

/// The first `counts` steps of each clip, the last one first; those behind stay where they are. `[batch, steps, …]`, the same out.
fn reversed(xs: &Tensor, counts: &[i64]) -> Tensor {
    let [batch, steps] = [xs.size()[0], xs.size()[1]];
    let each = |count: i64| (0..steps).map(move |step| if step < count { count - 1 - step } else { step });
    let rows = counts.iter().enumerate();
    let order: Vec<i64> =
        rows.flat_map(|(row, &count)| each(count).map(move |step| row as i64 * steps + step)).collect();
    let order = uploaded(&order, xs.device());
    xs.reshape([batch * steps, -1]).index_select(0, &order).view(xs.size().as_slice())
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, nn};

    use super::*;

    #[test]
    fn steps_are_reversed_within_clips() {
        let xs = Tensor::from_slice(&[1_i64, 2, 3, 4, 5, 6, 7, 8]).view([2, 4, 1]);
        let expected = [4_i64, 3, 2, 1, 6, 5, 7, 8];
        assert_eq!(Vec::<i64>::try_from(reversed(&xs, &[4, 2]).flatten(0, -1)).unwrap(), expected);
    }

    /// libtorch's own, and a short clip alone.
    #[test]
    fn both_ways_are_those_of_pytorch() {
        let _alone = crate::generator::alone();
        let store = nn::VarStore::new(Device::Cpu);
        let lstm = BiLstm::new(&Vars::new(&store, 1), 5, 3).unwrap();
        let _guard = tch::no_grad_guard();
        let xs = Tensor::randn([2, 7, 3], (Kind::Float, Device::Cpu));
        let ours = lstm.forward(&xs, &[7, 7]);
        let variables = store.variables();
        let weights: Vec<&Tensor> = ["forwards", "backwards"]
            .iter()
            .flat_map(|way| {
                ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map(|name| format!("{way}.{name}_l0"))
            })
            .map(|name| &variables[&name])
            .collect();
        let state = Tensor::zeros([2, 2, 5], (Kind::Float, Device::Cpu));
        let (theirs, _, _) = xs.lstm(
            &[&state, &state],
            &weights,
            /* biases */ true,
            /* layers */ 1,
            /* dropout */ 0.0,
            /* train */ false,
            /* bidirectional */ true,
            /* batch first */ true,
        );
        assert!((ours - theirs).abs().max().double_value(&[]) < 1e-6);
        let alone = lstm.forward(&xs.narrow(0, 1, 1).narrow(1, 0, 4), &[4]);
        let padded = lstm.forward(&xs, &[7, 4]).narrow(0, 1, 1).narrow(1, 0, 4);
        assert!((alone - padded).abs().max().double_value(&[]) < 1e-6);
    }
}
