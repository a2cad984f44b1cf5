//! What changed in a key.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::key::KeyPart;

/// A part of a key that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The part's name.
    pub name: String,
    /// Its value then; `None` where it is new.
    pub before: Option<String>,
    /// Its value now; `None` where it is gone.
    pub after: Option<String>,
}

/// Lists the differences between the parts of a key then and now, in the order of now.
#[must_use]
pub fn changes(before: &[KeyPart], after: &[KeyPart]) -> Vec<Change> {
    let values = |parts: &[KeyPart]| -> BTreeMap<String, String> {
        parts.iter().map(|part| (part.name.clone(), part.value.clone())).collect()
    };
    let (old, new) = (values(before), values(after));
    let names = after.iter().chain(before.iter().filter(|part| !new.contains_key(&part.name)));
    names
        .filter(|part| old.get(&part.name) != new.get(&part.name))
        .map(|part| Change {
            name: part.name.clone(),
            before: old.get(&part.name).cloned(),
            after: new.get(&part.name).cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_gone_or_different() {
        let part = |name: &str, value: &str| KeyPart { name: name.into(), value: value.into() };
        let before = [part("op", "mfcc"), part("params.hop", "512"), part("in.audio[1]", "b")];
        let after = [part("op", "mfcc"), part("params.hop", "256"), part("seed", "1")];
        let found = changes(&before, &after);
        let shown: Vec<_> =
            found.iter().map(|c| (c.name.as_str(), c.before.as_deref(), c.after.as_deref())).collect();
        assert_eq!(
            shown,
            [
                ("params.hop", Some("512"), Some("256")),
                ("seed", None, Some("1")),
                ("in.audio[1]", Some("b"), None)
            ]
        );
    }
}
