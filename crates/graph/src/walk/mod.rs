//! From a graph and a store to the state of every node.
//!
//! # Approach
//! Nodes are resolved forwards: one whose inputs are all done has a key; a stored result makes it done in turn, even when its
//! objects are gone. Growing nodes grow as soon as their inputs are done. What remains is looked at backwards: objects that
//! somebody still has to read must be there, and what made a missing one must run again. Repeated until nothing changes.
//!
//! Nothing is looked at again without cause: a waiting node is woken by the input that it waits for, a node that misses an
//! object by whoever makes it. So the work is linear in the edges, also over a whole run ([`Walk::visits`]).

mod flow;
mod groups;
mod healing;
mod needs;
mod state;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use affekt_domain::Digest;

use crate::graph::{Graph, GraphError};
use crate::id::NodeId;
use crate::index::{NodeIndex, NodeMap};
use crate::isolation::{Isolation, Yields};
use crate::key::{Key, KeyPart, parts};
use crate::node::{Growth, Node, Place, Resources, Source, Work};
use crate::ops::{Failure, Ops, Silent};
use crate::store::{Record, Store};

use flow::Flow;
pub use groups::{Group, Grouping};
use healing::{Healing, Verdict};
pub use state::State;

/// A graph being resolved.
pub struct Walk<'a> {
    store: &'a Store,
    ops: &'a dyn Ops,
    graph: Graph,
    states: NodeMap<State>,
    flows: NodeMap<Flow>,
    grown: HashMap<NodeIndex, Grown>,
    /// Which node yielded each, where one did.
    yielded_by: NodeMap<Option<NodeIndex>>,
    /// The growing nodes that give each node's outputs to others as theirs.
    given_by: NodeMap<Vec<NodeIndex>>,
    /// Nodes to resolve.
    open: BTreeSet<NodeIndex>,
    /// Which nodes wait for each.
    waiting: NodeMap<Vec<NodeIndex>>,
    /// Nodes some of whose inputs may have failed.
    below_failures: HashSet<NodeIndex>,
    /// Nodes whose objects are to be looked for.
    unchecked: BTreeSet<NodeIndex>,
    /// Which nodes miss an object that each must make.
    missing: NodeMap<Vec<NodeIndex>>,
    /// Nodes that are ready and miss nothing, by what they occupy.
    runnable: BTreeMap<(Place, Resources), BTreeSet<NodeIndex>>,
    /// Nodes whose state is new since [`Walk::take_changed`].
    changed: BTreeSet<NodeIndex>,
    isolation: Isolation,
    fingerprints: HashMap<NodeIndex, Digest>,
    /// Results that have to be brought back, as they were: not looked up again before they are recomputed.
    stale: HashMap<NodeIndex, Record>,
    healing: Healing,
    /// Objects seen in the store, so that a large graph does not ask the file system again at every step.
    present: HashSet<Digest>,
    /// The names and ids of the nodes that were asked for, where not all were.
    only: Option<HashSet<String>>,
    /// Whether it has to be found out anew what was not asked for.
    only_changed: bool,
    /// Nodes whose objects must be there at the end, whoever reads them.
    kept: HashSet<NodeId>,
    /// Nodes whose results were asked for elsewhere, where anybody is asked.
    asked: HashSet<NodeIndex>,
    visits: u64,
}

/// What a growing node yielded.
struct Grown {
    nodes: Vec<NodeIndex>,
    ports: BTreeMap<String, Vec<(NodeIndex, Source)>>,
}

