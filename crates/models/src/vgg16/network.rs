//! Base and classifier together. There are two ways in: pictures, for the whole of it, or what a [`super::Bottleneck`] has
//! made of them, for what is behind the convolutions that are frozen.

use affekt_spec::encoder::{Normalisation, Vgg16Config};
use affekt_spec::network::{FreezeBase, Vgg16NetworkConfig};
use affekt_torch::init::Vars;
use tch::Tensor;
use tch::nn::{Module, ModuleT};

use super::classifier::Classifier;
use super::convolutions::{Convolutions, side};
use super::pixels::normalised;
use super::unfreeze::Cut;
use crate::BuildError;
use crate::network::library;

/// Returns what of the base is frozen, and what trained.
pub(crate) fn cut(config: &Vgg16NetworkConfig) -> Result<Cut, BuildError> {
    match (config.freeze, config.unfreeze) {
        (FreezeBase::Base, unfreeze) => Cut::of(&config.encoder, unfreeze),
        (FreezeBase::None, None) => Cut::nothing(&config.encoder),
        (FreezeBase::None, Some(_)) => Err(BuildError::NothingFrozen),
    }
}

/// B4.
#[derive(Debug)]
pub struct Vgg16 {
    entry: Entry,
    convolutions: Convolutions,
    classifier: Classifier,
}

/// What comes in.
#[derive(Debug)]
enum Entry {
    /// `[batch, 3, height, width]`
    Pictures(Normalisation),
    /// What frozen convolutions gave, `[batch, channels, height · width]`, for convolutions of such maps.
    Maps([i64; 3]),
    /// The same, for the classifier.
    Flat,
}

impl Vgg16 {
    /// The whole network, for pictures of so many colours, rows and columns.
    pub fn of_pictures(
        vars: &Vars,
        config: &Vgg16NetworkConfig,
        shape: [usize; 3],
        outputs: usize,
    ) -> Result<Self, BuildError> {
        let Cut { frozen, trained } = cut(config)?;
        let layers = [frozen, trained].concat();
        let size = checked_picture(&config.encoder, shape)?;
        let entry = Entry::Pictures(config.encoder.normalisation);
        Self::new(vars, config, entry, Convolutions::new(vars, &layers), side(&layers, size), outputs)
    }

    /// What is behind the frozen convolutions, for what those give: maps of so many channels and places.
    pub fn of_bottleneck(
        vars: &Vars,
        config: &Vgg16NetworkConfig,
        shape: [usize; 2],
        outputs: usize,
    ) -> Result<Self, BuildError> {
        let Cut { frozen, trained } = cut(config)?;
        let refused = |why: String| Err(BuildError::Bottleneck { shape, why });
        let Some(last) = frozen.last() else {
            return refused("nothing of the base is frozen: give the network pictures".to_owned());
        };
        let [channels, places] = shape;
        if channels != last.outputs {
            return refused(format!(
                "the frozen convolutions give {} channels: give `bottleneck` and the network the same `unfreeze`",
                last.outputs
            ));
        }
        if trained.is_empty() {
            return Self::new(vars, config, Entry::Flat, Convolutions::new(vars, &[]), [1, places], outputs);
        }
        // Pictures are as wide as high; only their area is left here.
        let height = places.isqrt();
        let left = side(&trained, [height, height]);
        if height * height != places || left.contains(&0) {
            return refused(format!(
                "{places} places are no square that {} pools leave something of",
                trained.iter().filter(|layer| layer.is_last).count()
            ));
        }
        let entry = Entry::Maps([channels, height, height].map(|size| size as i64));
        Self::new(vars, config, entry, Convolutions::new(vars, &trained), left, outputs)
    }

    fn new(
        vars: &Vars,
        config: &Vgg16NetworkConfig,
        entry: Entry,
        convolutions: Convolutions,
        [height, width]: [usize; 2],
        outputs: usize,
    ) -> Result<Self, BuildError> {
        let channels = config.encoder.channels.last().copied().unwrap_or(0);
        let inputs = channels * height * width;
        let vars = &vars.of(library(config.defaults));
        let classifier = Classifier::new(vars, inputs, &config.hidden, config.dropout, outputs)?;
        Ok(Self { entry, convolutions, classifier })
    }
}

/// The height and width of pictures that a base can read.
pub fn checked_picture(config: &Vgg16Config, shape: [usize; 3]) -> Result<[usize; 2], BuildError> {
    let [colours, height, width] = shape;
    if colours != 3 {
        return Err(BuildError::Pictures { shape, why: "3 colours are expected".to_owned() });
    }
    if side(&config.layers(), [height, width]).contains(&0) {
        let pools = config.channels.len();
        let why = format!("{pools} pools leave nothing of them: try larger ones, or fewer `channels`");
        return Err(BuildError::Pictures { shape, why });
    }
    Ok([height, width])
}

impl ModuleT for Vgg16 {
    /// Pictures `[batch, 3, height, width]`, or `[batch, channels, places]` of a bottleneck, to `[batch, outputs]`.
    fn forward_t(&self, xs: &Tensor, train: bool) -> Tensor {
        let xs = match self.entry {
            Entry::Pictures(normalisation) => normalised(xs, normalisation),
            Entry::Maps([channels, height, width]) => xs.view([-1, channels, height, width]),
            Entry::Flat => xs.shallow_clone(),
        };
        self.classifier.forward_t(&self.convolutions.forward(&xs).flatten(1, -1), train)
    }
}
