//! One way of parting the examples into train, dev and test.

use std::collections::BTreeMap;

use crate::Role;

/// One fold: every utterance it names has exactly one role. Cannot be built otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    number: u32,
    roles: BTreeMap<String, Role>,
}

/// An utterance was given two roles in one fold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("utterance `{utterance}` is in both {} and {} of fold {fold}", first.name(), second.name())]
pub struct SharedUtterance {
    /// The fold.
    pub fold: u32,
    /// The utterance.
    pub utterance: String,
    /// The role it had.
    pub first: Role,
    /// The role it was given too.
    pub second: Role,
}

impl Fold {
    /// Fold `number` (from 1) with these roles.
    ///
    /// # Errors
    /// When an utterance comes twice.
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

    /// Its number, from 1.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The role of an utterance, or `None` where the fold leaves it out.
    #[must_use]
    pub fn role(&self, utterance: &str) -> Option<Role> {
        self.roles.get(utterance).copied()
    }

    /// All its utterances and their roles, ordered by utterance.
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
