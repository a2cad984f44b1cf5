//! Centroids, prepared for finding the nearest of them.

use crate::block::{BLOCK, Block};
use crate::bytes::Bytes;
use crate::decide::decide;
use crate::finite::{LARGEST, first_beyond};
use crate::floats::Floats;
use crate::mean::Mean;
use affekt_simd::Level;

/// Centroids of one width, prepared once for many points.
pub struct Centroids<'a> {
    /// `[k, width]`
    pub(crate) values: &'a [f32],
    pub(crate) width: usize,
    mean: Mean,
    /// ‖c‖²/2 of each.
    pub(crate) half_squares: Vec<f64>,
    level: Level,
    floats: Floats,
    bytes: Option<Bytes>,
}

impl<'a> Centroids<'a> {
    /// Prepares centroids, `[k, width]` row by row.
    ///
    /// # Panics
    /// Panics if there are none, more than 65 536, or no whole ones.
    #[must_use]
    pub fn new(values: &'a [f32], width: usize) -> Self {
        Self::at_level(values, width, Level::highest())
    }

    pub(crate) fn at_level(values: &'a [f32], width: usize, level: Level) -> Self {
        assert!(width > 0 && values.len().is_multiple_of(width), "{} values of {width}", values.len());
        let k = values.len() / width;
        assert!((1..=1 << 16).contains(&k), "{k} centroids");
        let mean = Mean::of(values, width);
        let half_square_without = |centroid: &[f32], mean: &[f32]| {
            let square = |(value, mean): (&f32, &f32)| (f64::from(*value) - f64::from(*mean)).powi(2);
            centroid.iter().zip(mean).map(square).sum::<f64>() / 2.0
        };
        let all_without = |mean: &[f32]| -> Vec<f64> {
            values.chunks_exact(width).map(|centroid| half_square_without(centroid, mean)).collect()
        };
        let half_squares = all_without(&vec![0.0; width]);
        let left = all_without(&mean.values);
        let floats = Floats::new(values, &mean, &left);
        let bytes = (level >= Level::Vnni).then(|| Bytes::new(values, &mean, &left));
        Self { values, width, mean, half_squares, level, floats, bytes }
    }

    /// Returns how many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.half_squares.len()
    }

    /// Returns whether there are none: never.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.half_squares.is_empty()
    }

    /// Puts the id of the nearest centroid of every point, `[points, width]`, into `ids`. Of equally near ones it is the lowest
    /// id.
    ///
    /// # Errors
    /// Fails if a value is not finite or its magnitude is more than [`LARGEST`]: with the place of the first one.
    ///
    /// # Panics
    /// Panics if there are not as many ids as points.
    pub fn nearest(&self, points: &[f32], ids: &mut [u16]) -> Result<(), usize> {
        assert_eq!(points.len(), ids.len() * self.width, "points must be [ids, width]");
        match self.level {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: levels are those that the processor has.
            Level::Vnni => unsafe { self.nearest_vnni(points, ids) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Level::Avx512 => unsafe { self.nearest_avx512(points, ids) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Level::Avx2 => unsafe { self.nearest_avx2(points, ids) },
            _ => self.nearest_by_floats(points, ids),
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2,fma")]
    fn nearest_vnni(&self, points: &[f32], ids: &mut [u16]) -> Result<(), usize> {
        let Some(bytes) = &self.bytes else { return self.nearest_by_floats(points, ids) };
        let mut rounded = bytes.room();
        // Blocks to go before bytes are tried again.
        let mut without_bytes = 0;
        self.by_blocks(points, ids, |block, points, ids| {
            if without_bytes > 0 {
                without_bytes -= 1;
                self.floats.screen(block, self.level);
                decide(self, points, block, ids);
                return;
            }
            bytes.screen(block, &mut rounded);
            let candidates = decide(self, points, block, ids);
            if !bytes.pays(candidates, ids.len()) {
                without_bytes = TURNS;
            }
        })
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx2,fma")]
    fn nearest_avx512(&self, points: &[f32], ids: &mut [u16]) -> Result<(), usize> {
        self.nearest_by_floats(points, ids)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn nearest_avx2(&self, points: &[f32], ids: &mut [u16]) -> Result<(), usize> {
        self.nearest_by_floats(points, ids)
    }

    #[inline(always)]
    fn nearest_by_floats(&self, points: &[f32], ids: &mut [u16]) -> Result<(), usize> {
        self.by_blocks(points, ids, |block, points, ids| {
            self.floats.screen(block, self.level);
            decide(self, points, block, ids);
        })
    }

    /// Prepares block after block of points for `find`.
    #[inline(always)]
    fn by_blocks(
        &self,
        points: &[f32],
        ids: &mut [u16],
        mut find: impl FnMut(&mut Block, &[f32], &mut [u16]),
    ) -> Result<(), usize> {
        let values = BLOCK * self.width;
        let mut block = Block::new(self.width, self.len());
        for (number, (here, ids)) in points.chunks(values).zip(ids.chunks_mut(BLOCK)).enumerate() {
            let first = number * values;
            block.take(here, &points[(first + values).min(points.len())..], &self.mean.values);
            // Norms tell in passing: NaN and infinity stay what they are.
            if !block.norms[..ids.len()].iter().all(|norm| *norm + self.mean.norm <= LARGEST)
                && let Some(at) = first_beyond(here)
            {
                return Err(first + at);
            }
            find(&mut block, here, ids);
        }
        Ok(())
    }
}

/// Blocks that go without bytes after one in which they left too many candidates.
const TURNS: usize = 15;
