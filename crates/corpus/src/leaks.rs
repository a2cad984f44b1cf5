//! Descriptions of leaks: every row that is on the wrong side of something.

use std::collections::{BTreeMap, BTreeSet};

use affekt_domain::{Example, Role};
use affekt_spec::protocol::{Permission, Sharing};

use crate::{Shared, Side};

/// The maximum length of a description in lines; `--json` lists everything.
const LINES: usize = 200;

/// Describes leaks line by line, with each row on its own line.
///
/// ```text
/// speaker `RAVDESS/07` is in train and test of fold 1:
///   train RAVDESS/Actor_07/03-01-01-01-01-01-07
///   test  RAVDESS/Actor_07/03-01-01-01-01-02-07
/// ```
/// After 200 lines it states how many more there are, and where to find them.
#[must_use]
pub fn describe_leaks(leaks: &[&Shared]) -> Vec<String> {
    // What three roles share is three pairs of roles, with each row in two of them.
    let mut by_thing: BTreeMap<_, BTreeMap<Role, &Side>> = BTreeMap::new();
    for Shared { fold, what, value, sides } in leaks {
        let roles = by_thing.entry((*what, value, *fold)).or_default();
        roles.extend(sides.iter().map(|side| (side.role, side)));
    }
    let mut lines = Vec::new();
    let mut rows = BTreeSet::new();
    for ((what, value, fold), sides) in &by_thing {
        let roles: Vec<&str> = sides.keys().map(|role| role.name()).collect();
        let (last, others) = roles.split_last().unwrap_or((&"", &[]));
        lines.push(format!(
            "{} `{value}` is in {} and {last} of fold {fold}:",
            what.name(),
            others.join(", ")
        ));
        for (role, side) in sides {
            rows.extend(&side.utterances);
            lines.extend(side.utterances.iter().map(|utterance| format!("  {:<5} {utterance}", role.name())));
        }
    }
    if lines.len() > LINES {
        let more = lines.len() - LINES;
        lines.truncate(LINES);
        lines.push(format!(
            "… and {more} more lines: {} leaks of {} utterances in all, which `audit --json` lists",
            by_thing.len(),
            rows.len()
        ));
    }
    lines
}

/// Suggests how to avoid the leaks, as a sentence.
#[must_use]
pub fn what_to_do(leaks: &[&Shared], examples: &[Example]) -> String {
    let kinds: BTreeSet<Sharing> = leaks.iter().map(|leak| leak.what).collect();
    let permissions: Vec<&str> =
        kinds.iter().filter_map(|what| Permission::to_share(*what)).map(Permission::name).collect();
    let mut ways = vec!["use a protocol that separates them".to_owned()];
    if !permissions.is_empty() {
        let permissions = permissions.join(", ");
        ways.push(format!(
            "or permit it with `unsafe: [{permissions}]`, which is then stated at every table of results"
        ));
    }
    if kinds.contains(&Sharing::Text) {
        ways.push("or remove `text` from `disjoint`".to_owned());
    }
    ways.extend(one_speaker_twice(leaks, examples));
    ways.join(", ")
}

/// Names the remedy where identical audio goes by two speakers of a corpus, who may be one under two ids.
fn one_speaker_twice(leaks: &[&Shared], examples: &[Example]) -> Option<String> {
    let utterances = || {
        let of_audio = leaks.iter().filter(|shared| shared.what == Sharing::Audio);
        of_audio.flat_map(|shared| {
            shared.sides.iter().flat_map(|side| &side.utterances).map(|name| (&shared.value, name))
        })
    };
    let named: BTreeSet<&String> = utterances().map(|(_, name)| name).collect();
    let speakers: BTreeMap<&str, &str> = examples
        .iter()
        .filter(|example| named.contains(&example.utterance.id))
        .filter_map(|example| Some((example.utterance.id.as_str(), example.utterance.known_speaker()?)))
        .collect();
    let mut by_audio: BTreeMap<&String, BTreeSet<&str>> = BTreeMap::new();
    for (audio, name) in utterances() {
        by_audio.entry(audio).or_default().extend(speakers.get(name.as_str()));
    }
    let mut pairs: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for of_audio in by_audio.values() {
        if let (Some(first), Some(last), 2) = (of_audio.first(), of_audio.last(), of_audio.len()) {
            *pairs.entry((first, last)).or_default() += 1;
        }
    }
    let ((first, second), recordings) = pairs.into_iter().max_by_key(|(_, count)| *count)?;
    let [(corpus, first), (other, second)] = [first.split_once('/')?, second.split_once('/')?];
    let noun = if recordings == 1 { "recording" } else { "recordings" };
    (corpus == other).then(|| {
        format!(
            "or, if the speakers {first} and {second} of {corpus}, who share {recordings} {noun}, are one under two ids, say \
             so in its card: `speaker: {{ …, replace: {{ {second}: {first} }} }}`"
        )
    })
}
