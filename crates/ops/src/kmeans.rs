//! `kmeans`: the frames of the training rows are put into clusters, for one or several numbers of them.

use affekt_config::Section;
use affekt_graph::Place;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::definition::{Definition, Grain, InputPort, OutputPort, plain};
use crate::{Kind, kind};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// How many clusters each clustering has.
    pub clusters: Vec<u32>,
    /// How often centres are moved.
    pub iterations: u32,
    /// Where centres begin.
    pub seeding: Seeding,
    /// What that is drawn from.
    pub seed: u64,
}

/// Where centres begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seeding {
    /// At frames drawn at random.
    Random,
    /// At frames far from one another (Arthur and Vassilvitskii, 2007).
    #[serde(rename = "k-means++")]
    PlusPlus,
}

/// The op.
pub const DEFINITION: Definition = Definition {
    name: "kmeans",
    version: 1,
    about: "the frames of the training rows are put into clusters",
    inputs: &[InputPort::one("states", &[Kind::States]), InputPort::one("train", &[kind::TRAIN])],
    outputs: &[OutputPort::new("labels", Kind::PseudoLabels), OutputPort::new("clusters", Kind::Clusters)],
    params: read,
    grain: Grain::Whole,
    place: Place::Worker,
    seeded: false,
    source: false,
};

/// As many as 16 bits number.
const MOST: u32 = 65_536;

fn read(section: &mut Section<'_>) -> Value {
    let mut clusters: Vec<u32> = Vec::new();
    if let Some(field) = section.required("clusters") {
        for field in field.list() {
            match field.integer(2..=MOST) {
                Some(count) if clusters.contains(&count) => {
                    let message = format!("{count} clusters are asked for twice");
                    section.diagnostics().error(&field.node.span, message);
                }
                count => clusters.extend(count),
            }
        }
        if clusters.is_empty() {
            section.diagnostics().error(section.span(), "`clusters` lists no number of clusters");
        }
    }
    let seedings = [("random", Seeding::Random), ("k-means++", Seeding::PlusPlus)];
    plain(&Params {
        clusters,
        iterations: section.integer("iterations", 20, 1..=10_000),
        seeding: section.one_of("seeding", Seeding::Random, &seedings),
        seed: section.integer("seed", 0_u32, 0..).into(),
    })
}
