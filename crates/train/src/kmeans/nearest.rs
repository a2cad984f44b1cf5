//! The nearest centroid of every point, chunk by chunk, and what a pass adds up behind it.
//!
//! On the CPU they are found by [`affekt_nearest`], whose ids depend on nothing but points and centroids. Every thread reads
//! some of a chunk's points and finds the nearest for them; when all have, it adds up some of the columns of all of them,
//! which still lie in the caches. No thread of libtorch has part in it: those that idle would take turns with ours.
//!
//! On a GPU, ‖x − c‖² = ‖x‖² − 2 (x·c − ‖c‖²/2): the nearest centroid is the one of the largest x·c − ‖c‖²/2, and the inner
//! products of a chunk with all centroids are one matrix product. It may give one point different products with equal
//! centroids, for the last bit depends on the column. Whichever of them is found to be nearest, the point gets the lowest id
//! among its equals.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use affekt_nearest::Columns;
use tch::{Device, Tensor};

use super::KmeansError;
use super::points::{Points, beyond, read};
use super::sums::Sums;
use super::threads::{Meeting, side_by_side};

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

/// How a pass goes over points. On the CPU, neither number changes what it finds.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Points in a chunk.
    pub chunk: usize,
    /// Threads beside libtorch's.
    pub threads: usize,
}

