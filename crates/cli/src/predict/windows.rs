//! Where windows lie in a recording that is looked at piece by piece.

/// Windows of one length at one distance, in samples.
///
/// The first begins at 0. There is another one as long as it hears something that the one before it did not, so
/// the last may be cut short by the end of the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// The length of a window.
    pub length: usize,
    /// From the beginning of one to that of the next, from 1 to `length`.
    pub hop: usize,
}

impl Windows {
    /// Those of a recording of so many samples: where each begins and ends.
    pub fn of(self, samples: usize) -> impl Iterator<Item = (usize, usize)> {
        let starts = (0..).map(move |number| number * self.hop);
        let starts = starts.take_while(move |start| self.has_news(*start, samples));
        starts
            .map(move |start| (start, (start + self.length).min(samples)))
            .filter(|(start, end)| start < end)
    }

    /// Whether the window at `start` hears something of a recording of so many samples that the one before it did not.
    pub fn has_news(self, start: usize, samples: usize) -> bool {
        start == 0 || start + (self.length - self.hop) < samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(length: usize, hop: usize, samples: usize) -> Vec<(usize, usize)> {
        Windows { length, hop }.of(samples).collect()
    }

    #[test]
    fn every_sample_is_heard_and_nothing_is_said_twice() {
        assert_eq!(of(4, 4, 8), [(0, 4), (4, 8)]);
        assert_eq!(of(4, 4, 9), [(0, 4), (4, 8), (8, 9)]);
        assert_eq!(of(4, 2, 8), [(0, 4), (2, 6), (4, 8)]);
        assert_eq!(of(4, 2, 7), [(0, 4), (2, 6), (4, 7)]);
        assert_eq!(of(4, 1, 3), [(0, 3)]);
        assert_eq!(of(4, 4, 0), []);
    }
}
