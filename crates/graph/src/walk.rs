//! From a graph and a store to the state of every node.
//!
//! # Approach
//! Nodes are resolved forwards: one whose inputs are all done has a key; a stored result makes it done in
//! turn, even when its objects are gone. Growing nodes grow as soon as their inputs are done. What remains is
//! looked at backwards: objects that somebody still has to read must be there, and what made a missing one
//! must run again. Repeated until nothing changes.

use std::collections::{BTreeMap, HashMap, HashSet};

use affekt_domain::Digest;

use crate::apart;
use crate::key::{Key, Part, parts};
use crate::node::{Graph, GraphError, Growth, NodeId, OutputRef, Source, Work};
use crate::ops::{Failure, Item, Ops, Port, Silent};
use crate::store::{Record, Store};

/// What is known of a node.
#[derive(Debug, Clone)]
pub enum State {
    /// Some input is not known yet, and with it the key.
    Waiting {
        /// The first input it waits for.
        on: NodeId,
    },
    /// All inputs are known and their objects are there or being made; there is no usable result.
    Ready {
        /// Its key; `None` for a source whose fingerprint takes effort.
        key: Option<Key>,
        /// Why it must run, for a person.
        reason: String,
    },
    /// Handed out and not back yet.
    Running {
        /// Its key, as in `Ready`.
        key: Option<Key>,
    },
    /// Its outputs are known by content.
    Done {
        /// The result; `None` for growing nodes, which have none of their own.
        record: Option<Record>,
        /// Whether this run computed it.
        ran: bool,
    },
    /// It failed, or something above it did.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// It was not asked for.
    Skipped,
}

/// A graph being resolved.
pub struct Walk<'a> {
    store: &'a Store,
    ops: &'a dyn Ops,
    graph: Graph,
    states: Vec<State>,
    grown: HashMap<usize, Growth>,
    /// Of which part of the data nodes are, where their rule keeps parts apart.
    about: BTreeMap<usize, String>,
    /// How many nodes there were when it was last seen that parts are apart.
    checked: usize,
    fingerprints: HashMap<usize, Digest>,
    /// Results found damaged or gone: not looked up again before they are recomputed.
    stale: HashSet<usize>,
    /// Objects that were damaged and sent back to work in this run.
    healed: HashSet<Digest>,
    /// Objects seen in the store, so that a large graph does not ask the file system again at every step.
    present: HashSet<Digest>,
    /// Nodes that some other node reads.
    read: HashSet<NodeId>,
    only: Option<String>,
    /// Nodes whose objects must be there at the end, whoever reads them.
    kept: HashSet<NodeId>,
}

impl<'a> Walk<'a> {
    /// Starts with nothing resolved. `only` limits the walk to nodes of that name (or that full id) and what
    /// they need.
    #[must_use]
    pub fn new(graph: Graph, store: &'a Store, ops: &'a dyn Ops, only: Option<String>) -> Self {
        let states = Vec::new();
        let mut walk = Self {
            store,
            ops,
            graph,
            states,
            grown: HashMap::new(),
            about: BTreeMap::new(),
            checked: 0,
            fingerprints: HashMap::new(),
            stale: HashSet::new(),
            healed: HashSet::new(),
            present: HashSet::new(),
            read: HashSet::new(),
            only,
            kept: HashSet::new(),
        };
        walk.meet_new_nodes();
        walk
    }

    /// Asks that the objects of these nodes (where they grow, of what others get of them) be there at the end, also
    /// where no other node reads them any more.
    #[must_use]
    pub fn keeping(mut self, nodes: impl IntoIterator<Item = NodeId>) -> Self {
        self.kept.extend(nodes);
        self
    }

