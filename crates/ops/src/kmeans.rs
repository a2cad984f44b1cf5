//! `kmeans`: the frames of the training rows are put into clusters, for one or several numbers of them.

use affekt_graph::Place;
use affekt_spec::prose::{listed, plural};
use affekt_spec::{Field, Limits, Spec};

use crate::operation::{InputPort, Operation, OutputPort, Purpose};
use crate::{Kind, Sentence, Topic, kind};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq, Spec)]
pub struct Params {
    /// Number of clusters of each clustering, no number twice.
    #[spec(range = 2..=65_536, read = read_clusters)]
    pub clusters: Vec<u32>,
    /// How often centres are moved.
    #[spec(default = 20, range = 1..=10_000)]
    pub iterations: u32,
    /// Where centres begin.
    #[spec(default = Seeding::Random)]
    pub seeding: Seeding,
    /// What that is drawn from.
    #[spec(default = 0, range = 0..=u32::MAX, free)]
    pub seed: u64,
}

/// Where centres begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Spec)]
pub enum Seeding {
    /// At frames drawn at random.
    Random,
    /// At frames far from one another (Arthur and Vassilvitskii, 2007).
    #[spec(name = "k-means++")]
    PlusPlus,
}

/// The operation.
pub struct Kmeans;

impl Operation for Kmeans {
    type Params = Params;

    const NAME: &'static str = "kmeans";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "the frames of the training rows are put into clusters";
    const INPUTS: &'static [InputPort] =
        &[InputPort::one("states", &[Kind::States]), InputPort::one("train", &[kind::TRAIN])];
    const OUTPUTS: &'static [OutputPort] =
        &[OutputPort::new("labels", Kind::PseudoLabels), OutputPort::new("clusters", Kind::Clusters)];
    const PLACE: Place = Place::Worker;
    const PURPOSE: Purpose = Purpose::Pretrain;

    fn prose(params: &Params) -> Vec<Sentence> {
        let seeding = match params.seeding {
            Seeding::Random => "at frames drawn at random",
            Seeding::PlusPlus => "by k-means++",
        };
        vec![Topic::Pretraining.says(format!(
            "The states of all training frames were put into {} clusters, a clustering each, by k-means of {} begun {seeding}.",
            listed(&params.clusters),
            plural(params.iterations as usize, "iteration"),
        ))]
    }
}

fn read_clusters(field: Field<'_>, limits: &Limits) -> Option<Vec<u32>> {
    let mut clusters: Vec<u32> = Vec::new();
    for item in field.list() {
        match u32::read(item, limits) {
            Some(count) if clusters.contains(&count) => {
                field.diagnostics().error(&item.node.span, format!("{count} clusters are asked for twice"));
            }
            count => clusters.extend(count),
        }
    }
    if clusters.is_empty() {
        field.diagnostics().error(&field.node.span, "`clusters` lists no number of clusters");
    }
    Some(clusters)
}
