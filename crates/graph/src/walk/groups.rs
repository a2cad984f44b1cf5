//! Which nodes may be handed out before their inputs are known by content, and which of them belong together.
//!
//! # Approach
//! A node can be handed out as soon as it is known which nodes it reads from, growth followed to its last outputs, and each of
//! those has a result, is handed out, or can be. Nodes that share their axes, shards aside, make a group: the chain of a fold and
//! a seed. To keep groups from waiting for each other, a node whose axes differ from those of what it reads begins a new level,
//! and a group is of one level. Light nodes are
//! handed out where others must know them to grow, or nobody reads them: else whoever needs one computes it.

use std::collections::{BTreeMap, BTreeSet};

use super::{State, Walk};
use crate::index::NodeIndex;
use crate::node::{Node, Place, Resources, Work};

/// Nodes to be handed out together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The nodes, in the order of the graph.
    pub nodes: Vec<NodeIndex>,
    /// How many groups lie above it at most, one above the other.
    pub level: usize,
    /// The nodes of other groups that they need, and of those handed out before.
    pub after: BTreeSet<NodeIndex>,
    /// The most that one of them occupies.
    pub resources: Resources,
    /// Whether one of them runs in a worker.
    pub needs_worker: bool,
}

/// How nodes are put into groups.
pub struct Grouping<'g> {
    /// Whether a node is handed out already.
    pub is_taken: &'g dyn Fn(NodeIndex) -> bool,
    /// Whether a node is so little work that whoever needs it computes it.
    pub is_light: &'g dyn Fn(&Node) -> bool,
    /// How many shards in a row make a group.
    pub shards: u64,
}

impl Walk<'_> {
    /// Groups all nodes that can be handed out and are not.
    #[must_use]
    pub(crate) fn groups(&self, grouping: &Grouping<'_>) -> Vec<Group> {
        Planner { walk: self, grouping, makers: BTreeMap::new(), levels: BTreeMap::new() }.groups()
    }

    /// The nodes that a node reads from, growth followed to its last outputs; `None` where some node has yet to grow.
    fn makers(&self, at: NodeIndex) -> Option<BTreeSet<NodeIndex>> {
        let sources = self.graph.nodes()[at].inputs.iter().flat_map(|input| &input.from);
        let mut outputs = Vec::new();
        for (source, node) in sources.zip(self.graph.sources(at)) {
            self.outputs_into(*node, source, &mut outputs).ok()?;
        }
        Some(outputs.into_iter().map(|output| output.node).collect())
    }
}

struct Planner<'p> {
    walk: &'p Walk<'p>,
    grouping: &'p Grouping<'p>,
    /// What each node that can be handed out reads from; `None` for those that cannot.
    makers: BTreeMap<NodeIndex, Option<BTreeSet<NodeIndex>>>,
    levels: BTreeMap<NodeIndex, usize>,
}

