//! The nearest centroid of every point, chunk by chunk.
//!
//! ‖x − c‖² = ‖x‖² − 2 (x·c − ‖c‖²/2): the nearest centroid is the one of the largest x·c − ‖c‖²/2. The inner products of
//! a chunk with all centroids are one matrix product.
//!
//! A matrix product may give one point different products with equal centroids, for the last bit depends on the column
//! (MKL's kernels for AVX2 do so). Whichever of them is found to be nearest, the point gets the lowest id among its equals.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;

use affekt_torch::inner_products;
use tch::{Device, Tensor};

use super::KmeansError;
use super::points::{Points, read};
use super::threads::side_by_side;

/// Centroids, where they are computed with.
pub struct Centroids<'a> {
    /// `[k, width]`
    values: &'a [f32],
    width: usize,
    /// ‖c‖²/2 of each.
    half_squares: Vec<f32>,
    /// For each, the lowest id of those that are equal to it.
    lowest_equals: Vec<u16>,
    on_gpu: Option<OnGpu>,
}

/// The same on a GPU.
struct OnGpu {
    device: Device,
    /// `[width, k]`
    transposed: Tensor,
    /// `[k]`
    half_squares: Tensor,
}

/// How a pass goes over points. Neither number changes what it finds, but for what the matrix product makes of it.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Points in a chunk.
    pub chunk: usize,
    /// Threads beside libtorch's.
    pub threads: usize,
}

/// A run of points and the nearest centroid of each.
pub struct Chunk<'a> {
    /// `[points, width]`
    pub rows: &'a [f32],
    /// `[points]`
    pub ids: &'a [u16],
}

impl Pace {
    /// As many points a chunk as make 16 MB of inner products on the CPU, half a gigabyte on a GPU, within reason.
    pub fn new(clusters: usize, device: Device, threads: usize) -> Self {
        let chunk = match device {
            Device::Cpu => ((4 << 20) / clusters).clamp(256, 1 << 13),
            _ => ((128 << 20) / clusters).clamp(1 << 10, 1 << 16),
        };
        Self { chunk, threads }
    }
}

impl<'a> Centroids<'a> {
    /// `values` are `[k, width]`.
    pub fn new<E>(values: &'a [f32], width: usize, device: Device) -> Result<Self, KmeansError<E>> {
        let half_square = |centroid: &[f32]| {
            let square: f64 = centroid.iter().map(|value| f64::from(*value).powi(2)).sum();
            (square / 2.0) as f32
        };
        let half_squares: Vec<f32> = values.chunks_exact(width).map(half_square).collect();
        let on_gpu = match device {
            Device::Cpu => None,
            _ => Some(OnGpu::new(values, width, &half_squares, device)?),
        };
        Ok(Self { values, width, half_squares, lowest_equals: lowest_equals(values, width), on_gpu })
    }

    /// Hands every chunk of `points` to `each`, in their order, until that breaks off.
    pub fn pass<P: Points>(
        &self,
        points: &P,
        pace: Pace,
        each: &mut dyn FnMut(&Chunk) -> ControlFlow<()>,
    ) -> Result<(), KmeansError<P::Error>> {
        let (width, chunk) = (self.width, pace.chunk.min(points.len()));
        let mut rows = vec![0.0; chunk * width];
        let mut ids = vec![0; chunk];
        let mut products = vec![0.0; if self.on_gpu.is_none() { chunk * self.half_squares.len() } else { 0 }];
        for start in (0..points.len()).step_by(chunk.max(1)) {
            let count = chunk.min(points.len() - start);
            let (rows, ids) = (&mut rows[..count * width], &mut ids[..count]);
            let share = count.div_ceil(pace.threads);
            let shares = rows.chunks_mut(share * width).zip((start..).step_by(share));
            let read =
                |(rows, first): (&mut [f32], usize)| read(points, first..first + rows.len() / width, rows);
            side_by_side(shares, read).into_iter().collect::<Result<(), _>>()?;
            match &self.on_gpu {
                None => self.on_cpu(rows, &mut products[..count * self.half_squares.len()], ids, share)?,
                Some(on_gpu) => on_gpu.nearest(rows, width, ids)?,
            }
            ids.iter_mut().for_each(|id| *id = self.lowest_equals[usize::from(*id)]);
            if each(&Chunk { rows, ids }).is_break() {
                return Err(KmeansError::Cancelled);
            }
        }
        Ok(())
    }

    fn on_cpu<E>(
        &self,
        rows: &[f32],
        products: &mut [f32],
        ids: &mut [u16],
        share: usize,
    ) -> Result<(), KmeansError<E>> {
        let (k, half_squares) = (self.half_squares.len(), &self.half_squares);
        inner_products(rows, self.values, self.width, products)?;
        side_by_side(products.chunks(share * k).zip(ids.chunks_mut(share)), |(products, ids)| {
            for (products, id) in products.chunks_exact(k).zip(ids) {
                *id = largest(products, half_squares) as u16;
            }
        });
        Ok(())
    }
}

impl OnGpu {
    fn new<E>(
        values: &[f32],
        width: usize,
        half_squares: &[f32],
        device: Device,
    ) -> Result<Self, KmeansError<E>> {
        let transposed = matrix(values, width, device)?.f_tr()?.f_contiguous()?;
        Ok(Self {
            device,
            transposed,
            half_squares: Tensor::f_from_slice(half_squares)?.f_to_device(device)?,
        })
    }

