//! Scaling of losses for gradients in fp16.

use tch::{Device, Kind, Tensor};

use crate::{NamedTensors, TorchError, shim};

/// Multiplies losses, so that gradients in fp16 do not vanish, and divides the gradients again: `torch.amp.GradScaler`
/// (Micikevicius et al., arXiv 1710.03740). A step whose gradients are not finite is left out, and the scale is halved; after 2 000
/// steps without one it is doubled. Nothing waits for the device: the optimiser's kernel itself reads whether to leave the step out.
#[derive(Debug)]
pub struct GradScaler {
    /// f32 scalar.
    scale: Tensor,
    /// How many steps there were since the scale last changed, i32 scalar.
    good_steps: Tensor,
    /// 1 where a gradient of the current step is not finite, else 0; f32 scalar.
    found_inf: Tensor,
    /// How many steps were left out, f32 scalar.
    left_out: Tensor,
}

/// Where the scale begins.
const FIRST_SCALE: f64 = 65_536.0;
const GROWTH: f64 = 2.0;
const BACKOFF: f64 = 0.5;
const GROWTH_INTERVAL: i64 = 2_000;

/// A scale below which gradients that are not finite are not the scale's fault.
const LEAST_SCALE: f64 = 1.0 / 65_536.0;

impl GradScaler {
    /// Begins on a device.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn new(device: Device) -> Result<Self, TorchError> {
        let scalar = |value: f64, kind: Kind| Tensor::f_full([], value, (kind, device));
        Ok(Self {
            scale: scalar(FIRST_SCALE, Kind::Float)?,
            good_steps: scalar(0.0, Kind::Int)?,
            found_inf: scalar(0.0, Kind::Float)?,
            left_out: scalar(0.0, Kind::Float)?,
        })
    }

    /// Returns a loss times the scale.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn scaled(&self, loss: &Tensor) -> Result<Tensor, TorchError> {
        Ok(loss.f_mul(&self.scale)?)
    }

    /// Divides the gradients of a step by the scale, and takes note whether all are finite.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn unscale(&mut self, parameters: &[Tensor]) -> Result<(), TorchError> {
        let _ = self.found_inf.f_zero_()?;
        shim::unscale_gradients(parameters, &self.scale, &self.found_inf)
    }

    /// Returns what tells the optimiser to leave a step out: 1, else 0.
    pub fn found_inf(&self) -> &Tensor {
        &self.found_inf
    }

    /// Chooses the scale of the next step.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn update(&mut self) -> Result<(), TorchError> {
        let _ = self.left_out.f_add_(&self.found_inf)?;
        shim::update_scale(&self.scale, &self.good_steps, &self.found_inf, GROWTH, BACKOFF, GROWTH_INTERVAL)
    }

    /// Returns whether gradients are not finite however small the scale is. Waits for the device.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn has_given_up(&self) -> Result<bool, TorchError> {
        Ok(self.scale.f_double_value(&[])? < LEAST_SCALE)
    }

    /// Returns how many steps were left out. Waits for the device.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn left_out(&self) -> Result<u64, TorchError> {
        Ok(self.left_out.f_double_value(&[])? as u64)
    }

    /// Returns all that it remembers between steps. The tensors are its own, not copies.
    #[must_use]
    pub fn state(&self) -> NamedTensors {
        self.slots().into_iter().map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone())).collect()
    }

    /// Goes on from a state that [`GradScaler::state`] gave. What is missing in it stays.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn load_state(&mut self, state: &NamedTensors) -> Result<(), TorchError> {
        for (name, tensor) in self.slots() {
            if let Some(saved) = state.get(name) {
                tensor.shallow_clone().f_copy_(saved)?;
            }
        }
        Ok(())
    }

    fn slots(&self) -> [(&'static str, &Tensor); 3] {
        [
            ("scaler.scale", &self.scale),
            ("scaler.good_steps", &self.good_steps),
            ("scaler.left_out", &self.left_out),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adam, AdamConfig};

    fn parameter() -> Tensor {
        Tensor::ones([3], (Kind::Float, Device::Cpu)).set_requires_grad(true)
    }

    fn adam(parameter: &Tensor) -> Adam {
        Adam::new([("weight".to_owned(), parameter.shallow_clone())].into(), AdamConfig::default())
    }

    fn scale(scaler: &GradScaler) -> f64 {
        scaler.scale.double_value(&[])
    }

    /// A step whose loss is the sum of the parameter times `factor`.
    fn step(parameter: &Tensor, adam: &mut Adam, scaler: &mut GradScaler, factor: f64) {
        scaler.scaled(&(parameter.sum(Kind::Float) * factor)).unwrap().backward();
        scaler.unscale(std::slice::from_ref(parameter)).unwrap();
        adam.step_unless(Some(scaler.found_inf())).unwrap();
        scaler.update().unwrap();
    }

    #[test]
    fn a_scaled_step_is_the_step() {
        let (plain, scaled) = (parameter(), parameter());
        let (mut adam_plain, mut adam_scaled) = (adam(&plain), adam(&scaled));
        let mut scaler = GradScaler::new(Device::Cpu).unwrap();
        for factor in [1.0, -0.25, 3.0] {
            (plain.sum(Kind::Float) * factor).backward();
            adam_plain.step().unwrap();
            step(&scaled, &mut adam_scaled, &mut scaler, factor);
        }
        assert_eq!(plain, scaled, "powers of two change no bit");
        assert_eq!(adam_plain.state(), adam_scaled.state());
        assert_eq!((scale(&scaler), scaler.left_out().unwrap()), (65_536.0, 0));
    }

    #[test]
    fn a_step_that_is_not_finite_is_left_out_and_the_scale_halved() {
        let parameter = parameter();
        let mut adam = adam(&parameter);
        let mut scaler = GradScaler::new(Device::Cpu).unwrap();
        step(&parameter, &mut adam, &mut scaler, 1.0);
        let (before, state) = (parameter.copy(), adam.state()["step.weight"].double_value(&[]));
        step(&parameter, &mut adam, &mut scaler, f64::INFINITY);
        assert_eq!(parameter, before);
        assert_eq!(adam.state()["step.weight"].double_value(&[]), state, "it does not count");
        assert!(adam.state()["mean.weight"].isfinite().all().double_value(&[]) == 1.0);
        assert_eq!((scale(&scaler), scaler.left_out().unwrap()), (32_768.0, 1));
        step(&parameter, &mut adam, &mut scaler, 1.0);
        assert_ne!(parameter, before, "the next one is made");
        assert!(!scaler.has_given_up().unwrap());
        for _ in 0..32 {
            step(&parameter, &mut adam, &mut scaler, f64::NAN);
        }
        assert!(scaler.has_given_up().unwrap());
    }

    #[test]
    fn the_scale_grows_again_and_is_saved() {
        let parameter = parameter();
        let mut adam = adam(&parameter);
        let mut scaler = GradScaler::new(Device::Cpu).unwrap();
        step(&parameter, &mut adam, &mut scaler, f64::NAN);
        for _ in 0..1_999 {
            step(&parameter, &mut adam, &mut scaler, 1.0);
        }
        assert_eq!(scale(&scaler), 32_768.0);
        let mut resumed = GradScaler::new(Device::Cpu).unwrap();
        resumed.load_state(&scaler.state()).unwrap();
        for scaler in [&mut scaler, &mut resumed] {
            step(&parameter, &mut adam, scaler, 1.0);
            assert_eq!((scale(scaler), scaler.left_out().unwrap()), (65_536.0, 1));
        }
    }
}
