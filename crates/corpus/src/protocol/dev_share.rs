//! A dev part of whole training speakers, for protocols whose groups are too few or too different to use as dev.

use std::collections::BTreeSet;

use affekt_domain::{Example, Role};

use super::{ProtocolError, Roles, greedy_assignment};

/// Returns what is wrong with a share of the training speakers for any examples.
pub(super) fn impossible(share: f64) -> Option<ProtocolError> {
    (!(share > 0.0 && share <= 0.5)).then_some(ProtocolError::DevShare { share })
}

/// Moves about `share` of the training part to the dev part, in whole speakers that are not tested.
///
/// # Errors
/// Fails if there are fewer than two such speakers.
pub(super) fn take(
    fold: u32,
    examples: &[Example],
    roles: &mut Roles,
    share: f64,
    split_seed: u64,
) -> Result<(), ProtocolError> {
    let with_role = |wanted| {
        let of_role = examples.iter().zip(&*roles).filter(move |(_, role)| **role == Some(wanted));
        of_role.map(|(example, _)| example)
    };
    let tested: BTreeSet<&str> =
        with_role(Role::Test).map(|example| example.utterance.speaker.as_str()).collect();
    let rows: Vec<(&Example, &str)> = with_role(Role::Train)
        .filter_map(|example| Some((example, example.utterance.known_speaker()?)))
        .filter(|(_, speaker)| !tested.contains(speaker))
        .collect();
    let assigned = greedy_assignment::assign(&rows, &[1.0 - share, share], split_seed);
    if assigned.len() < 2 {
        return Err(ProtocolError::TooFewDevSpeakers { fold, speakers: assigned.len() });
    }
    let mut dev: BTreeSet<&str> =
        assigned.iter().filter(|(_, part)| *part == 1).map(|(speaker, _)| *speaker).collect();
    if dev.is_empty() {
        // Each of a few speakers exceeds the share; the one assigned last weighs least.
        dev.extend(assigned.last().map(|(speaker, _)| *speaker));
    }
    for (example, role) in examples.iter().zip(roles) {
        if *role == Some(Role::Train) && dev.contains(example.utterance.speaker.as_str()) {
            *role = Some(Role::Dev);
        }
    }
    Ok(())
}
