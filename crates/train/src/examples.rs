//! What is learnt from, chosen on and predicted: rows of features, and the parts that their roles make.

use std::marker::PhantomData;

use affekt_domain::Role;

/// Labelled matrices, read where they lie (a mapped file, usually), by a thread beside the one that computes.
pub trait Examples: Sync {
    /// How many rows there are, of all roles.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bands and frames of every row.
    fn shape(&self) -> [usize; 2];

    /// A row's values, band by band: `bands × frames` of them.
    fn frames(&self, row: usize) -> &[f32];

    /// A row's class, from 0.
    fn class(&self, row: usize) -> i64;

    /// Who is heard in a row.
    fn speaker(&self, row: usize) -> &str;

    /// A row's role in the fold, or `None` where it takes no part (as noisy copies of dev rows do not).
    fn role(&self, row: usize) -> Option<Role>;
}

/// The rows of one role. There is no other way to get one than by the role that each row has.
#[derive(Clone)]
pub struct Part<'a, R> {
    examples: &'a dyn Examples,
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
    /// The rows of `examples` that have this role, in their order.
    #[must_use]
    pub fn of(examples: &'a dyn Examples) -> Self {
        let rows = (0..examples.len()).filter(|&row| examples.role(row) == Some(R::ROLE)).collect();
        Self { examples, rows, role: PhantomData }
    }

    /// The numbers of its rows in the examples.
    #[must_use]
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// The examples it is a part of.
    #[must_use]
    pub fn examples(&self) -> &'a dyn Examples {
        self.examples
    }

    /// The classes of its rows.
    pub fn classes(&self) -> impl Iterator<Item = i64> {
        self.rows.iter().map(|&row| self.examples.class(row))
    }
}
