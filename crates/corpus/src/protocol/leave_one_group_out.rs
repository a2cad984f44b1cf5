//! Leave one group out: one fold per speaker, session, corpus or text, which is its test part.

use std::collections::{BTreeMap, BTreeSet};

use affekt_domain::{Example, Role};
use affekt_spec::protocol::{DevPart, Group, LeaveOneGroupOut};

use super::{Assign, ProtocolError, Roles, dev_share, group};

impl Assign for LeaveOneGroupOut {
    fn impossible(&self) -> Option<ProtocolError> {
        match self.dev {
            DevPart::Share(share) => dev_share::impossible(share),
            DevPart::None | DevPart::NextGroup => None,
        }
    }

    fn roles(&self, examples: &[Example]) -> Result<Vec<(u32, Roles)>, ProtocolError> {
        let groups = group::of_all(self.group, examples)?;
        let mut folds: Vec<(u32, &str)> = numbered(self.group, groups.iter().map(AsRef::as_ref).collect());
        folds.sort_unstable();
        let needed = if self.dev == DevPart::NextGroup { 3 } else { 2 };
        if folds.len() < needed {
            let groups = folds.into_iter().map(|(_, group)| group.to_owned()).collect();
            return Err(ProtocolError::TooFewToLeaveOneOut { group: self.group, groups, needed });
        }
        let next = folds.iter().cycle().skip(1);
        let fold = |(&(number, tested), &(_, next)): (&(u32, &str), &(u32, &str))| {
            let is_next = |group: &str| self.dev == DevPart::NextGroup && group == next;
            let role = |group: &str| match group {
                group if group == tested => Role::Test,
                group if is_next(group) => Role::Dev,
                _ => Role::Train,
            };
            let mut roles: Roles = groups.iter().map(|group| Some(role(group))).collect();
            if let DevPart::Share(share) = self.dev {
                dev_share::take(number, examples, &mut roles, share, self.split_seed)?;
            }
            Ok((number, roles))
        };
        folds.iter().zip(next).map(fold).collect()
    }
}

/// Returns the groups with the numbers of their folds.
fn numbered(group: Group, groups: BTreeSet<&str>) -> Vec<(u32, &str)> {
    if group == Group::Session {
        let own: Option<BTreeMap<u32, &str>> =
            groups.iter().map(|name| Some((own_number(name)?, *name))).collect();
        if let Some(own) = own.filter(|own| own.len() == groups.len()) {
            return own.into_iter().collect();
        }
    }
    (1..).zip(groups).collect()
}

/// Returns the positive number at the end of a name. Tables store fold numbers as i32.
fn own_number(name: &str) -> Option<u32> {
    let digits = name.len() - name.trim_end_matches(|letter: char| letter.is_ascii_digit()).len();
    name[name.len() - digits..].parse().ok().filter(|number| (1..=i32::MAX as u32).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_keep_their_numbers_where_all_have_one() {
        let of = |group, names: &[&'static str]| numbered(group, names.iter().copied().collect());
        let sessions = ["IEMOCAP/Ses03", "IEMOCAP/Ses10", "IEMOCAP/Ses2"];
        assert_eq!(
            of(Group::Session, &sessions),
            [(2, "IEMOCAP/Ses2"), (3, "IEMOCAP/Ses03"), (10, "IEMOCAP/Ses10")]
        );
        assert_eq!(of(Group::Speaker, &sessions)[0], (1, "IEMOCAP/Ses03"), "only sessions have numbers");
        for others in [["A/1", "B/1"], ["A/0", "A/1"], ["A/2", "A/two"], ["A/1", "A/4294967297"]] {
            assert_eq!(of(Group::Session, &others), [(1, others[0]), (2, others[1])]);
        }
    }
}
