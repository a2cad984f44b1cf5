//! The files that move: those of a store, under the names that they have there.

use affekt_domain::Digest;
use affekt_graph::Key;

/// A file of a store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// The file that marks a store.
    Mark,
    /// An object.
    Object(Digest),
    /// The digest tree of an object.
    Tree(Digest),
    /// The result of a key.
    Record(Key),
    /// The list of a finished run, by its path in `runs/`: `<experiment>/<run id>-….json`.
    Run(String),
}

impl Item {
    /// Returns its path in a store, with forward slashes.
    #[must_use]
    pub fn path(&self) -> String {
        let sharded = |folder: &str, name: &str| format!("{folder}/{}/{name}", &name[..2]);
        match self {
            Self::Mark => "affekt-store.json".to_owned(),
            Self::Object(digest) => sharded("objects", &digest.to_string()),
            Self::Tree(digest) => format!("{}.tree", sharded("objects", &digest.to_string())),
            Self::Record(key) => format!("{}.json", sharded("results", &key.to_string())),
            Self::Run(path) => format!("runs/{path}"),
        }
    }

    /// Reads the path of a record or of a finished run's list.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let item = match path.split_once('/')? {
            ("results", rest) => Self::Record(rest.split_once('/')?.1.strip_suffix(".json")?.parse().ok()?),
            ("runs", rest) => Self::Run(rest.to_owned()),
            _ => return None,
        };
        let is_run = |path: &str| {
            let parts: Vec<&str> = path.split('/').collect();
            let is_name = |part: &&str| !part.is_empty() && !part.starts_with('.');
            parts.len() == 2 && parts.iter().all(is_name) && path.ends_with(".json")
        };
        match &item {
            Self::Run(path) if !is_run(path) => None,
            _ => (item.path() == path).then_some(item),
        }
    }

    /// Returns the name that messages call it by.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Mark => "the mark of the store".to_owned(),
            Self::Object(digest) => format!("object {}", digest.short()),
            Self::Tree(digest) => format!("digest tree {}", digest.short()),
            Self::Record(key) => format!("record {}", &key.to_string()[..12]),
            Self::Run(path) => format!("list {path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use affekt_graph::hash_bytes;

    use super::*;

    #[test]
    fn paths_are_read_back_and_others_are_not() {
        let key: Key = hash_bytes(b"a").to_string().parse().unwrap();
        for item in [Item::Record(key), Item::Run("tiny/1-ab.json".into())] {
            assert_eq!(Item::parse(&item.path()), Some(item));
        }
        let record = Item::Record(key).path();
        let elsewhere = record.replacen(&record[8..10], "zz", 1);
        for path in [
            "",
            "results",
            "results/ab/cd.json",
            &elsewhere,
            "runs/../x.json",
            "runs/a.json",
            "runs/a/.b.json",
        ] {
            assert_eq!(Item::parse(path), None, "{path}");
        }
    }
}
