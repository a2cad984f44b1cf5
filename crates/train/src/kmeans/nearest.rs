//! The nearest centroid of every point, chunk by chunk, and what a pass adds up behind it.
//!
//! On the CPU they are found by [`affekt_nearest`], whose ids depend on nothing but points and centroids. Every thread takes
//! run after run of points, reads them a piece at a time that stays in its caches, finds the nearest and adds up the run. Sums
//! of runs are joined in the points' order. No thread of libtorch has part in it: those that idle would take turns with ours.
//!
//! On a GPU, ‖x − c‖² = ‖x‖² − 2 (x·c − ‖c‖²/2): the nearest centroid is the one of the largest x·c − ‖c‖²/2, and the inner
//! products of a chunk with all centroids are one matrix product. It may give one point different products with equal
//! centroids, for the last bit depends on the column. Whichever of them is found to be nearest, the point gets the lowest id
//! among its equals.

use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use affekt_nearest::Columns;
use affekt_torch::f_upload;
use tch::{Device, Tensor};

use super::KmeansError;
use super::points::{Points, beyond, read};
use super::sums::Sums;
use super::threads::side_by_side;
use crate::ahead::ahead;

/// Centroids, where they are computed with.
pub struct Centroids<'a> {
    width: usize,
    place: Place<'a>,
}

enum Place<'a> {
    Cpu(Box<affekt_nearest::Centroids<'a>>),
    Gpu(OnGpu),
}

struct OnGpu {
    device: Device,
    /// `[width, k]`
    transposed: Tensor,
    /// `[k]`
    half_squares: Tensor,
    /// For each, the lowest id of those that are equal to it.
    lowest_equals: Vec<u16>,
}

/// How a pass goes over points. On the CPU, neither number changes what it finds or adds up.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Points in a chunk.
    pub chunk: usize,
    /// Threads beside libtorch's.
    pub threads: usize,
}

impl Pace {
    /// Chunks, points of `width` values, that stay in a thread's second cache; on a GPU, as many points as make half a gigabyte
    /// of inner products, within reason: three chunks of them are in memory.
    pub fn new(clusters: usize, width: usize, device: Device, threads: usize) -> Self {
        let chunk = match device {
            // Half a megabyte, and whole blocks of the search.
            Device::Cpu => ((1 << 17) / width).clamp(48, 1 << 13) / 48 * 48,
            _ => ((128 << 20) / clusters).clamp(1 << 10, 1 << 15),
        };
        Self { chunk, threads }
    }
}

/// Hears the ids of one run of points after the other, and may break off.
pub type Sink<'s> = &'s mut dyn FnMut(&[u16]) -> ControlFlow<()>;

impl<'a> Centroids<'a> {
    /// `values` are `[k, width]`.
    pub fn new<E>(values: &'a [f32], width: usize, device: Device) -> Result<Self, KmeansError<E>> {
        let place = match device {
            Device::Cpu => Place::Cpu(Box::new(affekt_nearest::Centroids::new(values, width))),
            _ => Place::Gpu(OnGpu::new(values, width, device)?),
        };
        Ok(Self { width, place })
    }

    /// Finds the nearest centroid of every point, adds the points to `sums` where there are any, and hands the ids to `sink`
    /// in the points' order.
    pub fn pass<P: Points>(
        &self,
        points: &P,
        pace: Pace,
        sums: Option<&mut Sums>,
        sink: Sink,
    ) -> Result<(), KmeansError<P::Error>> {
        match &self.place {
            Place::Cpu(centroids) => on_cpu(centroids, points, self.width, pace, sums, sink),
            Place::Gpu(centroids) => centroids.pass(points, self.width, pace, sums, sink),
        }
    }
}

/// The ranges of chunks.
fn chunks(points: usize, chunk: usize) -> impl Iterator<Item = Range<usize>> + Clone {
    let chunk = chunk.min(points).max(1);
    (0..points).step_by(chunk).map(move |start| start..points.min(start + chunk))
}

