//! Emotions and their prosody.

/// The eight emotions of RAVDESS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Emotion {
    /// Neutral.
    Neutral,
    /// Calm.
    Calm,
    /// Happy.
    Happy,
    /// Sad.
    Sad,
    /// Angry.
    Angry,
    /// Fearful.
    Fearful,
    /// Disgust.
    Disgust,
    /// Surprised.
    Surprised,
}

impl Emotion {
    /// All emotions in RAVDESS' order: number `i` there is at `i - 1`.
    pub const ALL: [Self; 8] = [
        Self::Neutral,
        Self::Calm,
        Self::Happy,
        Self::Sad,
        Self::Angry,
        Self::Fearful,
        Self::Disgust,
        Self::Surprised,
    ];

    /// Returns the name in RAVDESS.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Calm => "calm",
            Self::Happy => "happy",
            Self::Sad => "sad",
            Self::Angry => "angry",
            Self::Fearful => "fearful",
            Self::Disgust => "disgust",
            Self::Surprised => "surprised",
        }
    }

    /// Returns the emotion with that name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|emotion| emotion.name() == name)
    }

    /// Returns the prosody of the emotion: directions after Scherer (2003) and Juslin & Laukka (2003), amounts chosen
    /// by how well a simple classifier distinguishes them across speakers.
    pub(super) const fn prosody(self) -> Prosody {
        match self {
            Self::Neutral => Prosody::NEUTRAL,
            Self::Calm => {
                Prosody { level_db: -3.0, tempo: -0.07, brightness: -0.8, breath: 0.03, ..Prosody::NEUTRAL }
            }
            Self::Happy => Prosody {
                pitch: 4.0,
                range: 2.5,
                slope: 1.5,
                level_db: 4.0,
                tempo: 0.08,
                brightness: 1.0,
                ..Prosody::NEUTRAL
            },
            Self::Sad => Prosody {
                pitch: -1.0,
                range: -1.0,
                slope: -1.0,
                level_db: -6.0,
                tempo: -0.2,
                brightness: -2.0,
                breath: 0.08,
                jitter: 0.006,
                ..Prosody::NEUTRAL
            },
            Self::Angry => Prosody {
                pitch: 4.0,
                range: 2.0,
                slope: -2.5,
                level_db: 9.0,
                tempo: 0.1,
                brightness: 2.5,
                jitter: 0.01,
                ..Prosody::NEUTRAL
            },
            Self::Fearful => Prosody {
                pitch: 6.0,
                range: -0.5,
                slope: 2.0,
                level_db: 2.0,
                tempo: 0.18,
                breath: 0.05,
                tremor: 0.7,
                jitter: 0.008,
                ..Prosody::NEUTRAL
            },
            Self::Disgust => Prosody {
                pitch: -2.0,
                range: 0.5,
                slope: -1.5,
                level_db: 1.0,
                tempo: -0.13,
                brightness: 0.4,
                creak: 0.3,
                ..Prosody::NEUTRAL
            },
            Self::Surprised => Prosody {
                pitch: 4.0,
                range: 3.0,
                slope: 8.0,
                level_db: 3.0,
                tempo: 0.02,
                brightness: 0.6,
                ..Prosody::NEUTRAL
            },
        }
    }
}

/// The prosody of a delivery, relative to a neutral one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prosody {
    /// Mean pitch, in semitones.
    pub pitch: f64,
    /// Height of pitch accents, in semitones.
    pub range: f64,
    /// Change of pitch from the sentence's start to its end, in semitones.
    pub slope: f64,
    /// Level in dB.
    pub level_db: f64,
    /// Speaking rate, relative to the neutral one.
    pub tempo: f64,
    /// Octaves by which the source's spectrum reaches higher.
    pub brightness: f64,
    /// Level of breath noise, relative to the pulses.
    pub breath: f64,
    /// Relative random change of the period from pulse to pulse.
    pub jitter: f64,
    /// Depth of a vibrato of about 6 Hz, in semitones.
    pub tremor: f64,
    /// Relative weakening and delay of every second pulse.
    pub creak: f64,
}

impl Prosody {
    const NEUTRAL: Self = Self {
        pitch: 0.0,
        range: 0.0,
        slope: 0.0,
        level_db: 0.0,
        tempo: 0.0,
        brightness: 0.0,
        breath: 0.0,
        jitter: 0.0,
        tremor: 0.0,
        creak: 0.0,
    };

    /// Scales all differences from neutral, above 1 to a stronger and below 1 to a weaker form.
    pub(super) fn scaled(self, by: f64) -> Self {
        Self {
            pitch: self.pitch * by,
            range: self.range * by,
            slope: self.slope * by,
            level_db: self.level_db * by,
            tempo: self.tempo * by,
            brightness: self.brightness * by,
            breath: self.breath * by,
            jitter: self.jitter * by,
            tremor: self.tremor * by,
            creak: self.creak * by,
        }
    }
}