impl<'a> Walk<'a> {
    /// Starts with nothing resolved. `only` limits the walk to nodes of that name (or that full id) and what they need.
    #[must_use]
    pub fn new(graph: Graph, store: &'a Store, ops: &'a dyn Ops, only: Option<String>) -> Self {
        let mut walk = Self {
            store,
            ops,
            graph,
            states: NodeMap::default(),
            flows: NodeMap::default(),
            grown: HashMap::new(),
            yielded_by: NodeMap::default(),
            given_by: NodeMap::default(),
            open: BTreeSet::new(),
            waiting: NodeMap::default(),
            below_failures: HashSet::new(),
            unchecked: BTreeSet::new(),
            missing: NodeMap::default(),
            runnable: BTreeMap::new(),
            changed: BTreeSet::new(),
            isolation: Isolation::default(),
            fingerprints: HashMap::new(),
            stale: HashMap::new(),
            healing: Healing::default(),
            present: HashSet::new(),
            only_changed: only.is_some(),
            only: only.map(|only| HashSet::from([only])),
            kept: HashSet::new(),
            asked: HashSet::new(),
            visits: 0,
        };
        walk.meet_new_nodes();
        walk
    }

    /// Limits the walk to nodes of these names (or these full ids) and what they need.
    #[must_use]
    pub fn limited_to(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.only = Some(names.into_iter().collect());
        self.only_changed = true;
        self
    }

    /// Asks that the objects of these nodes (where they grow, of what others get of them) be there at the end, also where no
    /// other node reads them any more.
    #[must_use]
    pub fn keeping(mut self, nodes: impl IntoIterator<Item = NodeId>) -> Self {
        self.kept.extend(nodes);
        self
    }

