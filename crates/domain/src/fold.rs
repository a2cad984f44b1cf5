//! A fold: one assignment of utterances to train, dev and test.

use std::collections::BTreeMap;

use crate::Role;

/// A fold, in which every utterance has exactly one role; [`Fold::new`] enforces this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    number: u32,
    roles: BTreeMap<String, Role>,
}

/// An error for an utterance that has two roles in one fold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("utterance `{utterance}` is in both {} and {} of fold {fold}", first.name(), second.name())]
pub struct SharedUtterance {
    /// The number of the fold.
    pub fold: u32,
    /// The utterance's id.
    pub utterance: String,
    /// The role it was given first.
    pub first: Role,
    /// The role it was given second.
    pub second: Role,
}

impl Fold {
    /// Creates fold `number` (from 1) from the ids of utterances and their roles.
    ///
    /// # Errors
    /// Fails if an utterance occurs twice.
    pub fn new(
        number: u32,
        roles: impl IntoIterator<Item = (String, Role)>,
    ) -> Result<Self, SharedUtterance> {
        let mut known = BTreeMap::new();
        for (utterance, second) in roles {
            if let Some(first) = known.insert(utterance.clone(), second) {
                return Err(SharedUtterance { fold: number, utterance, first, second });
            }
        }
        Ok(Self { number, roles: known })
    }

    /// Returns the number of the fold, from 1.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Returns the role of an utterance, or `None` if the fold leaves it out.
    #[must_use]
    pub fn role(&self, utterance: &str) -> Option<Role> {
        self.roles.get(utterance).copied()
    }

    /// Iterates over all utterances and their roles, ordered by utterance.
    pub fn rows(&self) -> impl Iterator<Item = (&str, Role)> {
        self.roles.iter().map(|(utterance, role)| (utterance.as_str(), *role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_role_each() {
        let row = |name: &str, role| (name.to_owned(), role);
        let fold = Fold::new(1, [row("b", Role::Test), row("a", Role::Train)]).unwrap();
        assert_eq!(fold.rows().collect::<Vec<_>>(), [("a", Role::Train), ("b", Role::Test)]);
        assert_eq!(fold.role("c"), None);

        let error = Fold::new(2, [row("a", Role::Train), row("a", Role::Test)]).unwrap_err();
        assert_eq!(error.to_string(), "utterance `a` is in both train and test of fold 2");
    }
}
