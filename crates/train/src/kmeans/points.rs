//! What is clustered: points by number, wherever they lie.

use std::convert::Infallible;
use std::ops::Range;

use affekt_nearest::first_beyond;

use super::KmeansError;

/// Points of one width. They are read over and over, chunk by chunk, by several threads.
pub trait Points: Sync {
    /// What reading fails with.
    type Error: Send;

    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many values each has.
    fn width(&self) -> usize;

    /// Puts the points in `range`, which lies within `0..len()`, into `into`, `[range, width]` row by row.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read(&self, range: Range<usize>, into: &mut [f32]) -> Result<(), Self::Error>;

    /// Lends the points in `range`, where they lie in memory as [`Points::read`] would give them.
    fn lend(&self, _range: Range<usize>) -> Option<&[f32]> {
        None
    }
}

/// Points that lie in memory, row by row.
#[derive(Debug, Clone, Copy)]
pub struct InMemory<'a> {
    values: &'a [f32],
    width: usize,
}

impl<'a> InMemory<'a> {
    /// `values` as points of `width` values.
    ///
    /// # Panics
    /// When they are no whole points.
    #[must_use]
    pub fn new(values: &'a [f32], width: usize) -> Self {
        let count = values.len();
        assert!(width > 0 && count.is_multiple_of(width), "{count} values are no points of {width}");
        Self { values, width }
    }
}

impl Points for InMemory<'_> {
    type Error = Infallible;

    fn len(&self) -> usize {
        self.values.len() / self.width
    }

    fn width(&self) -> usize {
        self.width
    }

    fn read(&self, range: Range<usize>, into: &mut [f32]) -> Result<(), Infallible> {
        into.copy_from_slice(&self.values[range.start * self.width..range.end * self.width]);
        Ok(())
    }

    fn lend(&self, range: Range<usize>) -> Option<&[f32]> {
        Some(&self.values[range.start * self.width..range.end * self.width])
    }
}

/// Reads points and looks at every value of them.
pub fn read<P: Points>(
    points: &P,
    range: Range<usize>,
    into: &mut [f32],
) -> Result<(), KmeansError<P::Error>> {
    points.read(range.clone(), into).map_err(KmeansError::Points)?;
    first_beyond(into).map_or(Ok(()), |at| Err(beyond(into, at, points.width(), range.start)))
}

/// Says which point holds the value at `at` of `rows`, of which the first is the point `first`.
pub fn beyond<E>(rows: &[f32], at: usize, width: usize, first: usize) -> KmeansError<E> {
    KmeansError::Value { point: first + at / width, value: rows[at] }
}
