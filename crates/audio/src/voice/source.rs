//! The glottal source: pulses whose rate, regularity and sharpness carry the prosody.

use super::random::Random;

/// A generator of glottal pulses with breath noise.
pub(super) struct Glottis {
    rate_hz: f64,
    /// Phase within the current period, 0 to 1.
    phase: f64,
    /// Number of periods so far.
    pulses: u64,
    /// Relative deviation of this period's length and strength.
    stretch: f64,
    strength: f64,
    tilt: f64,
    settings: GlottisSettings,
}

/// The settings that are constant within an utterance.
#[derive(Debug, Clone, Copy)]
pub(super) struct GlottisSettings {
    /// Relative deviation of the periods. That of their strength (shimmer) is four times as large.
    pub jitter: f64,
    /// Relative weakening and delay of every second pulse.
    pub creak: f64,
    /// Level of noise relative to the pulses.
    pub breath: f64,
    /// Corner frequency, in Hz, of the low-pass that sets the spectral tilt.
    pub corner_hz: f64,
}

impl Glottis {
    pub(super) const fn new(rate_hz: f64, settings: GlottisSettings) -> Self {
        Self { rate_hz, phase: 0.0, pulses: 0, stretch: 1.0, strength: 1.0, tilt: 0.0, settings }
    }

    /// Returns the next sample at a pitch of `pitch_hz`: the derivative of the glottal flow.
    pub(super) fn next(&mut self, pitch_hz: f64, random: &mut Random) -> f64 {
        // KLGLOTT88: the flow is x²(1 - x) while the glottis is open.
        const OPEN: f64 = 0.6;
        let GlottisSettings { jitter, creak, breath, corner_hz } = self.settings;
        self.phase += pitch_hz / (self.rate_hz * self.stretch);
        if self.phase >= 1.0 {
            self.phase -= 1.0;
            self.pulses += 1;
            let second = if self.pulses.is_multiple_of(2) { creak } else { 0.0 };
            self.stretch = 1.0 + jitter * random.normal() + 0.2 * second;
            self.strength = (1.0 + 4.0 * jitter * random.normal()) * (1.0 - second);
        }
        let x = self.phase / OPEN;
        let (pulse, openness) = if x < 1.0 { (2.0 * x - 3.0 * x * x, x * (1.0 - x)) } else { (0.0, 0.05) };
        let flow = self.strength * pulse + 4.0 * breath * openness * random.normal();

        let smoothing = (corner_hz / (corner_hz + self.rate_hz / std::f64::consts::TAU)).min(1.0);
        self.tilt += smoothing * (flow - self.tilt);
        self.tilt
    }
}