/// Returns how long the runs are that are added up by themselves: enough of them for every thread to have its share, and
/// few enough that joining their sums takes no time. It depends on nothing else, so that sums do not.
fn run_length(points: usize, clusters: usize) -> usize {
    points.div_ceil((points / (16 * clusters)).clamp(8, 64)).max(1)
}

/// What a run of points gives.
struct Run {
    ids: Vec<u16>,
    sums: Option<Columns>,
}

/// What is joined of the runs: those that are done before an earlier one wait.
struct Joined {
    runs: BTreeMap<usize, Run>,
    next: usize,
    ids: Vec<u16>,
    sums: Option<Columns>,
}

impl Joined {
    /// Takes a run, and joins those whose turn it is.
    fn take(&mut self, number: usize, run: Run) {
        self.runs.insert(number, run);
        while let Some(run) = self.runs.remove(&self.next) {
            self.next += 1;
            self.ids.extend(run.ids);
            self.sums = match (self.sums.take(), run.sums) {
                (Some(mut all), Some(sums)) => {
                    all.join(&sums);
                    Some(all)
                }
                (all, sums) => all.or(sums),
            };
        }
    }
}

fn on_cpu<P: Points>(
    centroids: &affekt_nearest::Centroids,
    points: &P,
    width: usize,
    pace: Pace,
    sums: Option<&mut Sums>,
    sink: Sink,
) -> Result<(), KmeansError<P::Error>> {
    let squaring = sums.as_ref().map(|sums| sums.squaring());
    let length = run_length(points.len(), centroids.len());
    let count = points.len().div_ceil(length);
    let started = AtomicUsize::new(0);
    let joined = Mutex::new(Joined {
        runs: BTreeMap::new(),
        next: 0,
        ids: Vec::with_capacity(points.len()),
        sums: None,
    });
    let work = |_| {
        loop {
            let number = started.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return Ok(());
            }
            let range = number * length..points.len().min((number + 1) * length);
            match run(centroids, points, width, pace, range, squaring) {
                Ok(run) => joined.lock().unwrap_or_else(PoisonError::into_inner).take(number, run),
                Err(failure) => {
                    started.store(count, Ordering::Relaxed);
                    return Err((number, failure));
                }
            }
        }
    };
    // Runs are started in order: the first one that fails has begun before another one's failure ends the rest.
    let outcomes = side_by_side(0..pace.threads.clamp(1, count.max(1)), work);
    if let Some((_, failure)) = outcomes.into_iter().filter_map(Result::err).min_by_key(|(number, _)| *number)
    {
        return Err(failure);
    }
    let joined = joined.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(sums) = sums {
        sums.count(&joined.ids);
        if let Some(columns) = joined.sums {
            sums.replace(columns);
        }
    }
    if sink(&joined.ids).is_break() { Err(KmeansError::Cancelled) } else { Ok(()) }
}

/// Reads points piece by piece, finds the nearest centroid of each, and adds them up.
fn run<P: Points>(
    centroids: &affekt_nearest::Centroids,
    points: &P,
    width: usize,
    pace: Pace,
    range: Range<usize>,
    squaring: Option<bool>,
) -> Result<Run, KmeansError<P::Error>> {
    let mut sums = squaring.map(|_| Columns::new(0..width, centroids.len()));
    let mut ids = vec![0; range.len()];
    let mut room = Vec::new();
    for (first, ids) in range.clone().step_by(pace.chunk).zip(ids.chunks_mut(pace.chunk)) {
        let piece = first..first + ids.len();
        let rows = match points.lend(piece.clone()) {
            Some(rows) => rows,
            None => {
                room.resize(piece.len() * width, 0.0);
                points.read(piece, &mut room).map_err(KmeansError::Points)?;
                &room
            }
        };
        centroids.nearest(rows, ids).map_err(|at| beyond(rows, at, width, first))?;
        if let (Some(sums), Some(squaring)) = (&mut sums, squaring) {
            sums.add(rows, width, ids, squaring);
        }
    }
    Ok(Run { ids, sums })
}

