//! The vocal tract: a cascade of formant resonators.

use std::f64::consts::{PI, TAU};

/// A two-pole resonator of gain 1 at 0 Hz (Klatt 1980).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Resonator {
    gain: f64,
    feedback: [f64; 2],
    past: [f64; 2],
}

impl Resonator {
    /// Moves the resonance, keeping the filter's state.
    pub(super) fn tune(&mut self, centre_hz: f64, bandwidth_hz: f64, rate_hz: f64) {
        let radius = (-PI * bandwidth_hz / rate_hz).exp();
        // Frequencies above the Nyquist frequency cannot resonate.
        let angle = TAU * (centre_hz / rate_hz).min(0.49);
        self.feedback = [2.0 * radius * angle.cos(), -radius * radius];
        self.gain = 1.0 - self.feedback[0] - self.feedback[1];
    }

    /// Filters one sample.
    pub(super) fn next(&mut self, input: f64) -> f64 {
        let output = self.gain * input + self.feedback[0] * self.past[0] + self.feedback[1] * self.past[1];
        self.past = [output, self.past[0]];
        output
    }
}

/// A cascade of five formants: three vary with the phone, two only with the speaker.
pub(super) struct VoiceFilter {
    rate_hz: f64,
    scale: f64,
    formants: [Resonator; 5],
}

impl VoiceFilter {
    /// Creates the filter of a speaker whose formants are `scale` times those of an average man.
    pub(super) fn new(rate_hz: f64, scale: f64) -> Self {
        let mut filter = Self { rate_hz, scale, formants: Default::default() };
        filter.formants[3].tune(3500.0 * scale, 180.0, rate_hz);
        filter.formants[4].tune(4500.0 * scale, 250.0, rate_hz);
        filter
    }

    /// Sets the first three formants to those of a phone of an average man, in Hz.
    pub(super) fn tune(&mut self, formants: [f64; 3]) {
        const BANDWIDTHS_HZ: [f64; 3] = [70.0, 100.0, 130.0];
        for ((resonator, hz), bandwidth) in self.formants.iter_mut().zip(formants).zip(BANDWIDTHS_HZ) {
            resonator.tune(hz * self.scale, bandwidth, self.rate_hz);
        }
    }

    /// Filters one sample.
    pub(super) fn next(&mut self, input: f64) -> f64 {
        self.formants.iter_mut().fold(input, |signal, formant| formant.next(signal))
    }
}
