//! What can go wrong in clustering.

use affekt_torch::TorchError;
use tch::TchError;

/// Why there are no clusters. `E` is what reading points fails with.
#[derive(Debug, thiserror::Error)]
pub enum KmeansError<E> {
    /// A number that makes no clustering.
    #[error("{name} is {value}: expected {expected}")]
    Config {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: usize,
        /// What it may be.
        expected: &'static str,
    },
    /// More clusters than points.
    #[error(
        "there are {points} points for {clusters} clusters: try fewer clusters, or look at which utterances the points come from"
    )]
    TooFewPoints {
        /// How many points.
        points: usize,
        /// How many clusters.
        clusters: usize,
    },
    /// A value that cannot be computed with.
    #[error(
        "point {point} holds {value}: expected a finite number of at most {:e}; look at the network that the points come from",
        affekt_nearest::LARGEST
    )]
    Value {
        /// The point.
        point: usize,
        /// Its value: not finite, or enormous.
        value: f32,
    },
    /// Centroids that are none of these points, or not as many as there are to be.
    #[error("{what} has {values} values, which is not a centroid of {width} values for each cluster")]
    Centroids {
        /// Which centroids.
        what: &'static str,
        /// How many values they have.
        values: usize,
        /// The values of a point.
        width: usize,
    },
    /// The caller wanted no more.
    #[error("cancelled")]
    Cancelled,
    /// Points cannot be read.
    #[error(transparent)]
    Points(E),
    /// libtorch refused.
    #[error(transparent)]
    Torch(#[from] TorchError),
}

impl<E> From<TchError> for KmeansError<E> {
    fn from(error: TchError) -> Self {
        Self::Torch(error.into())
    }
}
