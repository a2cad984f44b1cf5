//! The frozen convolutions alone. What they give of a picture never changes, so it is computed once and not every epoch.

use affekt_spec::encoder::Vgg16Config;
use affekt_spec::network::Unfreeze;
use affekt_torch::NamedTensors;
use affekt_torch::init::Vars;
use tch::nn::Module;
use tch::{Device, Tensor, nn};

use super::convolutions::{Convolutions, side};
use super::network::checked_picture;
use super::pixels::normalised;
use super::unfreeze::Cut;
use crate::loading::{Accounting, EncoderError, take_over};
use crate::network::caught;
use crate::{BuildError, ForwardError};

/// The convolutions of a base that stay frozen.
#[derive(Debug)]
pub struct Bottleneck {
    store: nn::VarStore,
    config: Vgg16Config,
    input: [usize; 3],
    shape: [usize; 2],
    convolutions: Convolutions,
}

impl Bottleneck {
    /// Those of a base that is frozen but for what `unfreeze` says, for pictures of so many colours, rows and columns. Their weights are a
    /// function of `seed`: the first ones of the network of that seed.
    ///
    /// # Errors
    /// When the configuration contradicts itself, the pictures are too small, or nothing stays frozen.
    pub fn new(
        config: &Vgg16Config,
        unfreeze: Option<Unfreeze>,
        input: [usize; 3],
        seed: u64,
        device: Device,
    ) -> Result<Self, BuildError> {
        let Cut { frozen, .. } = Cut::of(config, unfreeze)?;
        let [height, width] = side(&frozen, checked_picture(config, input)?);
        let Some(last) = frozen.last() else { return Err(BuildError::NothingFrozen) };
        let shape = [last.outputs, height * width];
        let store = nn::VarStore::new(device);
        let convolutions = Convolutions::new(&Vars::new(&store, seed), &frozen);
        Ok(Self { store, config: config.clone(), input, shape, convolutions })
    }

    /// Takes over the weights of a checkpoint under torchvision's names.
    ///
    /// # Errors
    /// When it has not every parameter that is needed in its shape. Nothing is changed then.
    pub fn load(&mut self, checkpoint: &NamedTensors) -> Result<Accounting, EncoderError> {
        take_over(&self.weights(), checkpoint)
    }

    /// All its tensors, under torchvision's names. They are its own, not copies.
    #[must_use]
    pub fn weights(&self) -> NamedTensors {
        self.store.variables().into_iter().map(|(name, tensor)| (name, tensor.detach())).collect()
    }

    /// Channels, and places of each: height · width.
    #[must_use]
    pub const fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// Pictures `[batch, 3, height, width]`, u8 or f32 in 0..255, to `[batch, channels, height · width]`.
    ///
    /// # Errors
    /// When they are of another size than it was made for, or libtorch refuses.
    pub fn forward(&self, pictures: &Tensor) -> Result<Tensor, ForwardError> {
        let _guard = tch::no_grad_guard();
        if pictures.size().get(1..) != Some(&self.input.map(|size| size as i64)[..]) {
            return Err(ForwardError::Pictures { found: pictures.size(), expected: self.input });
        }
        caught(|| {
            let xs = normalised(&pictures.to_device(self.store.device()), self.config.normalisation);
            Ok(self.convolutions.forward(&xs).flatten(2, 3))
        })
    }
}

/// The weights of a whole base that nobody trained, a function of `seed`.
///
/// # Errors
/// When the configuration contradicts itself.
pub fn drawn(config: &Vgg16Config, seed: u64) -> Result<NamedTensors, BuildError> {
    let Cut { frozen, .. } = Cut::of(config, None)?;
    let store = nn::VarStore::new(Device::Cpu);
    let _ = Convolutions::new(&Vars::new(&store, seed), &frozen);
    Ok(store.variables().into_iter().map(|(name, tensor)| (name, tensor.detach())).collect())
}
