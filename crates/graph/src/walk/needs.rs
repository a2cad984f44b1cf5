//! What is needed: which nodes were asked for, and which objects must be there.

use affekt_domain::Digest;

use super::{State, Walk};
use crate::index::NodeIndex;
use crate::node::Work;

impl Walk<'_> {
    /// Returns the first node that is ready, whose inputs are there, and that `fits`. Of nodes that occupy the same the first
    /// is asked about: none overtakes another.
    pub(crate) fn next_runnable(&self, fits: impl Fn(NodeIndex) -> bool) -> Option<NodeIndex> {
        self.runnable.values().filter_map(|alike| alike.first().copied()).filter(|at| fits(*at)).min()
    }

    /// Returns the first input node whose object is not in the store.
    pub(super) fn missing_input(&mut self, at: NodeIndex) -> Option<NodeIndex> {
        let needed = self.needed(at).ok()?;
        self.look_for(&needed);
        needed.into_iter().find(|(_, digest)| !self.has(*digest)).map(|(maker, _)| maker)
    }

    /// The objects flowing into a node whose inputs were followed, each with its maker. Fails with the first node of whose
    /// output the content is not known any more.
    fn needed(&mut self, at: NodeIndex) -> Result<Vec<(NodeIndex, Digest)>, NodeIndex> {
        self.visits += self.flows[at].items.len() as u64;
        let outputs = self.flows[at].items.iter().map(|item| item.output);
        outputs.map(|output| Ok((output.node, self.digest(output).ok_or(output.node)?))).collect()
    }

    /// Looks for objects in the store, and elsewhere where anybody is asked.
    fn look_for(&mut self, needed: &[(NodeIndex, Digest)]) {
        let unseen = needed.iter().map(|(_, digest)| *digest).filter(|digest| !self.present.contains(digest));
        let unseen: Vec<Digest> = unseen.collect();
        let found = self.store.can_have(&unseen).into_iter().zip(unseen);
        self.present.extend(found.filter(|(is_there, _)| *is_there).map(|(_, digest)| digest));
    }

    fn has(&self, digest: Digest) -> bool {
        self.present.contains(&digest)
    }

    /// Sends back to work whatever made an object that is gone and still needed. Returns whether there was any.
    pub(super) fn demand_objects(&mut self) -> bool {
        let mut demanded = false;
        // Makers come before their readers, mostly: the last first, so that one pass reaches all.
        while let Some(at) = self.unchecked.pop_last() {
            for maker in self.lacks(at) {
                if matches!(self.states[maker], State::Done { .. }) {
                    self.send_back(maker, "its result is needed and no longer stored");
                    demanded = true;
                }
            }
        }
        demanded
    }

    /// The makers of objects that a node needs and the store lacks. A node that is ready becomes runnable, or waits for them.
    fn lacks(&mut self, at: NodeIndex) -> Vec<NodeIndex> {
        let node = &self.graph.nodes()[at];
        let (occupied, is_grower) = ((node.place, node.resources), matches!(node.work, Work::Grow(_)));
        let is_ready = matches!(self.states[at], State::Ready { .. });
        let needed = match &self.states[at] {
            State::Ready { .. } => self.needed(at),
            State::Waiting { .. } if is_grower && self.is_followed(at) => self.needed(at),
            State::Done { record: Some(record), .. } if self.is_target(at) => {
                Ok(record.outputs.iter().map(|output| (at, output.digest)).collect())
            }
            _ => return Vec::new(),
        };
        let makers: Vec<NodeIndex> = match needed {
            Err(unknown) => vec![unknown],
            Ok(needed) => {
                self.look_for(&needed);
                let lacking = needed.into_iter().filter(|(_, digest)| !self.has(*digest));
                lacking.map(|(maker, _)| maker).collect()
            }
        };
        match makers.first() {
            Some(maker) if is_ready => self.missing[*maker].push(at),
            None if is_ready => _ = self.runnable.entry(occupied).or_default().insert(at),
            _ => {}
        }
        makers
    }

    /// Whether a node is an end of the walk: nobody reads it, or it was asked for.
    pub(super) fn is_target(&self, at: NodeIndex) -> bool {
        let id = &self.graph.nodes()[at].id;
        match &self.only {
            Some(only) => only.contains(id.as_str()) || only.contains(id.name()),
            None => {
                let is_read = !self.graph.readers(at).is_empty() || !self.given_by[at].is_empty();
                !is_read || self.kept.contains(id)
            }
        }
    }

    /// Skips what is not needed for what was asked for, where the graph or what may still grow has changed.
    pub(super) fn skip_what_nobody_asked_for(&mut self) {
        let Some(only) = self.only.as_ref().filter(|_| self.only_changed) else { return };
        let mut visits = 0;
        let mut wanted = vec![false; self.states.len()];
        let may_yield = |at: NodeIndex| only.iter().any(|name| self.may_yield(at, name));
        let is_asked_for = |at: &NodeIndex| self.is_target(*at) || may_yield(*at);
        let mut open: Vec<NodeIndex> = self.states.indices().filter(is_asked_for).collect();
        while let Some(at) = open.pop() {
            if std::mem::replace(&mut wanted[at.position()], true) {
                continue;
            }
            visits += self.graph.sources(at).len() as u64;
            open.extend(self.graph.sources(at));
            if let Work::Grow(rule) = &self.graph.nodes()[at].work {
                open.extend(rule.reads().iter().filter_map(|id| self.graph.find(id)));
            }
            open.extend(self.yielded(at).unwrap_or_default());
        }
        for at in self.states.indices() {
            let is_open = matches!(self.states[at], State::Waiting { .. } | State::Ready { .. });
            if is_open && !wanted[at.position()] {
                self.set(at, State::Skipped);
            }
        }
        self.visits += visits;
        self.only_changed = false;
    }
}
