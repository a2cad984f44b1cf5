//! From a trained network to logits.

use affekt_features::Standardiser;
use affekt_models::Network;

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
    let mut batches = Batches::new(part.examples(), standardiser, network.device());
    let mut logits = Vec::with_capacity(part.rows().len());
    for rows in part.rows().chunks(batch_size.max(1)) {
        let (xs, _) = batches.gather(rows)?;
        let batch = Vec::<Vec<f32>>::try_from(network.forward_t(&xs, false))?;
        logits.extend(batch);
    }
    Ok(logits)
}

pub(crate) fn same_shape(network: &Network, examples: &dyn Examples) -> Result<(), TrainError> {
    let (examples, network) = (examples.shape(), network.shape());
    if examples == network { Ok(()) } else { Err(TrainError::Shape { examples, network }) }
}
