//! Datasets: rows of features, waveforms or pictures with their targets, and the parts that their roles make.

use std::marker::PhantomData;

use affekt_domain::Role;
use affekt_models::InputShape;

/// Lends rows with their targets where they lie (a mapped file, usually), to a thread beside the one that computes.
pub trait Dataset: Sync {
    /// Returns how many rows there are, of all roles.
    fn len(&self) -> usize;

    /// Returns whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns what every row is.
    fn input(&self) -> InputShape;

    /// Returns the sampling rate of waveforms, in Hz; `None` of anything else.
    fn rate_hz(&self) -> Option<u32> {
        None
    }

    /// Returns a row's values: of features, band by band, `bands × frames` of them; of a waveform, its samples. Not asked of pictures.
    fn values(&self, row: usize) -> &[f32];

    /// Returns a picture's pixels: channel by channel, each row by row from the top.
    fn pixels(&self, _row: usize) -> &[u8] {
        &[]
    }

    /// Returns a row's target. Asked of training and dev rows alone.
    fn target(&self, row: usize) -> Target<'_>;

    /// Returns the name of a row's utterance.
    fn name(&self, row: usize) -> &str;

    /// Returns which copy of its utterance a row is: 0 for the recording itself.
    fn copy(&self, _row: usize) -> usize {
        0
    }

    /// Returns the speaker of a row.
    fn speaker(&self, row: usize) -> &str;

    /// Returns a row's role in the fold, or `None` where it takes no part (as noisy copies of dev rows do not).
    fn role(&self, row: usize) -> Option<Role>;
}

/// What a network is to predict of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target<'a> {
    /// A class, from 0.
    Class(i64),
    /// Numbers, one for each output.
    Values(&'a [f32]),
}

/// The rows of one role. There is no other way to get one than by the role that each row has.
#[derive(Clone)]
pub struct Part<'a, R> {
    dataset: &'a dyn Dataset,
    rows: Vec<usize>,
    role: PhantomData<R>,
}

/// A role as a type.
pub trait PartRole {
    /// The role.
    const ROLE: Role;
}

/// The role that networks are fitted on, as a type.
#[derive(Debug, Clone, Copy)]
pub enum Train {}
/// The role that epochs are chosen on, as a type.
#[derive(Debug, Clone, Copy)]
pub enum Dev {}
/// The role that figures come from, as a type.
#[derive(Debug, Clone, Copy)]
pub enum Test {}

impl PartRole for Train {
    const ROLE: Role = Role::Train;
}
impl PartRole for Dev {
    const ROLE: Role = Role::Dev;
}
impl PartRole for Test {
    const ROLE: Role = Role::Test;
}

/// Rows to fit on.
pub type TrainingPart<'a> = Part<'a, Train>;
/// Rows to choose an epoch on.
pub type DevPart<'a> = Part<'a, Dev>;
/// Rows for the final figures.
pub type TestPart<'a> = Part<'a, Test>;

impl<'a, R: PartRole> Part<'a, R> {
    /// Picks the rows of a dataset that have this role, in their order.
    #[must_use]
    pub fn of(dataset: &'a dyn Dataset) -> Self {
        let rows = (0..dataset.len()).filter(|&row| dataset.role(row) == Some(R::ROLE)).collect();
        Self { dataset, rows, role: PhantomData }
    }

    /// Returns the numbers of its rows in the dataset.
    #[must_use]
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// Returns the dataset it is a part of.
    #[must_use]
    pub fn dataset(&self) -> &'a dyn Dataset {
        self.dataset
    }

    /// Returns the targets of its rows.
    pub fn targets(&self) -> impl Iterator<Item = Target<'a>> {
        self.rows.iter().map(|&row| self.dataset.target(row))
    }
}
