//! The GPUs of a run: who computes on which, and which are set aside because they fail.
//!
//! # Approach
//! Where there are GPUs, every node in a worker takes one, and its worker sees no other. A node takes a GPU whole, unless
//! comparable nodes were measured: then it takes their memory, and others that fit beside it share the GPU. A GPU that does
//! not work is set aside, and its node runs on another. A worker that dies may be the GPU's fault or its node's: the
//! node is tried on one more GPU, and where it dies there, too, the first GPU is used again. The last GPU stays.

use std::collections::BTreeMap;

use crate::index::NodeIndex;
use crate::ops::Failure;

/// A GPU that workers can be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// What the user calls it: `cuda:1`.
    pub name: String,
    /// What a worker is given as `CUDA_VISIBLE_DEVICES`, to see this GPU alone.
    pub visible: String,
    /// Its memory in MiB; 0 where it is unknown, and nodes do not share it.
    pub memory_mib: u64,
}

/// What a process takes of a GPU's memory beside its tensors, in MiB: CUDA's context and the kernels' code.
const CONTEXT_MIB: u64 = 700;

/// Which part of a GPU's memory nodes that share it may take, in percent.
const SHARED_PERCENT: u64 = 90;

/// Who computes on which GPU.
#[derive(Debug)]
pub struct Gpus<'a> {
    all: &'a [Gpu],
    /// How many nodes share a GPU at most.
    most_nodes: usize,
    /// The nodes on each GPU, and the memory in MiB that each was measured to need.
    nodes: Vec<BTreeMap<NodeIndex, Option<u64>>>,
    set_aside: Vec<Option<Reason>>,
    /// Where a node has failed that is tried elsewhere.
    failed_on: BTreeMap<NodeIndex, Vec<usize>>,
}

/// Why a GPU is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// It does not work.
    Broken,
    /// The worker of this node died on it.
    Suspected(NodeIndex),
}

/// What follows from a failure on a GPU.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The GPU is set aside, and the node is tried on another.
    Elsewhere,
    /// The node has failed. The GPUs that were set aside on its account are used again.
    NodeFailed {
        /// Their positions.
        used_again: Vec<usize>,
    },
}

impl<'a> Gpus<'a> {
    /// Begins with nothing on any GPU. Nodes that share GPUs share `cores`, too.
    pub fn new(all: &'a [Gpu], cores: u32) -> Self {
        let most_nodes = (cores as usize / all.len().max(1)).max(1);
        let (nodes, set_aside) = (vec![BTreeMap::new(); all.len()], vec![None; all.len()]);
        Self { all, most_nodes, nodes, set_aside, failed_on: BTreeMap::new() }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns the GPU at a position.
    pub fn get(&self, gpu: usize) -> &'a Gpu {
        &self.all[gpu]
    }

    /// Returns the GPU that a node would run on now: of those that it fits on the one with the fewest nodes. `need_mib` is
    /// what comparable nodes needed of its memory.
    pub fn find(&self, node: NodeIndex, need_mib: Option<u64>) -> Option<usize> {
        let works = |gpu: &usize| self.set_aside[*gpu].is_none();
        let is_new = |gpu: &usize| !self.failed_on.get(&node).is_some_and(|tried| tried.contains(gpu));
        let working: Vec<usize> = (0..self.all.len()).filter(works).collect();
        let new: Vec<usize> = working.iter().copied().filter(is_new).collect();
        let candidates = if new.is_empty() { working } else { new };
        candidates
            .into_iter()
            .filter(|gpu| self.has_room(*gpu, need_mib))
            .min_by_key(|gpu| (self.nodes[*gpu].len(), *gpu))
    }

    fn has_room(&self, gpu: usize, need_mib: Option<u64>) -> bool {
        let (nodes, memory_mib) = (&self.nodes[gpu], self.all[gpu].memory_mib);
        if nodes.is_empty() {
            return true;
        }
        let needs = nodes.values().copied().chain([need_mib]);
        let sum: Option<u64> = needs.map(|need| Some(need? + CONTEXT_MIB)).sum();
        nodes.len() < self.most_nodes && sum.is_some_and(|sum| sum <= memory_mib * SHARED_PERCENT / 100)
    }

    /// Puts a node on a GPU that was found for it.
    pub fn take(&mut self, gpu: usize, node: NodeIndex, need_mib: Option<u64>) {
        self.nodes[gpu].insert(node, need_mib);
    }

    /// Takes a node that ended off its GPU, and returns that GPU.
    pub fn release(&mut self, node: NodeIndex) -> Option<usize> {
        (0..self.all.len()).find(|gpu| self.nodes[*gpu].remove(&node).is_some())
    }

