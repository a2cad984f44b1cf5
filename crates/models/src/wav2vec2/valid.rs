//! Which positions of a padded batch belong to its clips.

use affekt_torch::uploaded;
use tch::{Device, Kind, Tensor};

/// How many positions of each row are the clip's; the rest of `total` is padding.
#[derive(Debug)]
pub struct Valid {
    counts: Vec<i64>,
    total: i64,
}

impl Valid {
    pub fn new(counts: Vec<i64>, total: i64) -> Self {
        Self { counts, total }
    }

    /// Of each row, in order.
    pub fn counts(&self) -> &[i64] {
        &self.counts
    }

    /// Positions of a row, padding and all.
    pub const fn total(&self) -> i64 {
        self.total
    }

    /// `[batch, total]`, true where padding is; none where there is no padding.
    pub fn padding(&self, device: Device) -> Option<Tensor> {
        if self.counts.iter().all(|&count| count == self.total) {
            return None;
        }
        let counts = uploaded(&self.counts, device).unsqueeze(1);
        Some(Tensor::arange(self.total, (Kind::Int64, device)).unsqueeze(0).ge_tensor(&counts))
    }
}
