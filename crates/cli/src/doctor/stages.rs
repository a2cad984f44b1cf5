//! The training stages whose steps are timed: as the shipped experiments have them, with encoders of the published sizes.

use std::collections::BTreeSet;
use std::path::Path;

use affekt_config::Diagnostics;
use affekt_encoders::Hub;
use affekt_ops::doctor::{Stage, StageLearner, StageSize};
use affekt_ops::{kmeans, pretrain, train};
use affekt_pipeline::{Compiled, Environment, compile};
use affekt_spec::encoder::{Architecture, EncoderConfig};
use affekt_spec::network::NetworkConfig;
use affekt_spec::training::{Batching, Objective};
use serde::de::DeserializeOwned;

use crate::exit::{Stop, error};
use crate::place;

/// A stage of a shipped experiment.
struct Shipped {
    name: &'static str,
    experiment: &'static str,
    /// The variant, where there are several.
    variant: Option<&'static str>,
    step: &'static str,
    /// Whether that is `pretrain`, else `train`.
    pretrains: bool,
    reads: Reads,
    /// Classes, or values.
    outputs: usize,
    /// Rows and seconds, and layers of the transformer, that a CPU is given.
    on_cpu: (usize, f64, usize),
}

/// What a stage reads.
enum Reads {
    /// Clips of so many seconds, by an encoder.
    Clips(f64, Architecture),
    /// Bands and frames.
    Frames([usize; 2]),
}

/// Clips of C are those that training cuts at 10 s; D's are 2.2 s long in the mean, 3 s is what a batch of them is padded to.
const STAGES: [Shipped; 6] = [
    Shipped {
        name: "V-FT",
        experiment: "vft",
        variant: None,
        step: "finetune",
        pretrains: false,
        reads: Reads::Clips(10.0, Architecture::Base),
        outputs: 4,
        on_cpu: (2, 1.0, 4),
    },
    Shipped {
        name: "TAPT",
        experiment: "tapt",
        variant: None,
        step: "tapt",
        pretrains: true,
        reads: Reads::Clips(10.0, Architecture::Base),
        outputs: 4,
        on_cpu: (2, 1.0, 4),
    },
    Shipped {
        name: "P-TAPT",
        experiment: "ptapt",
        variant: None,
        step: "ptapt",
        pretrains: true,
        reads: Reads::Clips(10.0, Architecture::Base),
        outputs: 4,
        on_cpu: (2, 1.0, 4),
    },
    Shipped {
        name: "D",
        experiment: "avb-final",
        variant: Some("high"),
        step: "train",
        pretrains: false,
        reads: Reads::Clips(3.0, Architecture::LargeLv60k),
        outputs: 10,
        on_cpu: (2, 1.0, 2),
    },
    Shipped {
        name: "B3",
        experiment: "parallel-cnn",
        variant: None,
        step: "train",
        pretrains: false,
        reads: Reads::Frames([128, 94]),
        outputs: 7,
        on_cpu: (32, 0.0, 0),
    },
    Shipped {
        name: "VGG16",
        experiment: "vgg16",
        variant: Some("three-blocks"),
        step: "train",
        pretrains: false,
        // What the first two blocks give of 224 × 224 pixels.
        reads: Reads::Frames([128, 56 * 56]),
        outputs: 7,
        on_cpu: (2, 0.0, 0),
    },
];

/// Lists the stages.
///
/// # Errors
/// When a shipped experiment is not as it was shipped.
pub fn stages() -> Result<Vec<Stage>, Stop> {
    STAGES.iter().map(Shipped::stage).collect()
}

impl Shipped {
    fn stage(&self) -> Result<Stage, Stop> {
        let compiled = self.compiled()?;
        let (learner, size) = match self.reads {
            Reads::Frames(shape) => {
                let params: train::Params = self.params(&compiled, self.step)?;
                let rows = params.training.optimisation.batch_size;
                (self.training(params, Some(shape)), StageSize { rows, seconds: 0.0, layers: 0 })
            }
            Reads::Clips(seconds, architecture) => self.clips(&compiled, seconds, architecture)?,
        };
        let (rows, seconds, layers) = self.on_cpu;
        Ok(Stage { name: self.name.to_owned(), learner, size, on_cpu: StageSize { rows, seconds, layers } })
    }

