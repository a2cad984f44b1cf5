//! The nearest of many centroids for every point, and the sums of the points of each: the inner loops of k-means, in a crate
//! of its own because it is optimised.
//!
//! # Which centroid is nearest
//!
//! ‖x − c‖² = ‖x‖² − 2 (x·c − ‖c‖²/2). The nearest centroid is the one of the largest **score** x·c − ‖c‖²/2, in f64, where
//! products of two f32 are exact, and added in a fixed order; of equal scores it is the one of the lowest id. So ids are the
//! same on every processor, whatever its registers, and whichever points are looked at together.
//!
//! # How it is found
//!
//! Scores in f64 are computed only where they decide. Before, a **screen** computes all of them roughly, each with a bound of
//! its error that holds for certain: whatever lies below the best one by more than both bounds is out. Usually one centroid
//! is left. Screens compute with what is left of points and centroids without m, the mean of all centroids, which changes all
//! scores of a point alike. There are two, both matrix products in tiles that stay in registers, with the search for candidates
//! behind each tile:
//!
//! * [`floats`]: f32 with fused multiplication and addition; its errors are those of rounding.
//! * [`bytes`]: points and centroids rounded to 8 bits, whose products are exact in 32 bits and four times as fast where the
//!   processor has instructions for them (AVX-512 VNNI). The bound follows from the norms of what rounding left over. Where
//!   that leaves many candidates, as for points all about as far from each other, the other one takes turns.

mod block;
mod bytes;
mod centroids;
mod decide;
mod distance;
mod finite;
mod floats;
mod mean;
mod moments;
mod panel;
mod sums;
#[cfg(test)]
mod tests;

pub use centroids::Centroids;
pub use distance::squared_distance;
pub use finite::{LARGEST, first_beyond};
pub use moments::Moments;
pub use sums::{Columns, count};
