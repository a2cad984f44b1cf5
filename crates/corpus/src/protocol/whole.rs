//! No split: one fold in which every example has the same role.

use affekt_domain::{Example, Role};

use super::{Assign, ProtocolError, Roles};

/// The role of all examples. Those without a label do not train.
pub struct Whole(pub Role);

impl Assign for Whole {
    fn impossible(&self) -> Option<ProtocolError> {
        None
    }

    fn roles(&self, examples: &[Example]) -> Result<Vec<(u32, Roles)>, ProtocolError> {
        let has_role = |example: &Example| self.0 == Role::Test || example.target.is_some();
        Ok(vec![(1, examples.iter().map(|example| has_role(example).then_some(self.0)).collect())])
    }
}
