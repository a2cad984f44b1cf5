//! Examples of noise, as many and as long as wanted.

use affekt_domain::Role;
use affekt_models::InputShape;
use affekt_torch::Random;
use affekt_train::pretraining::FrameLabels;
use affekt_train::{Dataset, Target};

/// Rows of noise, each a little further on in the same.
pub struct Noise {
    values: Vec<f32>,
    input: InputShape,
    /// Numbers of a row.
    length: usize,
    rows: usize,
    targets: Targets,
}

/// What is to be said of rows.
#[derive(Debug, Clone, Copy)]
pub enum Targets {
    /// One of so many classes.
    Classes(usize),
    /// So many numbers.
    Values(usize),
}

/// Of waveforms, in Hz.
pub const RATE: u32 = 16_000;

/// By how many numbers a row begins behind the one before.
const STEP: usize = 16;

impl Noise {
    /// Waveforms of so many samples.
    pub fn clips(samples: usize, rows: usize, targets: Targets) -> Self {
        Self::new(InputShape::Waveforms, samples, rows, targets)
    }

    /// Features of so many bands and frames.
    pub fn frames([bands, frames]: [usize; 2], rows: usize, targets: Targets) -> Self {
        Self::new(InputShape::Frames([bands, frames]), bands * frames, rows, targets)
    }

    fn new(input: InputShape, length: usize, rows: usize, targets: Targets) -> Self {
        let mut random = Random::new(0, "noise of steps");
        let values = (0..length + STEP * rows).map(|_| random.uniform(-1.0, 1.0)).collect();
        Self { values, input, length, rows, targets }
    }
}

impl Dataset for Noise {
    fn len(&self) -> usize {
        self.rows
    }

    fn input(&self) -> InputShape {
        self.input
    }

    fn rate_hz(&self) -> Option<u32> {
        (self.input == InputShape::Waveforms).then_some(RATE)
    }

    fn values(&self, row: usize) -> &[f32] {
        &self.values[STEP * row..][..self.length]
    }

    fn target(&self, row: usize) -> Target<'_> {
        match self.targets {
            Targets::Classes(classes) => Target::Class((row % classes) as i64),
            Targets::Values(values) => Target::Values(&self.values[STEP * row..][..values]),
        }
    }

    fn name(&self, _: usize) -> &str {
        "noise"
    }

    fn speaker(&self, _: usize) -> &str {
        "nobody"
    }

    fn role(&self, _: usize) -> Option<Role> {
        Some(Role::Train)
    }
}

/// Clusters of frames at random, the same of every row.
pub struct NoiseLabels(Vec<Vec<u16>>);

impl NoiseLabels {
    /// Draws those of so many frames in clusterings of so many clusters.
    pub fn new(frames: usize, clusters: &[usize]) -> Self {
        let mut random = Random::new(0, "clusters of steps");
        let mut draw = |clusters: usize| (0..frames).map(|_| random.below(clusters) as u16).collect();
        Self(clusters.iter().map(|&clusters| draw(clusters)).collect())
    }
}

impl FrameLabels for NoiseLabels {
    fn of(&self, _: usize, clustering: usize) -> &[u16] {
        &self.0[clustering]
    }
}
