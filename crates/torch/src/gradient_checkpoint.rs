//! Gradient checkpointing (Chen et al., arXiv 1604.06174): memory for time.

use tch::{Device, Tensor};

use crate::autocast::Settings;
use crate::{GeneratorStates, TorchError, shim};

/// `segment(inputs)`, of which nothing but inputs and output is kept for the backward pass: that computes the segment
/// again, and then its gradients. They are those that the segment would have had without this, for inputs and for
/// every tensor that the segment captured. As `torch.utils.checkpoint.checkpoint(…, use_reentrant=True)`, but also where
/// no input needs a gradient.
///
/// The segment is called twice and must compute the same each time. libtorch's random numbers, on the CPU and on
/// the inputs' GPU, are the same in both calls, and go on behind the first as if there were no second; so is autocast.
/// The second call comes from a thread of libtorch's when inputs are on a GPU. When it panics, the backward pass fails
/// with what it said.
///
/// Where gradients are off this is `segment(inputs)`. Where they are on, the output needs a gradient, whether anything
/// before it does or not. A tensor that other parts of the graph use as well may have their gradients added in another
/// order. Gradients of chosen tensors (`run_backward`) or of gradients cannot be asked for.
///
/// # Errors
/// When libtorch cannot say where its random numbers are.
///
/// # Panics
/// When the segment does.
pub fn gradient_checkpoint<F>(inputs: &[Tensor], segment: F) -> Result<Tensor, TorchError>
where
    F: Fn(&[Tensor]) -> Tensor + Send + 'static,
{
    if !shim::gradients_enabled() {
        return Ok(segment(inputs));
    }
    let autocast = Settings::now();
    let device = inputs.iter().map(Tensor::device).find(|device| device.is_cuda()).unwrap_or(Device::Cpu);
    let random = GeneratorStates::now(device)?;
    let output = {
        let _guard = tch::no_grad_guard();
        autocast.hold(|| segment(inputs))
    };
    let again = move |inputs: &[Tensor]| {
        let _restored = replay(device, &random)?;
        Ok(autocast.hold(|| segment(inputs)))
    };
    shim::recompute_in_backward(inputs, &output, Box::new(again))
}

/// Goes back to the states of the generators until what it gives is dropped.
fn replay(device: Device, states: &GeneratorStates) -> Result<Replay, TorchError> {
    let interrupted = GeneratorStates::now(device)?;
    states.restore()?;
    Ok(Replay(interrupted))
}

/// The states to go back to, also when a segment panics.
struct Replay(GeneratorStates);

impl Drop for Replay {
    fn drop(&mut self) {
        // A state that libtorch gave a moment ago is one that it takes.
        let _ = self.0.restore();
    }
}
