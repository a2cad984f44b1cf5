//! Synthetic emotional speech: a deterministic voice for tests, demonstrations and machines without corpora.
//!
//! A source-filter synthesiser. [`source`] generates a glottal pulse train with the prosody of an emotion
//! ([`Emotion`]); [`resonator`] filters it with formants that follow the phones of a [`sentence`]; [`Speaker`]
//! determines pitch, vocal-tract length and habits. It is meant to be *learnable but not trivial*: emotions differ in
//! the ways the literature reports (pitch, range, loudness, tempo, spectral tilt, breathiness, tremor), while
//! speakers, sentences and takes vary by about as much. It is not a model of real speech, and figures on it say
//! nothing about real corpora.

mod emotion;
mod random;
mod resonator;
mod sentence;
mod source;
mod speaker;

pub use emotion::Emotion;
pub use speaker::Speaker;

use emotion::Prosody;
use random::Random;
use resonator::{Resonator, VoiceFilter};
use sentence::Phone;
use source::{Glottis, GlottisSettings};

/// The choices for one recording of one sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// The acted emotion.
    pub emotion: Emotion,
    /// Whether the intensity is strong rather than normal.
    pub strong: bool,
    /// The number of the sentence, from 1: the same number gives the same sequence of phones.
    pub sentence: u32,
    /// The number of the take, from 1: takes differ in their details.
    pub repetition: u32,
}

/// Synthesises 1.5 to 2.5 seconds of speech at `rate_hz`, within ±1. The same arguments give the same samples.
///
/// # Panics
/// Panics if `rate_hz` is below 8000.
#[must_use]
pub fn synthesise(speaker: &Speaker, delivery: &Delivery, rate_hz: u32) -> Vec<f32> {
    assert!(rate_hz >= 8000, "synthetic speech needs a rate of at least 8000 Hz, not {rate_hz}");
    let take = [
        speaker.seed,
        u64::from(speaker.number),
        delivery.emotion as u64,
        u64::from(delivery.strong),
        u64::from(delivery.sentence),
        u64::from(delivery.repetition),
    ];
    let random = &mut Random::new(&take);
    let prosody = acted(speaker, delivery, random);
    let phones = sentence::phones(delivery.sentence);
    let timing = Timing::of(&phones, speaker.tempo * (1.0 + prosody.tempo));
    let rate = f64::from(rate_hz);

    let pitch = Pitch::new(speaker, &prosody, random);
    let brightness = 2f64.powf(speaker.brightness + prosody.brightness);
    let mut glottis = Glottis::new(
        rate,
        GlottisSettings {
            jitter: 0.006 + prosody.jitter.max(0.0),
            creak: prosody.creak.max(0.0),
            breath: speaker.breath + prosody.breath.max(0.0),
            corner_hz: 1000.0 * brightness,
        },
    );
    let mut filter = VoiceFilter::new(rate, speaker.formant_scale);
    let mut mouth = Resonator::default();
    let gain = LEVEL * 10f64.powf((speaker.level_db + prosody.level_db) / 20.0);

    let mut track = phones[0];
    let mut silence = 1.0;
    (0..(timing.total() * rate) as usize)
        .map(|sample| {
            let seconds = sample as f64 / rate;
            let phone = timing.at(&phones, seconds);
            // Articulators are slow: targets are approached, not reached.
            approach(&mut track, phone.unwrap_or(&phones[phones.len() - 1]), 1.0 / (0.018 * rate));
            silence += (f64::from(u8::from(phone.is_none())) - silence) / (0.012 * rate);
            if sample % RETUNE_SAMPLES == 0 {
                filter.tune(track.formants);
                mouth.tune(track.noise_hz * speaker.formant_scale, 1500.0, rate);
            }
            let voice = track.voiced * glottis.next(pitch.at(&timing, seconds, track.accent), random);
            // Breath drives consonants as well as the voice.
            let noise = 0.12 * brightness * track.noise * random.normal();
            let speech = filter.next(voice) + mouth.next(noise);
            let room = 0.0002 * random.normal();
            saturated(gain * (1.0 - silence) * speech + room) as f32
        })
        .collect()
}

/// Gain that keeps most of strong anger below full scale.
const LEVEL: f64 = 0.06;