    /// Returns the graph as grown so far.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Returns the store it is resolved against.
    #[must_use]
    pub fn store(&self) -> &'a Store {
        self.store
    }

    /// Returns the states of all nodes.
    #[must_use]
    pub fn states(&self) -> &NodeMap<State> {
        &self.states
    }

    /// Lists all nodes as they are to be read: what a growing node yielded follows it.
    #[must_use]
    pub fn order(&self) -> Vec<NodeIndex> {
        let is_first = |at: &NodeIndex| self.yielded_by[*at].is_none();
        let mut open: Vec<NodeIndex> = self.states.indices().filter(is_first).rev().collect();
        let mut order = Vec::with_capacity(self.states.len());
        while let Some(at) = open.pop() {
            order.push(at);
            open.extend(self.yielded(at).unwrap_or_default().iter().rev());
        }
        order
    }

    /// Returns what a growing node yielded, once it has grown.
    #[must_use]
    pub fn yielded(&self, at: NodeIndex) -> Option<&[NodeIndex]> {
        self.grown.get(&at).map(|grown| grown.nodes.as_slice())
    }

    /// Returns the growing node that yielded a node, if one did.
    #[must_use]
    pub fn yielded_by(&self, at: NodeIndex) -> Option<NodeIndex> {
        self.yielded_by[at]
    }

    /// Returns how many edges were looked at so far: what the walk has cost.
    #[must_use]
    pub fn visits(&self) -> u64 {
        self.visits + self.isolation.visits
    }

    /// Returns the nodes whose state is another since this was last asked, in the order of the graph.
    pub fn take_changed(&mut self) -> Vec<NodeIndex> {
        std::mem::take(&mut self.changed).into_iter().collect()
    }

    /// Resolves as far as the store reaches.
    ///
    /// # Errors
    /// When what a growing node yields does not fit the graph, or would mix partitions that are kept apart.
    pub fn advance(&mut self) -> Result<(), GraphError> {
        loop {
            while let Some(at) = self.open.pop_first() {
                if matches!(self.states[at], State::Waiting { .. }) {
                    self.ask_for_results(at);
                    let state = self.resolve(at)?;
                    self.set(at, state);
                }
            }
            self.check_isolation()?;
            self.skip_what_nobody_asked_for();
            if !self.demand_objects() {
                return Ok(());
            }
        }
    }

    /// Asks elsewhere for the results of a node that is to be resolved and of all others whose keys are known as well: it is
    /// as long a way for many as for one.
    fn ask_for_results(&mut self, at: NodeIndex) {
        if !self.store.has_upstream() || self.asked.contains(&at) {
            return;
        }
        let others = self.open.iter().copied().filter(|at| !self.asked.contains(at));
        let mut keys = Vec::new();
        for at in std::iter::once(at).chain(others).collect::<Vec<_>>() {
            let is_known = matches!(self.graph.nodes()[at].work, Work::Op) && self.follow(at).is_ok();
            if let Some(key) = is_known.then(|| self.key(at)).flatten() {
                self.asked.insert(at);
                keys.push(key);
            }
        }
        self.store.ask_for_results(&keys);
    }

    /// Returns what a node's key is made of, where its inputs are known.
    #[must_use]
    pub fn parts(&self, at: NodeIndex) -> Option<Vec<KeyPart>> {
        let node = &self.graph.nodes()[at];
        let fingerprint = match node.work {
            Work::Grow(_) => return None,
            Work::Source => Some(*self.fingerprints.get(&at)?),
            Work::Op => None,
        };
        Some(parts(node, &self.digests(at)?, fingerprint))
    }

    /// Returns the key of a node, where its inputs are known.
    #[must_use]
    pub fn key(&self, at: NodeIndex) -> Option<Key> {
        self.parts(at).map(|parts| Key::of(&parts))
    }

    /// Returns whether a node has yet to grow, and may then yield one of this name or id.
    #[must_use]
    pub fn may_yield(&self, at: NodeIndex, text: &str) -> bool {
        match (&self.graph.nodes()[at].work, &self.states[at]) {
            (Work::Grow(rule), State::Waiting { .. }) => {
                rule.yields().iter().any(|id| id.name() == text || id.matches(text))
            }
            _ => false,
        }
    }

    fn meet_new_nodes(&mut self) {
        for at in (self.states.len()..self.graph.nodes().len()).map(NodeIndex::new) {
            self.states.push(State::Waiting { on: at });
            self.open.insert(at);
            self.below_failures.insert(at);
        }
        let len = self.states.len();
        self.flows.grow_to(len);
        self.yielded_by.grow_to(len);
        self.given_by.grow_to(len);
        self.waiting.grow_to(len);
        self.missing.grow_to(len);
    }

    /// Puts a node into a state, and sees to those that wait for it.
    fn set(&mut self, at: NodeIndex, state: State) {
        if let State::Waiting { on } = state {
            self.waiting[on].push(at);
        } else {
            self.changed.insert(at);
        }
        match &state {
            State::Failed { .. } => self.wake_readers(at),
            State::Done { .. } => self.unchecked.extend(std::mem::take(&mut self.missing[at])),
            _ => {}
        }
        if matches!(state, State::Done { .. } | State::Failed { .. }) {
            self.open.extend(std::mem::take(&mut self.waiting[at]));
        }
        // A growing node may ask for objects, or for nothing any more.
        self.only_changed |= self.only.is_some() && matches!(self.graph.nodes()[at].work, Work::Grow(_));
        let Node { place, resources, .. } = self.graph.nodes()[at];
        if let Some(alike) = self.runnable.get_mut(&(place, resources)) {
            alike.remove(&at);
        }
        self.unchecked.insert(at);
        self.states[at] = state;
    }

    /// Wakes whoever reads from a node that failed, be it as what a growing node gives to others.
    fn wake_readers(&mut self, failed: NodeIndex) {
        let mut through = vec![failed];
        let mut seen = HashSet::new();
        while let Some(at) = through.pop() {
            if seen.insert(at) {
                self.visits += self.graph.readers(at).len() as u64;
                self.below_failures.extend(self.graph.readers(at));
                self.open.extend(self.graph.readers(at));
                through.extend(&self.given_by[at]);
            }
        }
    }

    fn resolve(&mut self, at: NodeIndex) -> Result<State, GraphError> {
        if self.below_failures.remove(&at)
            && let Some(failure) = self.failure_above(at)
        {
            return Ok(State::Failed { failure });
        }
        if let Err(on) = self.follow(at) {
            return Ok(State::Waiting { on });
        }
        let node = &self.graph.nodes()[at];
        match &node.work {
            Work::Grow(rule) => {
                let rule = std::sync::Arc::clone(rule);
                if let Some(on) = self.missing_input(at) {
                    return Ok(State::Waiting { on });
                }
                let ports = self.digests(at).unwrap_or_default();
                let open =
                    |digests: &Vec<Digest>| digests.iter().map(|digest| self.store.object(*digest)).collect();
                let opened: Result<Vec<Vec<_>>, _> = ports.iter().map(open).collect();
                match opened.map_err(Failure::from).and_then(|inputs| rule.grow(&inputs)) {
                    Ok(growth) => {
                        self.take_in(at, growth, rule.isolates())?;
                        Ok(State::Done { record: None, ran: false })
                    }
                    Err(failure) => Ok(self.fail_or_heal(at, failure)),
                }
            }
            Work::Source => match self.ops.fingerprint(node, false, &mut Silent) {
                Ok(Some(fingerprint)) => {
                    self.fingerprints.insert(at, fingerprint);
                    self.key(at).iter().for_each(|key| self.store.ask_for_results(&[*key]));
                    Ok(self.look_up(at))
                }
                Ok(None) => {
                    Ok(State::Ready { key: None, reason: "not everything it reads is hashed".into() })
                }
                Err(failure) => Ok(State::Failed { failure }),
            },
            Work::Op => Ok(self.look_up(at)),
        }
    }

    fn look_up(&self, at: NodeIndex) -> State {
        let key = self.key(at);
        match key.and_then(|key| self.store.result_of(&self.graph.nodes()[at], key)) {
            Some(record) => State::Done { record: Some(record), ran: false },
            None => State::Ready { key, reason: "no result for this key".into() },
        }
    }

    /// The failure of a node of whose inputs one failed: the first in their order.
    fn failure_above(&mut self, at: NodeIndex) -> Option<Failure> {
        let sources = self.graph.nodes()[at].inputs.iter().flat_map(|input| &input.from);
        for (source, node) in sources.zip(self.graph.sources(at)) {
            let mut outputs = Vec::new();
            if self.outputs_into(*node, source, &mut outputs).is_err() {
                outputs.clear();
            }
            self.visits += 1 + outputs.len() as u64;
            for at in std::iter::once(*node).chain(outputs.into_iter().map(|output| output.node)) {
                if let State::Failed { failure } = &self.states[at] {
                    return Some(failure.below(&self.graph.nodes()[at].id));
                }
            }
        }
        None
    }

    /// Adds what a growing node yielded.
    fn take_in(&mut self, at: NodeIndex, growth: Growth, isolates: Option<&str>) -> Result<(), GraphError> {
        let first = self.graph.nodes().len();
        let Growth { nodes, ports } = growth;
        self.graph.add(nodes)?;
        self.meet_new_nodes();
        let nodes: Vec<NodeIndex> = (first..self.graph.nodes().len()).map(NodeIndex::new).collect();
        for node in &nodes {
            self.yielded_by[*node] = Some(at);
            let id = &self.graph.nodes()[*node].id;
            if let Some((axis, value)) = isolates.and_then(|axis| Some((axis, id.axis(axis)?))) {
                self.isolation.assign(*node, format!("{axis}={value}"));
            }
        }
        let id = self.graph.nodes()[at].id.clone();
        let is_kept = self.kept.contains(&id);
        let mut given: BTreeMap<String, Vec<(NodeIndex, Source)>> = BTreeMap::new();
        for (port, sources) in ports {
            let mut indexed = Vec::with_capacity(sources.len());
            for source in sources {
                let missing = || GraphError::Missing { node: id.clone(), missing: source.node().clone() };
                let node = self.graph.find(source.node()).ok_or_else(missing)?;
                if self.given_by[node].last() != Some(&at) {
                    self.given_by[node].push(at);
                }
                if is_kept {
                    self.kept.insert(source.node().clone());
                    self.unchecked.insert(node);
                }
                if matches!(self.states[node], State::Failed { .. }) {
                    self.wake_readers(node);
                }
                indexed.push((node, source));
            }
            given.insert(port, indexed);
        }
        self.grown.insert(at, Grown { nodes, ports: given });
        Ok(())
    }

    fn check_isolation(&mut self) -> Result<(), GraphError> {
        let of = |at: NodeIndex| self.grown.get(&at).map_or(&[][..], |grown| grown.nodes.as_slice());
        self.isolation.check(&self.graph, &Yields { of: &of, by: &self.yielded_by })
    }

    /// Takes note that a node was handed out.
    pub(crate) fn start(&mut self, at: NodeIndex) {
        if let State::Ready { key, .. } = self.states[at] {
            self.healing.started(at);
            self.set(at, State::Running { key });
        }
    }

    /// Takes note that a node that was handed out is to be tried again.
    pub(crate) fn retry(&mut self, at: NodeIndex, reason: &str) {
        if let State::Running { key } = self.states[at] {
            self.set(at, State::Ready { key, reason: reason.to_owned() });
        }
    }

    /// Takes in the result of a node. Where it differs from a result it should have brought back, what was keyed by the old
    /// content and has not been computed is keyed anew.
    pub(crate) fn finish(&mut self, at: NodeIndex, record: Record, ran: bool, fingerprint: Option<Digest>) {
        if let Some(fingerprint) = fingerprint {
            self.fingerprints.insert(at, fingerprint);
        }
        self.healing.made(record.outputs.iter().map(|output| output.digest));
        let before = self.stale.remove(&at);
        let is_another = before.is_some_and(|before| before.outputs != record.outputs);
        self.set(at, State::Done { record: Some(record), ran });
        if is_another {
            for at in self.states.indices() {
                if matches!(self.states[at], State::Ready { .. }) {
                    self.set(at, State::Waiting { on: at });
                    self.open.insert(at);
                }
            }
            self.flows.values_mut().for_each(Flow::forget);
            self.asked.clear();
        }
    }

    /// Takes note that a node has no result.
    pub(crate) fn fail(&mut self, at: NodeIndex, failure: Failure) {
        let state = self.fail_or_heal(at, failure);
        self.set(at, state);
    }

    /// The state after a failure. A damaged input is quarantined and its maker sent back to work instead, once: what is damaged
    /// again at once lies on a bad disk. Who read it before it was made again reads it again.
    fn fail_or_heal(&mut self, at: NodeIndex, failure: Failure) -> State {
        let Failure::Damaged { digest, .. } = &failure else { return State::Failed { failure } };
        let is_healing = match self.healing.damaged(*digest, at) {
            Verdict::Heal => self.heal(*digest),
            Verdict::ReadAgain => true,
            Verdict::DamagedAgain => false,
        };
        if !is_healing {
            self.healing.gave_up(*digest);
            return State::Failed { failure };
        }
        self.open.insert(at);
        State::Waiting { on: at }
    }

    /// Quarantines an object and sends whoever made it back to work. Returns whether there is anybody.
    fn heal(&mut self, digest: Digest) -> bool {
        if self.store.quarantine(digest).is_err() {
            return false;
        }
        self.present.remove(&digest);
        // Whoever needs the object has to wait for it again.
        self.unchecked.extend(std::mem::take(&mut self.runnable).into_values().flatten());
        let is_in = |record: &Record| record.outputs.iter().any(|output| output.digest == digest);
        let made_it =
            |state: &State| matches!(state, State::Done { record: Some(record), .. } if is_in(record));
        let makers = self.states.iter().filter(|(_, state)| made_it(state));
        let makers: Vec<NodeIndex> = makers.map(|(at, _)| at).collect();
        let is_being_made = self.stale.values().any(is_in);
        for maker in &makers {
            self.send_back(*maker, "its stored result was damaged");
        }
        is_being_made || !makers.is_empty()
    }

    /// Sends a node that was done back to work.
    fn send_back(&mut self, at: NodeIndex, reason: &str) {
        let key = self.key(at);
        if let State::Done { record: Some(record), .. } = &self.states[at] {
            self.stale.insert(at, record.clone());
        }
        self.set(at, State::Ready { key, reason: reason.to_owned() });
    }
}
