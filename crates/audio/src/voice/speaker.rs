//! Synthetic speakers.

use affekt_domain::Sex;

use super::random::Random;

/// A synthetic speaker, determined by a number and a seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Speaker {
    /// The speaker's number; odd ones are male, as in RAVDESS.
    pub number: u32,
    /// The seed, which distinguishes sets of speakers with the same numbers.
    pub seed: u64,
    /// Mean pitch of neutral speech in Hz.
    pub pitch_hz: f64,
    /// Formant frequencies relative to those of an average man; a shorter vocal tract has higher ones.
    pub formant_scale: f64,
    /// Speaking rate relative to the average.
    pub tempo: f64,
    /// Level of the recording in dB.
    pub level_db: f64,
    /// Octaves by which the spectrum reaches higher than the average.
    pub brightness: f64,
    /// Level of breath noise from the glottis, relative to the pulses.
    pub breath: f64,
    /// Strength with which emotions are expressed.
    pub expressiveness: f64,
}

impl Speaker {
    /// Creates speaker `number` of the set `seed`.
    #[must_use]
    pub fn new(number: u32, seed: u64) -> Self {
        let random = &mut Random::new(&[seed, u64::from(number)]);
        let (pitch_hz, formant_scale) = match sex_of(number) {
            Sex::Male => (118.0 + 14.0 * random.normal(), 1.0 + 0.04 * random.normal()),
            Sex::Female => (205.0 + 20.0 * random.normal(), 1.16 + 0.04 * random.normal()),
        };
        Self {
            number,
            seed,
            pitch_hz,
            formant_scale,
            tempo: 1.0 + 0.06 * random.normal(),
            level_db: 1.5 * random.normal(),
            brightness: 0.4 * random.normal(),
            breath: random.between(0.02, 0.06),
            expressiveness: 1.0 + 0.2 * random.normal(),
        }
    }

    /// Returns the sex of the speaker.
    #[must_use]
    pub const fn sex(&self) -> Sex {
        sex_of(self.number)
    }
}

const fn sex_of(number: u32) -> Sex {
    if number % 2 == 1 { Sex::Male } else { Sex::Female }
}
