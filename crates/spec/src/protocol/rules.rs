//! What the roles of a fold may share.

use std::collections::BTreeSet;

use super::{Permission, Sharing};

/// What must not stand in two roles of a fold, and what is permitted nevertheless.
///
/// Speakers and audio are always kept apart. An experiment can ask for more; less takes a [`Permission`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    disjoint: BTreeSet<Sharing>,
    permitted: BTreeSet<Permission>,
}

impl Rules {
    /// The rules of an experiment that asks for `disjoint` and permits `permitted`.
    pub fn new(
        disjoint: impl IntoIterator<Item = Sharing>,
        permitted: impl IntoIterator<Item = Permission>,
    ) -> Self {
        let always = [Sharing::Speaker, Sharing::Audio];
        Self {
            disjoint: always.into_iter().chain(disjoint).collect(),
            permitted: permitted.into_iter().collect(),
        }
    }

    /// What is kept apart, unless it is permitted to share it.
    #[must_use]
    pub const fn disjoint(&self) -> &BTreeSet<Sharing> {
        &self.disjoint
    }

    /// What is permitted nevertheless.
    #[must_use]
    pub const fn permitted(&self) -> &BTreeSet<Permission> {
        &self.permitted
    }

    /// What must not be shared.
    #[must_use]
    pub fn forbidden(&self) -> BTreeSet<Sharing> {
        let is_permitted =
            |what: &Sharing| Permission::to_share(*what).is_some_and(|it| self.permitted.contains(&it));
        self.disjoint.iter().copied().filter(|what| !is_permitted(what)).collect()
    }
}

/// Speakers and audio apart, nothing permitted.
impl Default for Rules {
    fn default() -> Self {
        Self::new([], [])
    }
}