    /// Decides what follows from the failure of a node on a GPU.
    pub fn judge(&mut self, gpu: usize, node: NodeIndex, failure: &Failure) -> Verdict {
        let is_broken = match failure {
            Failure::Device { .. } => true,
            Failure::Crashed { .. } => false,
            _ => return Verdict::NodeFailed { used_again: Vec::new() },
        };
        let tried = self.failed_on.entry(node).or_default();
        let has_crashed = tried.iter().any(|at| self.set_aside[*at] == Some(Reason::Suspected(node)));
        tried.push(gpu);
        let is_left = |at: usize| self.set_aside[at].is_none() && !tried.contains(&at);
        let has_others = (0..self.all.len()).any(is_left);
        if has_others && (is_broken || !has_crashed) {
            let reason = if is_broken { Reason::Broken } else { Reason::Suspected(node) };
            self.set_aside[gpu].get_or_insert(reason);
            return Verdict::Elsewhere;
        }
        let mut used_again = Vec::new();
        for (at, aside) in self.set_aside.iter_mut().enumerate() {
            if !is_broken && *aside == Some(Reason::Suspected(node)) {
                *aside = None;
                used_again.push(at);
            }
        }
        self.failed_on.remove(&node);
        Verdict::NodeFailed { used_again }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpus(count: usize) -> Vec<Gpu> {
        let gpu = |n: usize| Gpu { name: format!("cuda:{n}"), visible: n.to_string(), memory_mib: 10_000 };
        (0..count).map(gpu).collect()
    }

    fn node(n: usize) -> NodeIndex {
        NodeIndex::new(n)
    }

    fn crashed() -> Failure {
        Failure::Crashed { message: "killed".into() }
    }

    fn broken() -> Failure {
        Failure::Device { message: "no CUDA".into() }
    }

    #[test]
    fn nodes_without_a_measure_take_a_gpu_each() {
        let all = gpus(2);
        let mut gpus = Gpus::new(&all, 16);
        for n in 0..2 {
            assert_eq!(gpus.find(node(n), None), Some(n));
            gpus.take(n, node(n), None);
        }
        assert_eq!(gpus.find(node(2), None), None);
        assert_eq!(gpus.find(node(2), Some(1)), None, "nobody knows what the others need");
        assert_eq!(gpus.release(node(1)), Some(1));
        assert_eq!(gpus.find(node(2), None), Some(1));
    }

    #[test]
    fn measured_nodes_share_memory_and_cores() {
        let all = gpus(2);
        let mut gpus = Gpus::new(&all, 6);
        // 2 300 MiB and the context: three of them are 9 000 MiB, nine tenths of a GPU.
        for (n, expected) in [0, 1, 0, 1, 0, 1].into_iter().enumerate() {
            assert_eq!(gpus.find(node(n), Some(2300)), Some(expected), "node {n}");
            gpus.take(expected, node(n), Some(2300));
        }
        assert_eq!(gpus.find(node(6), Some(1)), None, "three cores each are taken");
        gpus.release(node(0));
        assert_eq!(gpus.find(node(6), Some(2301)), None, "that is a MiB too much");
        assert_eq!(gpus.find(node(6), None), None);
        assert_eq!(gpus.find(node(6), Some(2300)), Some(0));
    }

    #[test]
    fn memory_that_is_unknown_is_not_shared() {
        let mut all = gpus(1);
        all[0].memory_mib = 0;
        let mut gpus = Gpus::new(&all, 8);
        gpus.take(0, node(0), Some(10));
        assert_eq!(gpus.find(node(1), Some(10)), None);
    }

    #[test]
    fn a_broken_gpu_is_set_aside_for_all() {
        let all = gpus(3);
        let mut gpus = Gpus::new(&all, 8);
        assert_eq!(gpus.judge(0, node(0), &broken()), Verdict::Elsewhere);
        assert_eq!(gpus.find(node(0), None), Some(1));
        assert_eq!(gpus.judge(1, node(0), &broken()), Verdict::Elsewhere, "however often it happens");
        assert_eq!(gpus.find(node(1), None), Some(2));
        let failed = Verdict::NodeFailed { used_again: vec![] };
        assert_eq!(gpus.judge(2, node(0), &broken()), failed, "there is no other");
        assert_eq!(gpus.find(node(1), None), Some(2), "the last one stays");
    }

    #[test]
    fn a_node_that_crashes_twice_is_to_blame_itself() {
        let all = gpus(3);
        let mut gpus = Gpus::new(&all, 8);
        assert_eq!(gpus.judge(0, node(0), &crashed()), Verdict::Elsewhere);
        assert_eq!(gpus.find(node(1), None), Some(1), "it may be the GPU");
        assert_eq!(gpus.judge(1, node(0), &crashed()), Verdict::NodeFailed { used_again: vec![0] });
        assert_eq!(gpus.find(node(1), None), Some(0));
    }

    #[test]
    fn what_is_no_fault_of_a_gpu_changes_nothing() {
        let all = gpus(2);
        let mut gpus = Gpus::new(&all, 8);
        let failure = Failure::Failed { message: "diverged".into() };
        let failed = || Verdict::NodeFailed { used_again: vec![] };
        assert_eq!(gpus.judge(0, node(0), &failure), failed());
        assert_eq!(gpus.judge(0, node(0), &Failure::Cancelled), failed());
        assert_eq!(gpus.find(node(0), None), Some(0));
        let one = &all[..1];
        let mut alone = Gpus::new(one, 8);
        assert_eq!(alone.judge(0, node(0), &crashed()), failed());
        assert_eq!(alone.find(node(1), None), Some(0));
    }

    #[test]
    fn where_no_other_is_left_a_node_comes_back() {
        let all = gpus(2);
        let mut gpus = Gpus::new(&all, 8);
        // Two nodes shared the first GPU; the second of them is found to crash anywhere.
        assert_eq!(gpus.judge(0, node(1), &crashed()), Verdict::Elsewhere);
        assert_eq!(gpus.judge(0, node(0), &crashed()), Verdict::Elsewhere);
        assert_eq!(gpus.judge(1, node(1), &crashed()), Verdict::NodeFailed { used_again: vec![0] });
        assert_eq!(gpus.judge(1, node(2), &broken()), Verdict::Elsewhere);
        assert_eq!(gpus.find(node(0), None), Some(0), "better there than nowhere");
    }
}