    /// Reads what trains or pretrains an encoder, which passes over no layer: every step is then the same.
    fn clips(
        &self,
        compiled: &Compiled,
        seconds: f64,
        architecture: Architecture,
    ) -> Result<(StageLearner, StageSize), Stop> {
        let encoder = EncoderConfig { layerdrop: 0.0, ..architecture.config() };
        let all_layers = encoder.num_hidden_layers;
        if self.pretrains {
            let params: pretrain::Params = self.params(compiled, self.step)?;
            let clusters = match &params.objective {
                Objective::Contrastive(_) => Vec::new(),
                Objective::PseudoLabels(_) => {
                    let clusters: kmeans::Params = self.params(compiled, "clusters")?;
                    clusters.clusters.into_iter().map(|clusters| clusters as usize).collect()
                }
            };
            let rows = match params.training.optimisation.batching {
                Batching::Bucketed { seconds: Some(of_batch), .. } => (of_batch / seconds).ceil() as usize,
                _ => params.training.optimisation.batch_size,
            };
            let size = StageSize { rows, seconds, layers: all_layers };
            let (params, encoder) = (Box::new(params), Box::new(encoder));
            return Ok((StageLearner::Pretrain { params, encoder, clusters }, size));
        }
        let mut params: train::Params = self.params(compiled, self.step)?;
        let mut layers = all_layers;
        if let NetworkConfig::Wav2Vec2(network) = &mut params.network {
            network.encoder = encoder.into();
            network.normalise = matches!(architecture, Architecture::LargeLv60k | Architecture::Xlsr53);
            layers = network.layer.highest(layers);
        }
        let rows = params.training.optimisation.batch_size;
        Ok((self.training(params, None), StageSize { rows, seconds, layers }))
    }

    fn training(&self, params: train::Params, frames: Option<[usize; 2]>) -> StageLearner {
        StageLearner::Train { params: Box::new(params), outputs: self.outputs, frames }
    }

    fn compiled(&self) -> Result<Compiled, Stop> {
        let environment = Environment {
            folders: place::folders(),
            settings: Vec::new(),
            device: "cpu".to_owned(),
            libtorch: String::new(),
            without: BTreeSet::new(),
            without_variants: BTreeSet::new(),
            hub: Hub::of_environment(),
        };
        let diagnostics = Diagnostics::new();
        let path = format!("experiments/{}.yaml", self.experiment);
        compile(Path::new(&path), &environment, &diagnostics)
            .ok_or_else(|| Stop::wrong(diagnostics.render(/* colours */ false)))
    }

    /// Reads the parameters of one of its experiment's steps.
    fn params<T: DeserializeOwned>(&self, compiled: &Compiled, step: &str) -> Result<T, Stop> {
        let of_variant =
            |id: &str| self.variant.is_none_or(|variant| id.contains(&format!("variant={variant}")));
        let mut nodes = compiled.graph.nodes().values();
        let node = nodes.find(|node| node.id.name() == step && of_variant(node.id.as_str()));
        let Some(node) = node else {
            return Err(Stop::wrong(format!("error: `{}` has no step `{step}`", self.experiment)));
        };
        serde_json::from_value((*node.params).clone())
            .map_err(|cause| error(&format!("failed to read the parameters of `{}`", node.id), &cause))
    }
}

#[cfg(test)]
mod tests {
    use affekt_spec::network::{Freeze, Unfreeze};

    use super::*;

    #[test]
    fn stages_are_those_of_the_shipped_experiments() {
        let stages = stages().unwrap_or_else(|stop| panic!("{}", stop.text()));
        let sizes: Vec<_> =
            stages.iter().map(|stage| (stage.name.as_str(), stage.size.rows, stage.size.seconds)).collect();
        let expected = [
            ("V-FT", 64, 10.0),
            ("TAPT", 64, 10.0),
            ("P-TAPT", 25, 10.0),
            ("D", 16, 3.0),
            ("B3", 32, 0.0),
            ("VGG16", 32, 0.0),
        ];
        assert_eq!(sizes, expected);
        assert_eq!(stages.iter().map(|stage| stage.size.layers).collect::<Vec<_>>(), [12, 12, 12, 12, 0, 0]);
        let StageLearner::Train { params, .. } = &stages[0].learner else { panic!("{:?}", stages[0]) };
        let NetworkConfig::Wav2Vec2(network) = &params.network else { panic!("{params:?}") };
        assert_eq!(
            (network.freeze, params.training.optimisation.lr),
            (Freeze::FeatureEncoderAndProjection, 1e-4)
        );
        let StageLearner::Pretrain { clusters, .. } = &stages[2].learner else { panic!("{:?}", stages[2]) };
        assert_eq!(clusters, &[64, 512, 4096]);
        let StageLearner::Train { params, .. } = &stages[5].learner else { panic!("{:?}", stages[5]) };
        let NetworkConfig::Vgg16(network) = &params.network else { panic!("{params:?}") };
        assert_eq!(network.unfreeze, Some(Unfreeze::Blocks(3)));
    }
}
