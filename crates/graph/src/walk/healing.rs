//! Objects that were found damaged and are made again. Several nodes may have been reading one when the first of them found
//! it damaged: what the others say of it is about the same bytes, and no reason to give up.

use std::collections::HashMap;

use affekt_domain::Digest;

use crate::index::NodeIndex;

/// What was found damaged in this run, and when.
#[derive(Debug, Default)]
pub(super) struct Healing {
    /// Counts what nodes do, so that it is known what came first.
    clock: u64,
    /// When each node was last started.
    started: HashMap<NodeIndex, u64>,
    /// When each damaged object was made again; `None` where it is still to be.
    made: HashMap<Digest, Option<u64>>,
}

/// What is to be done about an object that a node found damaged.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Make it again.
    Heal,
    /// It was being made again already when the node read it: the node is to read the new one.
    ReadAgain,
    /// It was made again, and is damaged nevertheless.
    DamagedAgain,
}

impl Healing {
    /// Takes note that a node begins to read.
    pub fn started(&mut self, at: NodeIndex) {
        self.clock += 1;
        self.started.insert(at, self.clock);
    }

    /// Takes note that these objects were made.
    pub fn made(&mut self, digests: impl IntoIterator<Item = Digest>) {
        self.clock += 1;
        for digest in digests {
            self.made.entry(digest).and_modify(|when| *when = Some(self.clock));
        }
    }

    /// Takes note that nobody can make an object again.
    pub fn gave_up(&mut self, digest: Digest) {
        self.made.insert(digest, Some(0));
    }

    /// Decides about an object that a node found damaged. A node that was not started reads in this moment.
    pub fn damaged(&mut self, digest: Digest, by: NodeIndex) -> Verdict {
        let started = self.started.remove(&by).unwrap_or(self.clock + 1);
        match self.made.get(&digest) {
            None => {
                self.made.insert(digest, None);
                Verdict::Heal
            }
            Some(None) => Verdict::ReadAgain,
            Some(Some(made)) if started < *made => Verdict::ReadAgain,
            Some(Some(_)) => Verdict::DamagedAgain,
        }
    }
}
