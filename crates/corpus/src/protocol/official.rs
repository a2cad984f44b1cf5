//! Official partitions of corpora.

use affekt_domain::{Example, Role};
use affekt_spec::protocol::{Official, OfficialDev};

use super::{Assign, ProtocolError, Roles, Without, dev_share};

impl Assign for Official {
    fn impossible(&self) -> Option<ProtocolError> {
        match self.dev {
            OfficialDev::Share(share) => dev_share::impossible(share),
            OfficialDev::Official | OfficialDev::None => None,
        }
    }

    fn roles(&self, examples: &[Example]) -> Result<Vec<(u32, Roles)>, ProtocolError> {
        let parts = examples.iter().map(|example| example.utterance.part);
        if parts.clone().any(|part| part.is_none()) {
            let without = Without::new(examples, |utterance| utterance.part.is_none());
            return Err(ProtocolError::WithoutPart { without });
        }
        let needed: &[Role] = match self.dev {
            OfficialDev::Official => &Role::ALL,
            OfficialDev::None | OfficialDev::Share(_) => &[Role::Train, Role::Test],
        };
        if let Some(role) = needed.iter().find(|role| !parts.clone().any(|part| part == Some(**role))) {
            return Err(ProtocolError::NoOfficialPart { role: *role });
        }
        let mut roles: Roles = parts.map(|part| part.filter(|part| needed.contains(part))).collect();
        if let OfficialDev::Share(share) = self.dev {
            dev_share::take(1, examples, &mut roles, share, self.split_seed)?;
        }
        Ok(vec![(1, roles)])
    }
}
