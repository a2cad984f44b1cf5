//! Reads the clock after every step of a training, and breaks it off when there are enough readings.

use std::ops::ControlFlow;
use std::time::Instant;

use affekt_train::Progress;
use tch::Device;

use super::product::wait_for;

/// Steps that are not timed: they choose kernels and fetch memory.
const WARM_UP: usize = 2;
/// Steps that are.
const TIMED: usize = 5;
/// How many steps are made at the most, where memory suffices.
pub const STEPS: usize = WARM_UP + TIMED;

/// When the steps of a training ended.
pub struct Readings {
    device: Device,
    /// When to break off, if one step was timed.
    until: Instant,
    ends: Vec<Instant>,
    micro_batches: usize,
}

/// What steps took.
pub struct Taken {
    /// The median.
    pub seconds: f64,
    /// In how many micro-batches memory allowed them.
    pub micro_batches: usize,
}

impl Readings {
    pub const fn new(device: Device, until: Instant) -> Self {
        Self { device, until, ends: Vec::new(), micro_batches: 1 }
    }

    /// Hears of a training.
    pub fn hear(&mut self, progress: &Progress<'_>) -> ControlFlow<()> {
        match *progress {
            Progress::Batch { .. } => {
                wait_for(self.device);
                self.ends.push(Instant::now());
            }
            Progress::OutOfMemory { micro_batches, .. } => {
                self.micro_batches = micro_batches;
                self.ends.clear();
            }
            _ => return ControlFlow::Continue(()),
        }
        let is_late = Instant::now() > self.until && self.ends.len() > 1;
        if self.ends.len() == STEPS || is_late { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Returns what the timed steps took; none where there was no second step.
    pub fn taken(&self) -> Option<Taken> {
        let first = (WARM_UP - 1).min(self.ends.len().checked_sub(2)?);
        let mut seconds: Vec<f64> =
            self.ends[first..].windows(2).map(|ends| (ends[1] - ends[0]).as_secs_f64()).collect();
        seconds.sort_by(f64::total_cmp);
        Some(Taken { seconds: seconds[seconds.len() / 2], micro_batches: self.micro_batches })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn readings(milliseconds: &[u64]) -> Readings {
        let now = Instant::now();
        let ends = milliseconds.iter().map(|&after| now + Duration::from_millis(after)).collect();
        Readings { ends, ..Readings::new(Device::Cpu, now) }
    }

    #[test]
    fn the_median_is_of_what_comes_after_the_first_two() {
        let seconds = |milliseconds: &[u64]| readings(milliseconds).taken().map(|taken| taken.seconds);
        let is = |taken: Option<f64>, should: f64| taken.is_some_and(|taken| (taken - should).abs() < 1e-6);
        assert!(is(seconds(&[900, 1000, 1010, 1030, 1130, 1140, 1150]), 0.01));
        assert!(is(seconds(&[900, 1000]), 0.1), "too late for more");
        assert_eq!(seconds(&[900]), None);
    }
}
