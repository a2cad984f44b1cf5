//! Groupings of recordings that stay together in one role.

use std::borrow::Cow;

use affekt_domain::Example;
use affekt_spec::protocol::Group;

use super::{ProtocolError, Without};

/// Returns the group of every example, in order.
pub(super) fn of_all(group: Group, examples: &[Example]) -> Result<Vec<Cow<'_, str>>, ProtocolError> {
    let groups: Option<Vec<_>> = examples.iter().map(|example| group.of(&example.utterance)).collect();
    groups.ok_or_else(|| {
        let without = Without::new(examples, |utterance| group.of(utterance).is_none());
        ProtocolError::WithoutGroup { group, without }
    })
}
