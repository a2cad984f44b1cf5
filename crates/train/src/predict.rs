//! From a trained network to logits.

use affekt_features::Standardiser;
use affekt_models::{InputShape, Inputs, Network};

use crate::batches::Batches;
use crate::{Examples, Part, PartRole, TrainError};

/// The logits of every row of a part, in the order of [`Part::rows`]. A row's logits do not depend on the rows
/// beside it, but for rounding.
///
/// # Errors
/// When the examples do not fit the network, or libtorch refuses.
pub fn predict<R: PartRole>(
    network: &Network,
    part: &Part<R>,
    standardiser: Option<&Standardiser>,
    batch_size: usize,
) -> Result<Vec<Vec<f32>>, TrainError> {
    same_shape(network, part.examples())?;
    let _guard = tch::no_grad_guard();
    let batches = Batches::new(part.examples(), standardiser, network.device());
    let mut logits = Vec::with_capacity(part.rows().len());
    batches.of(part.rows(), batch_size, |_, batch| {
        logits.extend(Vec::<Vec<f32>>::try_from(network.forward_t(&Inputs::frames(batch.xs), false)?)?);
        Ok(())
    })?;
    Ok(logits)
}

pub(crate) fn same_shape(network: &Network, examples: &dyn Examples) -> Result<(), TrainError> {
    let (examples, network) = (InputShape::Frames(examples.shape()), network.input());
    if examples == network { Ok(()) } else { Err(TrainError::Shape { examples, network }) }
}