/// Saturates softly towards full scale, as a microphone does.
fn saturated(sample: f64) -> f64 {
    sample / (1.0 + sample * sample).sqrt()
}

/// Interval at which the filters are updated, in samples.
const RETUNE_SAMPLES: usize = 16;

/// Returns the prosody of the emotion as this speaker acts it in this take.
fn acted(speaker: &Speaker, delivery: &Delivery, random: &mut Random) -> Prosody {
    let intensity = if delivery.strong { 1.25 } else { 0.8 };
    let habit = &mut Random::new(&[speaker.seed, u64::from(speaker.number), 1000 + delivery.emotion as u64]);
    let mut prosody = delivery.emotion.prosody().scaled(intensity * speaker.expressiveness);
    prosody.pitch += 0.8 * habit.normal() + 0.7 * random.normal();
    prosody.range += 0.4 * habit.normal() + 0.4 * random.normal();
    prosody.slope += 0.8 * habit.normal() + 0.8 * random.normal();
    prosody.level_db += 1.5 * habit.normal() + 1.2 * random.normal();
    prosody.tempo += 0.03 * habit.normal() + 0.03 * random.normal();
    prosody.brightness += 0.3 * habit.normal() + 0.2 * random.normal();
    prosody
}

/// The times of the phones.
struct Timing {
    /// End times of the phones, in seconds.
    ends: Vec<f64>,
}

impl Timing {
    /// Silence before and after the speech.
    const PAUSE_SECONDS: f64 = 0.12;

    fn of(phones: &[Phone], tempo: f64) -> Self {
        let speech: f64 = phones.iter().map(|phone| phone.seconds).sum();
        let target = (speech / tempo).clamp(1.5 - 2.0 * Self::PAUSE_SECONDS, 2.5 - 2.0 * Self::PAUSE_SECONDS);
        let mut end = Self::PAUSE_SECONDS;
        let ends = phones.iter().map(|phone| {
            end += phone.seconds * target / speech;
            end
        });
        Self { ends: ends.collect() }
    }

    /// Returns the time at which speech ends.
    fn end(&self) -> f64 {
        self.ends[self.ends.len() - 1]
    }

    fn total(&self) -> f64 {
        self.end() + Self::PAUSE_SECONDS
    }

    /// Returns the phone at `seconds`, or `None` in the pauses.
    fn at<'a>(&self, phones: &'a [Phone], seconds: f64) -> Option<&'a Phone> {
        if seconds < Self::PAUSE_SECONDS {
            return None;
        }
        phones.get(self.ends.partition_point(|end| *end <= seconds))
    }
}

/// The pitch contour.
struct Pitch {
    mean_hz: f64,
    accent: f64,
    slope: f64,
    tremor: f64,
    tremor_hz: f64,
}

impl Pitch {
    fn new(speaker: &Speaker, prosody: &Prosody, random: &mut Random) -> Self {
        Self {
            mean_hz: speaker.pitch_hz * semitones(prosody.pitch),
            accent: (2.5 + prosody.range).max(0.3),
            slope: prosody.slope - 3.0,
            tremor: prosody.tremor.max(0.0),
            tremor_hz: random.between(5.0, 7.0),
        }
    }

    fn at(&self, timing: &Timing, seconds: f64, accent: f64) -> f64 {
        let place = (seconds - Timing::PAUSE_SECONDS) / (timing.end() - Timing::PAUSE_SECONDS) - 0.5;
        let tremor = self.tremor * (std::f64::consts::TAU * self.tremor_hz * seconds).sin();
        (self.mean_hz * semitones(self.accent * (accent - 0.3) + self.slope * place + tremor))
            .clamp(50.0, 700.0)
    }
}

fn semitones(count: f64) -> f64 {
    2f64.powf(count / 12.0)
}

fn approach(track: &mut Phone, target: &Phone, step: f64) {
    let towards = |value: &mut f64, target: f64| *value += step * (target - *value);
    track.formants.iter_mut().zip(target.formants).for_each(|(value, target)| towards(value, target));
    towards(&mut track.voiced, target.voiced);
    towards(&mut track.noise, target.noise);
    towards(&mut track.noise_hz, target.noise_hz);
    towards(&mut track.accent, target.accent);
}