impl Planner<'_> {
    fn groups(mut self) -> Vec<Group> {
        let all: Vec<NodeIndex> = self.walk.states.indices().collect();
        for at in &all {
            self.settle(*at);
        }
        let candidates: Vec<NodeIndex> = all.into_iter().filter(|at| self.is_candidate(*at)).collect();
        let mut read: BTreeSet<NodeIndex> =
            candidates.iter().filter_map(|at| self.makers[at].as_ref()).flatten().copied().collect();
        let taken = self.walk.states.indices().filter(|at| (self.grouping.is_taken)(*at));
        read.extend(taken.filter_map(|at| self.walk.makers(at)).flatten());
        let is_pulled = |at: NodeIndex| {
            let is_end = self.walk.is_target(at) && !read.contains(&at);
            (self.grouping.is_light)(&self.walk.graph.nodes()[at]) && !is_end && !self.feeds_growth(at)
        };
        let pulled: BTreeSet<NodeIndex> = candidates.iter().copied().filter(|at| is_pulled(*at)).collect();

        let mut groups: BTreeMap<(usize, String), Group> = BTreeMap::new();
        for at in candidates.into_iter().filter(|at| !pulled.contains(at)) {
            let level = self.level(at, &pulled);
            let above = self.above(at, &pulled);
            let group = groups.entry((level, self.class(at))).or_insert_with(|| Group {
                nodes: Vec::new(),
                level,
                after: BTreeSet::new(),
                resources: Resources::default(),
                needs_worker: false,
            });
            group.nodes.push(at);
            group.after.extend(above.iter().filter(|at| !self.is_done(**at)));
            for at in std::iter::once(at).chain(self.pulled_by(at, &pulled)) {
                let node = &self.walk.graph.nodes()[at];
                group.needs_worker |= node.place == Place::Worker;
                let Resources { cpu, gpu, memory_mib, .. } = &mut group.resources;
                *cpu = (*cpu).max(node.resources.cpu);
                *gpu = (*gpu).max(node.resources.gpu);
                *memory_mib = (*memory_mib).max(node.resources.memory_mib);
            }
        }
        let mut groups: Vec<Group> = groups.into_values().collect();
        for group in &mut groups {
            let own: BTreeSet<NodeIndex> = group.nodes.iter().copied().collect();
            group.after.retain(|at| !own.contains(at));
        }
        groups
    }

    /// Finds out whether a node has a result, is handed out, or can be.
    fn settle(&mut self, at: NodeIndex) -> bool {
        if let Some(known) = self.makers.get(&at) {
            return known.is_some() || self.is_done(at) || (self.grouping.is_taken)(at);
        }
        let is_settled = self.is_done(at) || (self.grouping.is_taken)(at);
        // Against a cycle, which there is none of.
        self.makers.insert(at, None);
        if !is_settled && self.may_be_handed_out(at) {
            let makers = self.walk.makers(at).filter(|makers| makers.iter().all(|maker| self.settle(*maker)));
            self.makers.insert(at, makers);
        }
        is_settled || self.makers[&at].is_some()
    }

    fn may_be_handed_out(&self, at: NodeIndex) -> bool {
        let is_open = matches!(self.walk.states[at], State::Waiting { .. } | State::Ready { .. });
        is_open && !matches!(self.walk.graph.nodes()[at].work, Work::Grow(_))
    }

    /// Whether a node that has yet to grow reads this one, be it as what another gives to it.
    fn feeds_growth(&self, at: NodeIndex) -> bool {
        let mut open = vec![at];
        let mut seen = BTreeSet::new();
        while let Some(at) = open.pop() {
            if !seen.insert(at) {
                continue;
            }
            let has_yet_to_grow = |at: &NodeIndex| {
                let is_waiting = matches!(self.walk.states[*at], State::Waiting { .. });
                is_waiting && matches!(self.walk.graph.nodes()[*at].work, Work::Grow(_))
            };
            if self.walk.graph.readers(at).iter().any(has_yet_to_grow) {
                return true;
            }
            open.extend(&self.walk.given_by[at]);
        }
        false
    }

    fn is_candidate(&self, at: NodeIndex) -> bool {
        self.makers.get(&at).is_some_and(Option::is_some)
    }

    fn is_done(&self, at: NodeIndex) -> bool {
        matches!(self.walk.states[at], State::Done { .. })
    }

    /// What a node needs of others than those that it computes along the way.
    fn above(&self, at: NodeIndex, pulled: &BTreeSet<NodeIndex>) -> BTreeSet<NodeIndex> {
        self.reach(at, pulled).filter(|at| !pulled.contains(at)).collect()
    }

    /// What it computes along the way.
    fn pulled_by(&self, at: NodeIndex, pulled: &BTreeSet<NodeIndex>) -> Vec<NodeIndex> {
        self.reach(at, pulled).filter(|at| pulled.contains(at)).collect()
    }

    /// What it reads, and what those read that it computes along the way.
    fn reach(&self, at: NodeIndex, pulled: &BTreeSet<NodeIndex>) -> impl Iterator<Item = NodeIndex> + use<> {
        let mut seen = BTreeSet::new();
        let mut open = vec![at];
        while let Some(at) = open.pop() {
            for maker in self.makers.get(&at).and_then(Option::as_ref).into_iter().flatten() {
                if seen.insert(*maker) && pulled.contains(maker) {
                    open.push(*maker);
                }
            }
        }
        seen.into_iter()
    }

    /// The level of a node: that of what it needs where they share their axes, else one more.
    fn level(&mut self, at: NodeIndex, pulled: &BTreeSet<NodeIndex>) -> usize {
        if let Some(level) = self.levels.get(&at) {
            return *level;
        }
        let class = self.class(at);
        let mut level = 0;
        let mut above = self.above(at, pulled);
        above.retain(|maker| self.is_candidate(*maker));
        for maker in above {
            let above = self.level(maker, pulled);
            level = level.max(above + usize::from(self.class(maker) != class));
        }
        self.levels.insert(at, level);
        level
    }

    /// The axes of a node as one text, shards by the dozen.
    fn class(&self, at: NodeIndex) -> String {
        let id = &self.walk.graph.nodes()[at].id;
        let shard = id.number("shard").map(|shard| shard / self.grouping.shards.max(1));
        let others = id.axes().iter().filter(|(axis, _)| *axis != "shard");
        let others: Vec<String> = others.map(|(axis, value)| format!("{axis}={value}")).collect();
        match shard {
            Some(shard) => format!("{},shards={shard}", others.join(",")),
            None => others.join(","),
        }
    }
}