    fn nearest<E>(&self, rows: &[f32], width: usize, ids: &mut [u16]) -> Result<(), KmeansError<E>> {
        let _no_graph = tch::no_grad_guard();
        let products = matrix(rows, width, self.device)?.f_matmul(&self.transposed)?;
        // Of equal ones it takes the first.
        let nearest = products.f_sub(&self.half_squares)?.f_argmax(1, /* keepdim */ false)?;
        let nearest = Vec::<i64>::try_from(nearest.f_to_device(Device::Cpu)?)?;
        ids.iter_mut().zip(nearest).for_each(|(id, nearest)| *id = nearest as u16);
        Ok(())
    }
}

/// For each of some centroids, `[k, width]`, the lowest id of those that are equal to it.
fn lowest_equals(values: &[f32], width: usize) -> Vec<u16> {
    let mut lowest = HashMap::new();
    let ids = values.chunks_exact(width).enumerate();
    ids.map(|(id, centroid)| *lowest.entry(Row(centroid)).or_insert(id as u16)).collect()
}

/// A centroid that is looked up by its values.
#[derive(PartialEq)]
struct Row<'a>(&'a [f32]);

impl Eq for Row<'_> {}

impl Hash for Row<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // 0 and −0 are equal.
        self.0.iter().for_each(|value| state.write_u32((value + 0.0).to_bits()));
    }
}

/// Values as a matrix `[.., width]` on a device.
fn matrix<E>(values: &[f32], width: usize, device: Device) -> Result<Tensor, KmeansError<E>> {
    Ok(Tensor::f_from_slice(values)?.f_view([-1, width as i64])?.f_to_device(device)?)
}

/// How many numbers are compared at a time.
const LANES: usize = 16;

/// The first place at which the difference of two lists is largest.
fn largest(minuends: &[f32], subtrahends: &[f32]) -> usize {
    let mut best = [f32::NEG_INFINITY; LANES];
    let mut places = [0_u32; LANES];
    let (minuends, last_minuends) = minuends.as_chunks::<LANES>();
    let (subtrahends, last_subtrahends) = subtrahends.as_chunks::<LANES>();
    for (turn, (minuends, subtrahends)) in minuends.iter().zip(subtrahends).enumerate() {
        for lane in 0..LANES {
            let difference = minuends[lane] - subtrahends[lane];
            let larger = difference > best[lane];
            best[lane] = if larger { difference } else { best[lane] };
            places[lane] = if larger { turn as u32 } else { places[lane] };
        }
    }
    let mut found = (f32::NEG_INFINITY, 0);
    for lane in 0..LANES {
        let place = places[lane] as usize * LANES + lane;
        if best[lane] > found.0 || (best[lane] == found.0 && place < found.1) {
            found = (best[lane], place);
        }
    }
    for (lane, (minuend, subtrahend)) in last_minuends.iter().zip(last_subtrahends).enumerate() {
        if minuend - subtrahend > found.0 {
            found = (minuend - subtrahend, minuends.len() * LANES + lane);
        }
    }
    found.1
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use affekt_torch::Random;

    use super::super::InMemory;
    use super::*;

    /// What a GPU is asked to do, done by the CPU.
    #[test]
    fn a_gpu_is_asked_for_the_same() {
        let mut random = Random::new(4, "points");
        let mut draw = |count: usize| (0..count).map(|_| random.normal()).collect::<Vec<f32>>();
        let (rows, mut values) = (draw(500 * 9), draw(70 * 9));
        values.copy_within(0..9 * 9, 40 * 9); // some centroids are equal
        let ids = |centroids: &Centroids| {
            let (mut ids, pace) = (Vec::new(), Pace { chunk: 200, threads: 2 });
            let passed: Result<(), KmeansError<Infallible>> =
                centroids.pass(&InMemory::new(&rows, 9), pace, &mut |chunk| {
                    ids.extend_from_slice(chunk.ids);
                    ControlFlow::Continue(())
                });
            passed.unwrap();
            ids
        };
        let mut centroids = Centroids::new::<Infallible>(&values, 9, Device::Cpu).unwrap();
        let expected = ids(&centroids);
        assert!(expected.iter().all(|id| !(40..49).contains(id)));
        let on_gpu = OnGpu::new::<Infallible>(&values, 9, &centroids.half_squares, Device::Cpu).unwrap();
        centroids.on_gpu = Some(on_gpu);
        assert_eq!(ids(&centroids), expected);
    }

    #[test]
    fn equal_centroids_have_the_lowest_id() {
        let values = [1.0, 0.0, 2.0, 0.0, 1.0, -0.0, 1.0, f32::MIN_POSITIVE, 2.0, 0.0];
        assert_eq!(lowest_equals(&values, 2), [0, 1, 0, 3, 1]);
        assert_eq!(lowest_equals(&values, 5), [0, 1]);
    }

    #[test]
    fn the_first_of_the_largest() {
        let mut random = Random::new(3, "differences");
        for length in (1..70).cycle().take(2_000) {
            // Few values, so that many are equal.
            let mut draw = || (0..length).map(|_| random.below(4) as f32).collect::<Vec<_>>();
            let (minuends, subtrahends) = (draw(), draw());
            let differences: Vec<f32> = minuends.iter().zip(&subtrahends).map(|(m, s)| m - s).collect();
            let most = differences.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let first = differences.iter().position(|difference| *difference == most).unwrap();
            assert_eq!(largest(&minuends, &subtrahends), first, "{differences:?}");
        }
    }
}
