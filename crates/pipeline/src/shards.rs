//! Shards: how work that goes utterance by utterance is cut into nodes.
//!
//! A shard ends after an utterance whose name says so (its hash falls into one of [`MEAN_SHARD`] classes), so
//! that adding or removing a recording moves no other shard's borders, whatever the size of the corpus.

use std::collections::BTreeMap;
use std::sync::Arc;

use affekt_domain::{Digest, Utterance};
use affekt_graph::{AxisValue, Failure, Grow, Growth, Node, NodeId, Object, Work, hash_bytes};
use affekt_ops::Params;

use crate::axes;
use crate::reads::Reads;

/// How many utterances a shard holds on average.
const MEAN_SHARD: u64 = 256;

/// The rule of a step that runs once a shard.
pub struct PerShard {
    /// The step's parameters.
    pub params: Arc<dyn Params>,
    /// A shard's node, but for its name, its inputs and its recordings.
    pub template: Node,
    /// What it reads: of steps that run once a shard too, the output of the shard of its own number.
    pub reads: Reads,
}

impl Grow for PerShard {
    fn grow(&self, inputs: &[Vec<Object>]) -> Result<Growth, Failure> {
        let Some(object) = inputs.first().and_then(|port| port.first()) else {
            return Err(Failure::Failed { message: "there are no examples to cut into shards".into() });
        };
        let examples = affekt_ops::table::read(object, affekt_table::examples::read)?.examples;
        let shards = shards(examples.iter().map(|example| &example.utterance));
        Ok(shards.iter().enumerate().map(|(number, recordings)| self.node(number, recordings)).collect())
    }

    fn yields(&self) -> Vec<NodeId> {
        vec![self.template.id.with(axes::SHARD, AxisValue::Every)]
    }

    fn reads(&self) -> Vec<NodeId> {
        self.reads.nodes()
    }
}

impl PerShard {
    fn node(&self, number: usize, recordings: &[(String, Digest)]) -> Node {
        let mut node = self.template.clone();
        node.id = self.template.id.with(axes::SHARD, number as u64);
        node.work = Work::Op;
        affekt_ops::set_params(&mut node, &*self.params.of_shard(recordings));
        node.inputs = self.reads.inputs(|step| step.with(axes::SHARD, number as u64));
        node
    }
}

/// Recordings by shard: ordered by utterance, no shard across corpora.
fn shards<'u>(utterances: impl Iterator<Item = &'u Utterance>) -> Vec<Vec<(String, Digest)>> {
    let mut corpora: BTreeMap<&str, Vec<&Utterance>> = BTreeMap::new();
    for utterance in utterances {
        corpora.entry(&utterance.corpus).or_default().push(utterance);
    }
    let mut shards = Vec::new();
    for mut utterances in corpora.into_values() {
        utterances.sort_by(|a, b| a.id.cmp(&b.id));
        let mut shard = Vec::new();
        for utterance in utterances {
            shard.push((utterance.id.clone(), utterance.audio));
            if ends_shard(&utterance.id) {
                shards.push(std::mem::take(&mut shard));
            }
        }
        if !shard.is_empty() {
            shards.push(shard);
        }
    }
    shards
}

fn ends_shard(utterance: &str) -> bool {
    let hash = hash_bytes(utterance.as_bytes());
    let [a, b, c, d, ..] = *hash.as_bytes();
    u64::from(u32::from_le_bytes([a, b, c, d])) % MEAN_SHARD == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utterance(corpus: &str, number: usize) -> Utterance {
        Utterance {
            id: format!("{corpus}/{number:05}"),
            corpus: corpus.into(),
            speaker: format!("{corpus}/1"),
            sex: None,
            text: None,
            transcript: None,
            intensity: None,
            style: None,
            session: None,
            part: None,
            label: Some("a".into()),
            emotion: Some("angry".into()),
            values: [].into(),
            metadata: [].into(),
            samples: 1,
            rate: 16_000,
            channels: 1,
            audio: hash_bytes(&number.to_le_bytes()),
        }
    }

    #[test]
    fn one_more_recording_changes_one_shard() {
        let mut all: Vec<_> = (0..5000).map(|n| utterance("A", n * 2)).collect();
        all.extend((0..50).map(|n| utterance("B", n)));
        let before = shards(all.iter());
        assert!((12..=30).contains(&before.len()), "{} shards", before.len());
        assert_eq!(before.iter().map(Vec::len).sum::<usize>(), 5050);
        all.push(utterance("A", 4001));
        let after = shards(all.iter());
        let changed = after.iter().filter(|shard| !before.contains(shard)).count();
        assert_eq!(changed, 1);
    }
}