impl OnGpu {
    fn new<E>(values: &[f32], width: usize, device: Device) -> Result<Self, KmeansError<E>> {
        let half_square = |centroid: &[f32]| {
            let square: f64 = centroid.iter().map(|value| f64::from(*value).powi(2)).sum();
            (square / 2.0) as f32
        };
        let half_squares: Vec<f32> = values.chunks_exact(width).map(half_square).collect();
        let transposed = matrix(values, width, device)?.f_tr()?.f_contiguous()?;
        let half_squares = Tensor::f_from_slice(&half_squares)?.f_to_device(device)?;
        Ok(Self { device, transposed, half_squares, lowest_equals: lowest_equals(values, width) })
    }

    fn pass<P: Points>(
        &self,
        points: &P,
        width: usize,
        pace: Pace,
        mut sums: Option<&mut Sums>,
        sink: Sink,
    ) -> Result<(), KmeansError<P::Error>> {
        // All threads read the next chunks while the GPU computes this one and this thread waits for it.
        let chunks: Vec<Range<usize>> = chunks(points.len(), pace.chunk).collect();
        let device = self.device;
        let chunk = |range: &Range<usize>| -> Result<_, KmeansError<P::Error>> {
            let rows = read_by_all(points, width, pace.threads, range.clone())?;
            Ok((matrix(&rows, width, device)?, rows))
        };
        ahead(&chunks, chunk, |_, chunk| {
            let (matrix, rows) = chunk?;
            let ids = self.nearest(&matrix)?;
            if let Some(sums) = &mut sums {
                sums.add(&rows, &ids);
            }
            if sink(&ids).is_break() { Err(KmeansError::Cancelled) } else { Ok(()) }
        })
    }

    fn nearest<E>(&self, rows: &Tensor) -> Result<Vec<u16>, KmeansError<E>> {
        let _no_graph = tch::no_grad_guard();
        let products = rows.f_matmul(&self.transposed)?;
        // Of equal ones it takes the first.
        let nearest = products.f_sub(&self.half_squares)?.f_argmax(1, /* keepdim */ false)?;
        let nearest = Vec::<i64>::try_from(nearest.f_to_device(Device::Cpu)?)?;
        Ok(nearest.into_iter().map(|nearest| self.lowest_equals[nearest as usize]).collect())
    }
}

/// Reads a range of points, a share of it in each of some threads.
fn read_by_all<P: Points>(
    points: &P,
    width: usize,
    threads: usize,
    range: Range<usize>,
) -> Result<Vec<f32>, KmeansError<P::Error>> {
    let mut rows = vec![0.0; range.len() * width];
    let share = range.len().div_ceil(threads).max(1);
    let shares = rows.chunks_mut(share * width).zip(range.step_by(share));
    let read = |(rows, first): (&mut [f32], usize)| read(points, first..first + rows.len() / width, rows);
    side_by_side(shares, read).into_iter().collect::<Result<(), _>>()?;
    Ok(rows)
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

/// Values as a matrix `[.., width]` on a device. A GPU is not waited for.
fn matrix<E>(values: &[f32], width: usize, device: Device) -> Result<Tensor, KmeansError<E>> {
    Ok(f_upload(&Tensor::f_from_slice(values)?.f_view([-1, width as i64])?, device)?)
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
                centroids.pass(&InMemory::new(&rows, 9), pace, None, &mut |some| {
                    ids.extend_from_slice(some);
                    ControlFlow::Continue(())
                });
            passed.unwrap();
            ids
        };
        let expected = ids(&Centroids::new::<Infallible>(&values, 9, Device::Cpu).unwrap());
        assert!(expected.iter().all(|id| !(40..49).contains(id)));
        let on_gpu = OnGpu::new::<Infallible>(&values, 9, Device::Cpu).unwrap();
        assert_eq!(ids(&Centroids { width: 9, place: Place::Gpu(on_gpu) }), expected);
    }

    #[test]
    fn equal_centroids_have_the_lowest_id() {
        let values = [1.0, 0.0, 2.0, 0.0, 1.0, -0.0, 1.0, f32::MIN_POSITIVE, 2.0, 0.0];
        assert_eq!(lowest_equals(&values, 2), [0, 1, 0, 3, 1]);
        assert_eq!(lowest_equals(&values, 5), [0, 1]);
    }
}
