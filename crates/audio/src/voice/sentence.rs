//! Sentences: sequences of phones determined by a number.

use super::random::Random;

/// A segment with fixed targets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phone {
    /// Duration in seconds at a neutral tempo.
    pub seconds: f64,
    /// The first three formants of an average man, in Hz.
    pub formants: [f64; 3],
    /// Level of the voiced source, 0 to 1.
    pub voiced: f64,
    /// Level of frication noise, 0 to 1.
    pub noise: f64,
    /// Frequency at which that noise is strongest, in Hz.
    pub noise_hz: f64,
    /// Height of the pitch accent, 0 to 1.
    pub accent: f64,
}

/// Returns the phones of sentence `number`: six to eight syllables, about as long as "kids are talking by the door".
pub(super) fn phones(number: u32) -> Vec<Phone> {
    let random = &mut Random::new(&[0x5e47_e4ce, u64::from(number)]);
    let syllables = 6 + (random.uniform() * 3.0) as usize;
    let mut phones = Vec::new();
    for syllable in 0..syllables {
        phones.extend_from_slice(random.pick::<&[Phone]>(&ONSETS));
        let stressed = syllable % 2 == 0;
        let accent = if stressed { random.between(0.6, 1.0) } else { random.between(0.0, 0.2) };
        let last = syllable + 1 == syllables;
        let seconds =
            random.between(0.08, 0.12) + if stressed { 0.05 } else { 0.0 } + if last { 0.08 } else { 0.0 };
        phones.push(Phone { seconds, formants: *random.pick(&VOWELS), accent, ..VOWEL });
    }
    phones
}

/// Men's means after Peterson & Barney (1952), rounded.
const VOWELS: [[f64; 3]; 9] = [
    [270.0, 2290.0, 3010.0],
    [390.0, 1990.0, 2550.0],
    [530.0, 1840.0, 2480.0],
    [660.0, 1720.0, 2410.0],
    [730.0, 1090.0, 2440.0],
    [570.0, 840.0, 2410.0],
    [440.0, 1020.0, 2240.0],
    [300.0, 870.0, 2240.0],
    [640.0, 1190.0, 2390.0],
];

const VOWEL: Phone = Phone {
    seconds: 0.1,
    formants: [500.0, 1500.0, 2500.0],
    voiced: 1.0,
    noise: 0.0,
    noise_hz: 4000.0,
    accent: 0.0,
};
const CLOSURE: Phone = Phone { seconds: 0.05, voiced: 0.0, ..VOWEL };

/// Onsets of syllables: the phones of a consonant.
const ONSETS: [&[Phone]; 8] = [
    // Two nasals and two approximants: voiced, low first formant.
    &[Phone { seconds: 0.07, formants: [280.0, 1100.0, 2300.0], voiced: 0.5, ..VOWEL }],
    &[Phone { seconds: 0.07, formants: [280.0, 1600.0, 2500.0], voiced: 0.5, ..VOWEL }],
    &[Phone { seconds: 0.06, formants: [360.0, 1200.0, 2600.0], voiced: 0.7, ..VOWEL }],
    &[Phone { seconds: 0.06, formants: [320.0, 1250.0, 1700.0], voiced: 0.7, ..VOWEL }],
    // Fricatives, voiceless and voiced.
    &[Phone { seconds: 0.10, voiced: 0.0, noise: 0.5, noise_hz: 5500.0, ..VOWEL }],
    &[Phone { seconds: 0.07, voiced: 0.4, noise: 0.25, noise_hz: 4800.0, ..VOWEL }],
    // Stops: silence, then a burst.
    &[CLOSURE, Phone { seconds: 0.025, voiced: 0.0, noise: 0.7, noise_hz: 3800.0, ..VOWEL }],
    &[CLOSURE, Phone { seconds: 0.02, voiced: 0.3, noise: 0.5, noise_hz: 1800.0, ..VOWEL }],
];
