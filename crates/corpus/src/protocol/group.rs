//! What must stay together.

use std::borrow::Cow;

use affekt_domain::Example;
use affekt_spec::protocol::Group;

use super::{Impossible, Without};

/// The group of every example, in their order.
pub(super) fn of_all(group: Group, examples: &[Example]) -> Result<Vec<Cow<'_, str>>, Impossible> {
    let groups: Option<Vec<_>> = examples.iter().map(|example| group.of(&example.utterance)).collect();
    groups.ok_or_else(|| {
        let without = Without::new(examples, |utterance| group.of(utterance).is_none());
        Impossible::WithoutGroup { group, without }
    })
}
