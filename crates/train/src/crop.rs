//! Training on a piece of each long recording.

use std::ops::Range;

use affekt_spec::training::CropAt;
use affekt_torch::Random;

/// The pieces of one epoch.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// At most so many.
    pub samples: usize,
    pub at: CropAt,
    /// Pieces begin at multiples of so many samples: where frames do.
    pub hop: usize,
    pub seed: u64,
    pub epoch: u32,
}

impl Window {
    /// What is taken of an utterance of so many samples.
    pub fn of(&self, name: &str, samples: usize) -> Range<usize> {
        let Some(spare) = samples.checked_sub(self.samples) else { return 0..samples };
        let start = match self.at {
            CropAt::Start => 0,
            CropAt::Random => {
                let mut random = Random::new(self.seed, &format!("crop {} {name}", self.epoch));
                (random.bits() % ((spare / self.hop) as u64 + 1)) as usize * self.hop
            }
        };
        start..start + self.samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window { samples: 10, at: CropAt::Random, hop: 1, seed: 1, epoch: 1 };

    #[test]
    fn short_recordings_stay_whole() {
        assert_eq!(WINDOW.of("a", 9), 0..9);
        assert_eq!(WINDOW.of("a", 10), 0..10);
        assert_eq!(Window { at: CropAt::Start, ..WINDOW }.of("a", 99), 0..10);
    }

    #[test]
    fn pieces_begin_anywhere_and_elsewhere_in_each_epoch() {
        let starts = |name: &str| -> Vec<usize> {
            (0..300).map(|epoch| Window { epoch, ..WINDOW }.of(name, 14).start).collect()
        };
        assert_eq!(starts("a"), starts("a"));
        assert_ne!(starts("a"), starts("b"));
        assert_eq!(Window { seed: 2, ..WINDOW }.of("a", 14).len(), 10);
        for start in 0..=4 {
            // 300 · ¼ 0.2 · 0.8: a deviation of 7; bounds are five of them.
            let count = starts("a").iter().filter(|found| **found == start).count();
            assert!((25..=95).contains(&count), "{start}: {count}");
        }
    }

    #[test]
    fn pieces_begin_where_frames_do() {
        let window = Window { hop: 4, ..WINDOW };
        let starts: std::collections::BTreeSet<usize> =
            (0..100).map(|epoch| Window { epoch, ..window }.of("a", 21).start).collect();
        assert!(starts.into_iter().eq([0, 4, 8]));
    }
}