impl Pace {
    /// Chunks of which a thread's part, points of `width` values, stays in its second cache; on a GPU, as many points as make
    /// half a gigabyte of inner products, within reason.
    pub fn new(clusters: usize, width: usize, device: Device, threads: usize) -> Self {
        let chunk = match device {
            // A megabyte, and whole blocks of the search.
            Device::Cpu => threads * (((1 << 18) / width).clamp(48, 1 << 13) / 48 * 48),
            _ => ((128 << 20) / clusters).clamp(1 << 10, 1 << 16),
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

/// The part of a chunk that one thread reads.
struct Share<E> {
    range: Range<usize>,
    /// Where points do not lend them.
    rows: Vec<f32>,
    ids: Vec<u16>,
    failure: Mutex<Option<KmeansError<E>>>,
}

fn on_cpu<P: Points>(
    centroids: &affekt_nearest::Centroids,
    points: &P,
    width: usize,
    pace: Pace,
    mut sums: Option<&mut Sums>,
    sink: Sink,
) -> Result<(), KmeansError<P::Error>> {
    let threads = pace.threads.max(1);
    let share = pace.chunk.min(points.len()).div_ceil(threads);
    let empty = || Share { range: 0..0, rows: Vec::new(), ids: Vec::new(), failure: Mutex::default() };
    // While some still add up a chunk, others read the next one.
    let turns: [Vec<RwLock<Share<P::Error>>>; 2] =
        std::array::from_fn(|_| (0..threads).map(|_| RwLock::new(empty())).collect());
    let (meeting, broken_off) = (Meeting::new(threads), AtomicBool::new(false));
    let (columns, squaring) = sums.as_mut().map_or_else(Default::default, |sums| sums.lend_columns());

    // What one thread does; the first one is the caller's, and has the sink.
    let work = |thread: usize, mut columns: Option<Columns>, mut hear: Option<Sink>| {
        let _there = meeting.attend();
        for (chunk, turn) in chunks(points.len(), pace.chunk).zip(turns.iter().cycle()) {
            {
                let mut own = turn[thread].write().unwrap_or_else(PoisonError::into_inner);
                let first = (chunk.start + thread * share).min(chunk.end);
                own.fill(points, first..chunk.end.min(first + share), width, centroids);
            }
            if !meeting.wait() || broken_off.load(Ordering::Relaxed) {
                break;
            }
            let mut failed = false;
            for share in turn {
                let share = share.read().unwrap_or_else(PoisonError::into_inner);
                failed |= share.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some();
                if failed {
                    break;
                }
                if let Some(columns) = &mut columns {
                    columns.add(share.rows(points), width, &share.ids, squaring);
                }
                if let Some(hear) = &mut hear
                    && hear(&share.ids).is_break()
                {
                    broken_off.store(true, Ordering::Relaxed);
                }
            }
            if failed {
                break;
            }
        }
        columns
    };
    let mut columns: Vec<Option<Columns>> = columns.into_iter().map(Some).collect();
    columns.resize_with(threads, || None);
    let mut jobs = columns.into_iter().enumerate();
    let columns: Vec<Option<Columns>> = std::thread::scope(|scope| {
        let (own, work) = (jobs.next(), &work);
        let others: Vec<_> =
            jobs.map(|(thread, columns)| scope.spawn(move || work(thread, columns, None))).collect();
        let own = own.and_then(|(thread, columns)| {
            let mut hear = |ids: &[u16]| {
                if let Some(sums) = &mut sums {
                    sums.count(ids);
                }
                sink(ids)
            };
            work(thread, columns, Some(&mut hear))
        });
        let others =
            others.into_iter().map(|other| other.join().unwrap_or_else(|why| std::panic::resume_unwind(why)));
        std::iter::once(own).chain(others).collect()
    });
    if let Some(sums) = sums {
        sums.take_back(columns.into_iter().flatten());
    }
    let failure = |share: RwLock<Share<P::Error>>| {
        let share = share.into_inner().unwrap_or_else(PoisonError::into_inner);
        share.failure.into_inner().unwrap_or_else(PoisonError::into_inner)
    };
    if let Some(failure) = turns.into_iter().flatten().find_map(failure) {
        return Err(failure);
    }
    if broken_off.into_inner() { Err(KmeansError::Cancelled) } else { Ok(()) }
}

impl<E> Share<E> {
    /// Reads points and finds the nearest centroid of each.
    fn fill<P: Points<Error = E>>(
        &mut self,
        points: &P,
        range: Range<usize>,
        width: usize,
        centroids: &affekt_nearest::Centroids,
    ) {
        self.ids.resize(range.len(), 0);
        self.range = range;
        if let Err(failure) = self.find(points, width, centroids) {
            self.failure = Mutex::new(Some(failure));
        }
    }

    fn find<P: Points<Error = E>>(
        &mut self,
        points: &P,
        width: usize,
        centroids: &affekt_nearest::Centroids,
    ) -> Result<(), KmeansError<E>> {
        let first = self.range.start;
        let rows = match points.lend(self.range.clone()) {
            Some(rows) => rows,
            None => {
                self.rows.resize(self.range.len() * width, 0.0);
                points.read(self.range.clone(), &mut self.rows).map_err(KmeansError::Points)?;
                &self.rows
            }
        };
        centroids.nearest(rows, &mut self.ids).map_err(|at| beyond(rows, at, width, first))
    }

    fn rows<'s, P: Points>(&'s self, points: &'s P) -> &'s [f32] {
        points.lend(self.range.clone()).unwrap_or(&self.rows)
    }
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
        let chunk = pace.chunk.min(points.len());
        let (mut rows, mut ids) = (vec![0.0; chunk * width], vec![0; chunk]);
        for range in chunks(points.len(), chunk) {
            let count = range.len();
            let (rows, ids) = (&mut rows[..count * width], &mut ids[..count]);
            let share = count.div_ceil(pace.threads);
            let shares = rows.chunks_mut(share * width).zip(range.step_by(share));
            let read =
                |(rows, first): (&mut [f32], usize)| read(points, first..first + rows.len() / width, rows);
            side_by_side(shares, read).into_iter().collect::<Result<(), _>>()?;
            self.nearest(rows, width, ids)?;
            if let Some(sums) = &mut sums {
                sums.add(rows, ids);
            }
            if sink(ids).is_break() {
                return Err(KmeansError::Cancelled);
            }
        }
        Ok(())
    }

    fn nearest<E>(&self, rows: &[f32], width: usize, ids: &mut [u16]) -> Result<(), KmeansError<E>> {
        let _no_graph = tch::no_grad_guard();
        let products = matrix(rows, width, self.device)?.f_matmul(&self.transposed)?;
        // Of equal ones it takes the first.
        let nearest = products.f_sub(&self.half_squares)?.f_argmax(1, /* keepdim */ false)?;
        let nearest = Vec::<i64>::try_from(nearest.f_to_device(Device::Cpu)?)?;
        ids.iter_mut().zip(nearest).for_each(|(id, nearest)| *id = self.lowest_equals[nearest as usize]);
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
