//! Adam and AdamW with a state that can be saved.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::{NamedTensors, TorchError, shim};

/// The numbers of Adam (Kingma and Ba, arXiv 1412.6980), with the defaults of PyTorch's `Adam`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamConfig {
    /// The step size.
    pub learning_rate: f64,
    /// How slowly the mean of the gradients forgets.
    pub beta1: f64,
    /// How slowly the mean of their squares forgets.
    pub beta2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Whether it is added before the bias of the squares is corrected, as Keras does (the ε̂ of section 2 of the paper): in the
    /// first steps it then counts for up to √1000 times as much.
    pub epsilon_before_correction: bool,
    /// Times the parameter: what decays it.
    pub weight_decay: f64,
    /// Whether that, times the step size, is taken from the parameter before the step (AdamW: Loshchilov and Hutter,
    /// arXiv 1711.05101), or added to the gradient (L2).
    pub decoupled: bool,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self {
            learning_rate: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            epsilon_before_correction: false,
            weight_decay: 0.0,
            decoupled: false,
        }
    }
}

/// Adam over named parameters: `torch.optim.Adam(…, fused=True)` or `torch.optim.AdamW`, whose kernels it runs on either
/// device, so a step costs one launch however many parameters there are, or as many as there are learning rates.
#[derive(Debug)]
pub struct Adam {
    /// The numbers; may be changed between steps (a schedule does).
    pub config: AdamConfig,
    groups: Vec<Group>,
    /// The most steps that any parameter has seen.
    most_steps: i32,
}

/// Parameters of one learning rate.
#[derive(Debug)]
struct Group {
    /// What the step size is multiplied by.
    factor: f64,
    names: Vec<String>,
    parameters: Vec<Tensor>,
    means: Vec<Tensor>,
    squares: Vec<Tensor>,
    /// How many steps each parameter has seen, as f32 scalars on its device: what the kernel wants.
    steps: Vec<Tensor>,
}

impl Group {
    fn new(factor: f64, parameters: Vec<(String, Tensor)>) -> Self {
        let (names, parameters): (Vec<_>, Vec<_>) = parameters.into_iter().unzip();
        let zeros = || parameters.iter().map(|p| p.detach().zeros_like()).collect();
        let steps = parameters.iter().map(|p| Tensor::zeros([], (Kind::Float, p.device()))).collect();
        Self { factor, means: zeros(), squares: zeros(), steps, names, parameters }
    }

    /// All tensors that are remembered between steps, by name.
    fn slots(&self) -> impl Iterator<Item = (String, &Tensor)> {
        [("mean", &self.means), ("square", &self.squares), ("step", &self.steps)].into_iter().flat_map(
            |(slot, tensors)| {
                self.names.iter().zip(tensors).map(move |(name, t)| (format!("{slot}.{name}"), t))
            },
        )
    }
}

impl Adam {
    /// Adam for these parameters, before its first step.
    #[must_use]
    pub fn new(parameters: NamedTensors, config: AdamConfig) -> Self {
        Self::with_factors(parameters, config, |_| 1.0)
    }

    /// Adam that multiplies the step size of each parameter by a factor that its name gives.
    #[must_use]
    pub fn with_factors(parameters: NamedTensors, config: AdamConfig, factor: impl Fn(&str) -> f64) -> Self {
        let mut groups: Vec<(f64, Vec<(String, Tensor)>)> = Vec::new();
        for (name, parameter) in parameters {
            let factor = factor(&name);
            match groups.iter_mut().find(|(known, _)| known.to_bits() == factor.to_bits()) {
                Some((_, group)) => group.push((name, parameter)),
                None => groups.push((factor, vec![(name, parameter)])),
            }
        }
        let groups = groups.into_iter().map(|(factor, parameters)| Group::new(factor, parameters)).collect();
        Self { config, groups, most_steps: 0 }
    }

    /// Changes every parameter that has a gradient, and forgets the gradients.
    ///
    /// # Errors
    /// When libtorch refuses, as it does gradients on another device.
    pub fn step(&mut self) -> Result<(), TorchError> {
        self.step_unless(None)
    }

    /// As [`Adam::step`], but where the scalar `found_inf` is not 0 it only forgets the gradients: the kernel reads it, and
    /// nothing waits for the device. (Epsilon as Keras has it counts steps that were left out.)
    ///
    /// # Errors
    /// As [`Adam::step`].
    pub fn step_unless(&mut self, found_inf: Option<&Tensor>) -> Result<(), TorchError> {
        let AdamConfig { learning_rate, beta1, beta2, weight_decay, decoupled, .. } = self.config;
        self.most_steps += 1;
        let epsilon = if self.config.epsilon_before_correction {
            self.config.epsilon / (1.0 - beta2.powi(self.most_steps)).sqrt()
        } else {
            self.config.epsilon
        };
        for group in &self.groups {
            let learning_rate = learning_rate * group.factor;
            shim::adam_step(
                &shim::AdamTensors {
                    parameters: &group.parameters,
                    means: &group.means,
                    squares: &group.squares,
                    steps: &group.steps,
                },
                &shim::AdamNumbers { learning_rate, betas: (beta1, beta2), weight_decay, epsilon, decoupled },
                found_inf,
            )?;
        }
        self.forget_gradients()
    }

    /// Leaves every parameter without a gradient, as [`Adam::step`] does, but unchanged.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn forget_gradients(&self) -> Result<(), TorchError> {
        self.groups.iter().try_for_each(|group| shim::forget_gradients(&group.parameters))
    }

    /// All that it remembers between steps: `mean.<parameter>`, `square.<parameter>`, `step.<parameter>`. The
    /// tensors are its own, not copies.
    #[must_use]
    pub fn state(&self) -> NamedTensors {
        self.slots().map(|(name, tensor)| (name, tensor.shallow_clone())).collect()
    }

    /// Goes on from a state that [`Adam::state`] gave for the same parameters.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape. Nothing is changed then.
    pub fn load_state(&mut self, state: &NamedTensors) -> Result<(), AdamStateError> {
        for (name, tensor) in self.slots() {
            let saved = state.get(&name).ok_or_else(|| AdamStateError::Missing(name.clone()))?;
            let (found, expected) = (saved.size(), tensor.size());
            if found != expected {
                return Err(AdamStateError::Shape { name, found, expected });
            }
        }
        for (name, tensor) in self.slots() {
            tensor.shallow_clone().f_copy_(&state[&name]).map_err(TorchError::from)?;
        }
        let mut most_steps = 0.0_f64;
        for steps in self.groups.iter().flat_map(|group| &group.steps) {
            most_steps = most_steps.max(steps.f_double_value(&[]).map_err(TorchError::from)?);
        }
        self.most_steps = most_steps as i32;
        Ok(())
    }

    fn slots(&self) -> impl Iterator<Item = (String, &Tensor)> {
        self.groups.iter().flat_map(Group::slots)
    }
}

/// The state of other parameters than these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdamStateError {
    /// A tensor is missing.
    #[error("the saved optimiser has no `{0}`: it belongs to another network")]
    Missing(String),
    /// A tensor has another shape.
    #[error(
        "the saved optimiser's `{name}` is {found:?} where {expected:?} is needed: it belongs to another network"
    )]
    Shape {
        /// The tensor.
        name: String,
        /// The saved shape.
        found: Vec<i64>,
        /// The shape needed.
        expected: Vec<i64>,
    },
    /// libtorch refused.
    #[error(transparent)]
    Torch(#[from] TorchError),
}
