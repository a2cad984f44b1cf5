//! Numbers that begin at a cache line, so that no register's load or store crosses two.

use std::ops::{Deref, DerefMut};

/// A list of f32 whose first is aligned to 64 bytes.
#[derive(Default)]
pub struct Aligned {
    lines: Vec<Line>,
    count: usize,
}

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// f32 in a cache line.
const LINE: usize = 16;

impl Aligned {
    /// Makes it hold `count` numbers: zeros, where there were none before.
    pub fn resize(&mut self, count: usize) {
        self.lines.resize(count.div_ceil(LINE), Line([0.0; LINE]));
        self.count = count;
    }
}

impl Deref for Aligned {
    type Target = [f32];

    #[inline(always)]
    fn deref(&self) -> &[f32] {
        // SAFETY: a line is f32 and nothing else, and there are at least `count` in all lines.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.count) }
    }
}

impl DerefMut for Aligned {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_asked_for_at_a_cache_line() {
        let mut numbers = Aligned::default();
        for count in [0, 1, 16, 17, 5, 100] {
            numbers.resize(count);
            assert_eq!(numbers.len(), count);
            assert!(numbers.iter().all(|number| *number == 0.0));
            assert!(count == 0 || numbers.as_ptr().addr().is_multiple_of(64));
        }
        numbers[99] = 1.0;
        assert_eq!(numbers.iter().sum::<f32>(), 1.0);
    }
}
