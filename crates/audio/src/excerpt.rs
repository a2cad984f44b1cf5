//! Parts of recordings: a span of time, and one channel of several.

use std::borrow::Cow;

use crate::Decoded;

/// A part of a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Excerpt {
    start: f64,
    end: f64,
    channel: Option<u16>,
}

impl Excerpt {
    /// Creates the part from `start` to `end` in seconds, of one channel, counted from 1, or of all. `None` unless
    /// `0 <= start < end`, both finite.
    #[must_use]
    pub fn new(start: f64, end: f64, channel: Option<u16>) -> Option<Self> {
        let is_span = start.is_finite() && end.is_finite() && 0.0 <= start && start < end;
        (is_span && channel != Some(0)).then_some(Self { start, end, channel })
    }

    /// Returns the start in seconds.
    #[must_use]
    pub const fn start(&self) -> f64 {
        self.start
    }

    /// Returns the end in seconds.
    #[must_use]
    pub const fn end(&self) -> f64 {
        self.end
    }

    /// Returns the channel, counted from 1; `None` for all.
    #[must_use]
    pub const fn channel(&self) -> Option<u16> {
        self.channel
    }

    /// Returns the part of decoded audio: from the sample next to the start up to the one next to the end, or as far as
    /// the recording goes. `None` if nothing is left, or the recording does not have the channel.
    #[must_use]
    pub fn of(&self, whole: &Decoded) -> Option<Decoded> {
        let at = |seconds: f64| ((seconds * f64::from(whole.rate)).round() as usize).min(whole.frames());
        let (start, end) = (at(self.start), at(self.end));
        let channels = usize::from(whole.channels);
        let samples = whole.samples.get(start * channels..end * channels).filter(|part| !part.is_empty())?;
        let samples: Cow<'_, [f32]> = match self.channel {
            None => Cow::Borrowed(samples),
            Some(channel) if channel <= whole.channels => {
                samples.iter().skip(usize::from(channel) - 1).step_by(channels).copied().collect()
            }
            Some(_) => return None,
        };
        Some(Decoded {
            samples: samples.into_owned(),
            rate: whole.rate,
            channels: if self.channel.is_some() { 1 } else { whole.channels },
            truncated: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stereo() -> Decoded {
        let samples = (0..20).flat_map(|frame| [frame as f32, -(frame as f32)]).collect();
        Decoded { samples, rate: 10, channels: 2, truncated: None }
    }

    #[test]
    fn a_part_has_the_samples_of_its_time_and_channel() {
        let part_of = |start, end, channel| Excerpt::new(start, end, channel).unwrap().of(&stereo());
        let part = part_of(0.5, 0.7, None).unwrap();
        assert_eq!((part.samples(), part.channels()), (&[5.0, -5.0, 6.0, -6.0][..], 2));
        let second = part_of(0.46, 0.8, Some(2)).unwrap();
        assert_eq!((second.samples(), second.channels(), second.rate()), (&[-5.0, -6.0, -7.0][..], 1, 10));
        assert_eq!(part_of(1.8, 99.0, Some(1)).unwrap().samples(), [18.0, 19.0]);
        assert_eq!((part_of(2.0, 3.0, None), part_of(0.0, 1.0, Some(3))), (None, None));
        for (start, end, channel) in
            [(1.0, 1.0, None), (-1.0, 1.0, None), (0.0, f64::NAN, None), (0.0, 1.0, Some(0))]
        {
            assert_eq!(Excerpt::new(start, end, channel), None);
        }
    }
}
