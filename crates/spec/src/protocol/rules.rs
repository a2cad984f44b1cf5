//! Rules of what the roles of a fold may share.

use std::collections::BTreeSet;

use super::{Permission, Sharing};

/// The properties that must not be in two roles of a fold, and the exceptions permitted.
///
/// Speakers and audio are always kept apart. An experiment can require more; less needs a [`Permission`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    disjoint: BTreeSet<Sharing>,
    permitted: BTreeSet<Permission>,
}

impl Rules {
    /// Creates the rules of an experiment that requires `disjoint` and permits `permitted`.
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

    /// Returns the properties that are kept apart unless permitted otherwise.
    #[must_use]
    pub const fn disjoint(&self) -> &BTreeSet<Sharing> {
        &self.disjoint
    }

    /// Returns the permissions.
    #[must_use]
    pub const fn permitted(&self) -> &BTreeSet<Permission> {
        &self.permitted
    }

    /// Returns the properties that must not be shared.
    #[must_use]
    pub fn forbidden(&self) -> BTreeSet<Sharing> {
        let is_permitted =
            |what: &Sharing| Permission::to_share(*what).is_some_and(|it| self.permitted.contains(&it));
        self.disjoint.iter().copied().filter(|what| !is_permitted(what)).collect()
    }
}

/// Returns the default rules: speakers and audio apart, no permissions.
impl Default for Rules {
    fn default() -> Self {
        Self::new([], [])
    }
}