    /// The graph as grown so far.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The store it is resolved against.
    #[must_use]
    pub fn store(&self) -> &'a Store {
        self.store
    }

    /// The states, in the order of the graph's nodes.
    #[must_use]
    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// The positions of all nodes as they are to be read: what a growing node yielded follows it.
    #[must_use]
    pub fn order(&self) -> Vec<usize> {
        let mut yielded: HashSet<usize> = HashSet::new();
        for growth in self.grown.values() {
            yielded.extend(growth.nodes.iter().filter_map(|node| self.graph.position(&node.id)));
        }
        let mut open: Vec<usize> = (0..self.states.len()).filter(|at| !yielded.contains(at)).rev().collect();
        let mut order = Vec::with_capacity(self.states.len());
        while let Some(at) = open.pop() {
            order.push(at);
            if let Some(growth) = self.grown.get(&at) {
                open.extend(growth.nodes.iter().rev().filter_map(|node| self.graph.position(&node.id)));
            }
        }
        order
    }

    /// What a growing node yielded, once it has grown.
    #[must_use]
    pub fn growth(&self, at: usize) -> Option<&Growth> {
        self.grown.get(&at)
    }

    /// Resolves as far as the store reaches.
    ///
    /// # Errors
    /// When what a growing node yields does not fit the graph, or would mix parts that are kept apart.
    pub fn advance(&mut self) -> Result<(), GraphError> {
        loop {
            let mut changed = false;
            let mut at = 0;
            while at < self.states.len() {
                if matches!(self.states[at], State::Waiting { .. }) {
                    let state = self.resolve(at)?;
                    changed |= !matches!(state, State::Waiting { .. });
                    self.states[at] = state;
                }
                at += 1;
            }
            if !changed {
                if self.checked < self.states.len() {
                    apart::check(&self.graph, &self.grown, &self.about)?;
                    self.checked = self.states.len();
                }
                self.skip_what_nobody_asked_for();
                if !self.demand_objects() {
                    return Ok(());
                }
            }
        }
    }

    /// The parts of a node's key, where its inputs are known.
    #[must_use]
    pub fn parts(&self, at: usize) -> Option<Vec<Part>> {
        let node = &self.graph.nodes()[at];
        if matches!(node.work, Work::Grow(_)) {
            return None;
        }
        let fingerprint = match node.work {
            Work::Source => Some(*self.fingerprints.get(&at)?),
            _ => None,
        };
        let inputs = self.input_items(at).ok()?;
        let digests: Vec<Vec<Digest>> =
            inputs.iter().map(|port| port.items.iter().map(|item| item.digest).collect()).collect();
        Some(parts(node, &digests, fingerprint))
    }

    /// The key of a node, where its inputs are known.
    #[must_use]
    pub fn key(&self, at: usize) -> Option<Key> {
        self.parts(at).map(|parts| Key::of(&parts))
    }

    /// What flows into a node.
    ///
    /// # Errors
    /// With the first node whose outputs are not known.
    pub fn input_items(&self, at: usize) -> Result<Vec<Port>, NodeId> {
        let node = &self.graph.nodes()[at];
        let mut ports = Vec::with_capacity(node.inputs.len());
        for input in &node.inputs {
            let mut items = Vec::with_capacity(input.from.len());
            for source in &input.from {
                for output in self.outputs(source)? {
                    let digest = self.digest(&output).ok_or_else(|| output.node.clone())?;
                    items.push(Item { digest, path: self.store.object_path(digest) });
                }
            }
            ports.push(Port { name: input.port.clone(), items });
        }
        Ok(ports)
    }

    /// The outputs that a source names, growth followed to its last fruits.
    ///
    /// # Errors
    /// With the first node that has yet to grow.
    pub fn outputs(&self, source: &Source) -> Result<Vec<OutputRef>, NodeId> {
        match source {
            Source::Output(output) => Ok(vec![output.clone()]),
            Source::Grown { node, port } => {
                let growth = self.graph.position(node).and_then(|at| self.grown.get(&at));
                let fruits = growth.and_then(|growth| growth.ports.get(port));
                let fruits = fruits.ok_or_else(|| node.clone())?;
                let outputs: Result<Vec<_>, _> = fruits.iter().map(|fruit| self.outputs(fruit)).collect();
                Ok(outputs?.into_iter().flatten().collect())
            }
        }
    }

    fn digest(&self, output: &OutputRef) -> Option<Digest> {
        let at = self.graph.position(&output.node)?;
        match &self.states[at] {
            State::Done { record: Some(record), .. } => Some(record.output(&output.output)?.digest),
            // A result that only has to be brought back: its content is known, and so are the keys below.
            State::Ready { key: Some(key), .. } | State::Running { key: Some(key) }
                if self.stale.contains(&at) =>
            {
                Some(self.store.lookup(*key)?.output(&output.output)?.digest)
            }
            _ => None,
        }
    }

    fn meet_new_nodes(&mut self) {
        for node in &self.graph.nodes()[self.states.len()..] {
            self.states.push(State::Waiting { on: node.id.clone() });
            self.read
                .extend(node.inputs.iter().flat_map(|input| &input.from).map(|from| from.node().clone()));
        }
    }

    fn resolve(&mut self, at: usize) -> Result<State, GraphError> {
        if let Some((cause, failure)) = self.failed_input(at) {
            return Ok(State::Failed { failure: failure.below(&cause) });
        }
        let inputs = match self.input_items(at) {
            Ok(inputs) => inputs,
            Err(on) => return Ok(State::Waiting { on }),
        };
        let node = self.graph.nodes()[at].clone();
        match &node.work {
            Work::Grow(rule) => {
                if let Some(on) = self.missing_input(at, &inputs) {
                    return Ok(State::Waiting { on });
                }
                let opened: Result<Vec<Vec<_>>, _> = inputs
                    .iter()
                    .map(|port| port.items.iter().map(|item| self.store.object(item.digest)).collect())
                    .collect();
                match opened.map_err(Failure::from).and_then(|inputs| rule.grow(&inputs)) {
                    Ok(growth) => {
                        self.take_in(at, growth)?;
                        Ok(State::Done { record: None, ran: false })
                    }
                    Err(failure) => Ok(self.fail_or_heal(failure)),
                }
            }
            Work::Source => match self.ops.fingerprint(&node, false, &mut Silent) {
                Ok(Some(fingerprint)) => {
                    self.fingerprints.insert(at, fingerprint);
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

    /// Adds what a growing node yielded.
    fn take_in(&mut self, at: usize, growth: Growth) -> Result<(), GraphError> {
        self.graph.add(growth.nodes.clone())?;
        self.read.extend(growth.ports.values().flatten().map(|fruit| fruit.node().clone()));
        if self.kept.contains(&self.graph.nodes()[at].id) {
            let fruits = growth.ports.values().flatten();
            self.kept.extend(fruits.map(|fruit| fruit.node().clone()));
        }
        if let Work::Grow(rule) = &self.graph.nodes()[at].work {
            for node in &growth.nodes {
                self.about.extend(self.graph.position(&node.id).zip(rule.about(&node.id)));
            }
        }
        self.grown.insert(at, growth);
        self.meet_new_nodes();
        Ok(())
    }

    fn look_up(&self, at: usize) -> State {
        let key = self.key(at);
        match key.and_then(|key| self.store.lookup(key)) {
            Some(record) => State::Done { record: Some(record), ran: false },
            None => State::Ready { key, reason: "no result for this key".into() },
        }
    }

    fn failed_input(&self, at: usize) -> Option<(NodeId, Failure)> {
        let sources = self.graph.nodes()[at].inputs.iter().flat_map(|input| &input.from);
        for source in sources {
            let mut nodes = vec![source.node().clone()];
            nodes.extend(self.outputs(source).into_iter().flatten().map(|output| output.node));
            for id in nodes {
                if let Some(State::Failed { failure }) = self.graph.position(&id).map(|at| &self.states[at]) {
                    return Some((id, failure.clone()));
                }
            }
        }
        None
    }

    /// The first input node whose object is not in the store.
    pub(crate) fn missing_input(&mut self, at: usize, inputs: &[Port]) -> Option<NodeId> {
        let needed = self.needed(at, inputs);
        needed.into_iter().find(|(_, digest)| !self.has(*digest)).map(|(maker, _)| maker)
    }

    /// The objects flowing into a node, each with its maker.
    fn needed(&self, at: usize, inputs: &[Port]) -> Vec<(NodeId, Digest)> {
        let mut needed = Vec::new();
        for (input, port) in self.graph.nodes()[at].inputs.iter().zip(inputs) {
            let outputs = input.from.iter().filter_map(|source| self.outputs(source).ok()).flatten();
            needed.extend(outputs.map(|output| output.node).zip(port.items.iter().map(|item| item.digest)));
        }
        needed
    }

    fn has(&mut self, digest: Digest) -> bool {
        let present = self.present.contains(&digest) || self.store.has(digest);
        if present {
            self.present.insert(digest);
        }
        present
    }

    /// Sends back to work whatever made an object that is gone and still needed. Returns whether there was any.
    fn demand_objects(&mut self) -> bool {
        let mut demanded = false;
        for at in (0..self.states.len()).rev() {
            let needs_inputs = match &self.states[at] {
                State::Ready { .. } => true,
                State::Waiting { .. } => matches!(self.graph.nodes()[at].work, Work::Grow(_)),
                _ => false,
            };
            let mut needed: Vec<(NodeId, Digest)> = Vec::new();
            if needs_inputs && let Ok(inputs) = self.input_items(at) {
                needed = self.needed(at, &inputs);
            }
            if let State::Done { record: Some(record), .. } = &self.states[at]
                && self.is_target(at)
            {
                let id = &self.graph.nodes()[at].id;
                needed.extend(record.outputs.iter().map(|output| (id.clone(), output.digest)));
            }
            for (maker, digest) in needed {
                if self.has(digest) {
                    continue;
                }
                if let Some(maker) = self.graph.position(&maker)
                    && matches!(self.states[maker], State::Done { .. })
                {
                    self.send_back(maker, "its result is needed and no longer stored");
                    demanded = true;
                }
            }
        }
        demanded
    }

    fn send_back(&mut self, at: usize, reason: &str) {
        self.stale.insert(at);
        self.states[at] = State::Ready { key: self.key(at), reason: reason.to_owned() };
    }

    /// Whether a node is an end of the walk: nobody reads it, or it was asked for.
    fn is_target(&self, at: usize) -> bool {
        let id = &self.graph.nodes()[at].id;
        match &self.only {
            Some(only) => id.as_str() == only || id.name() == only,
            None => !self.read.contains(id) || self.kept.contains(id),
        }
    }

    /// Whether a node has yet to grow, and may then yield one of this name.
    #[must_use]
    pub fn may_yield(&self, at: usize, name: &str) -> bool {
        match (&self.graph.nodes()[at].work, &self.states[at]) {
            (Work::Grow(rule), State::Waiting { .. }) => rule.may_yield(name),
            _ => false,
        }
    }

    fn skip_what_nobody_asked_for(&mut self) {
        let Some(only) = &self.only else { return };
        let mut wanted = vec![false; self.states.len()];
        let is_asked_for = |at: &usize| self.is_target(*at) || self.may_yield(*at, only);
        let mut open: Vec<usize> = (0..self.states.len()).filter(is_asked_for).collect();
        while let Some(at) = open.pop() {
            if std::mem::replace(&mut wanted[at], true) {
                continue;
            }
            let node = &self.graph.nodes()[at];
            let mut needed: Vec<NodeId> = Vec::new();
            needed.extend(node.inputs.iter().flat_map(|input| &input.from).map(|from| from.node().clone()));
            if let Work::Grow(rule) = &node.work {
                needed.extend(rule.reads());
            }
            if let Some(growth) = self.grown.get(&at) {
                needed.extend(growth.nodes.iter().map(|node| node.id.clone()));
            }
            open.extend(needed.iter().filter_map(|id| self.graph.position(id)));
        }
        for (at, wanted) in wanted.into_iter().enumerate() {
            if !wanted && matches!(self.states[at], State::Waiting { .. } | State::Ready { .. }) {
                self.states[at] = State::Skipped;
            }
        }
    }

    /// Takes note that a node was handed out.
    pub(crate) fn start(&mut self, at: usize) {
        if let State::Ready { key, .. } = self.states[at] {
            self.states[at] = State::Running { key };
        }
    }

    /// Takes in the result of a node. Where it differs from a result it should have brought back, what was
    /// keyed by the old content and has not been computed is keyed anew.
    pub(crate) fn finish(&mut self, at: usize, record: Record, ran: bool, fingerprint: Option<Digest>) {
        if let Some(fingerprint) = fingerprint {
            self.fingerprints.insert(at, fingerprint);
        }
        self.states[at] = State::Done { record: Some(record), ran };
        if self.stale.remove(&at) {
            for state in &mut self.states {
                if let State::Ready { .. } = state {
                    *state = State::Waiting { on: self.graph.nodes()[at].id.clone() };
                }
            }
        }
    }

    /// The state after a failure. A damaged input is quarantined and its maker sent back to work instead, once:
    /// what is damaged again at once lies on a bad disk.
    fn fail_or_heal(&mut self, failure: Failure) -> State {
        if let Failure::Damaged { digest, .. } = &failure
            && self.healed.insert(*digest)
            && self.store.quarantine(*digest).is_ok()
        {
            self.present.remove(digest);
            let made_it = |state: &State| match state {
                State::Done { record: Some(record), .. } => {
                    record.outputs.iter().any(|output| output.digest == *digest)
                }
                _ => false,
            };
            let makers: Vec<usize> =
                (0..self.states.len()).filter(|maker| made_it(&self.states[*maker])).collect();
            for maker in &makers {
                self.send_back(*maker, "its stored result was damaged");
            }
            if !makers.is_empty() {
                return State::Waiting { on: self.graph.nodes()[makers[0]].id.clone() };
            }
        }
        State::Failed { failure }
    }

    /// Takes note that a node has no result.
    pub(crate) fn fail(&mut self, at: usize, failure: Failure) {
        self.states[at] = self.fail_or_heal(failure);
    }
}

impl State {
    /// Its name in plans.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "may-run",
            Self::Ready { .. } => "run",
            Self::Running { .. } => "running",
            Self::Done { ran: true, .. } => "ran",
            Self::Done { ran: false, .. } => "cached",
            Self::Failed { .. } => "failed",
            Self::Skipped => "skipped",
        }
    }
}
