//! Computing in half precision where that is safe.

use std::marker::PhantomData;

use tch::{Device, Kind};

use crate::shim;

/// While it lives, libtorch's operations on one kind of device, called from this thread, cast their inputs: products and
/// convolutions to half precision, losses and the like to f32. `torch.autocast(…)`. What was set before holds again when
/// it goes; and when the outermost goes, so do the casts of parameters that were kept, each of which is cast once.
///
/// The backward pass computes as the forward pass did and wants no guard. A cast of a parameter that is first made where
/// gradients are off is kept without a history: evaluate and train under guards of their own.
///
/// On machines without a GPU a guard for one changes nothing.
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct Autocast {
    device: Device,
    before: Option<Kind>,
    /// The setting is a thread's own.
    thread: PhantomData<*const ()>,
}

impl Autocast {
    /// From now on, in `kind` on devices such as `device`, be it [`Kind::BFloat16`] or [`Kind::Half`].
    ///
    /// # Errors
    /// When `kind` is another one.
    pub fn new(device: Device, kind: Kind) -> Result<Self, AutocastError> {
        if !HALVES.contains(&kind) {
            return Err(AutocastError(kind));
        }
        let before = setting(device);
        shim::autocast_begins();
        set(device, Some(kind));
        Ok(Self { device, before, thread: PhantomData })
    }
}

/// Computes `body` in the element types of its inputs, whatever guards live.
pub fn without_autocast<T>(body: impl FnOnce() -> T) -> T {
    Settings([None; 2]).hold(body)
}

impl Drop for Autocast {
    fn drop(&mut self) {
        shim::autocast_ends();
        set(self.device, self.before);
    }
}

/// An element type that is not half of f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("autocast to {0:?}: expected BFloat16 or Half")]
pub struct AutocastError(pub Kind);

const HALVES: [Kind; 2] = [Kind::Half, Kind::BFloat16];

/// What holds in this thread, on the CPU and on GPUs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings([Option<Kind>; 2]);

const DEVICES: [Device; 2] = [Device::Cpu, Device::Cuda(0)];

impl Settings {
    pub(crate) fn now() -> Self {
        Self(DEVICES.map(setting))
    }

    /// Calls `body` with these settings and without keeping casts: none that is made here may be seen outside, where
    /// gradients may be on when they are off here.
    pub(crate) fn hold<T>(self, body: impl FnOnce() -> T) -> T {
        let _restored = Restored { settings: Self::now(), kept: shim::set_autocast_cache(false) };
        self.set();
        body()
    }

    fn set(self) {
        for (device, kind) in DEVICES.into_iter().zip(self.0) {
            set(device, kind);
        }
    }
}

/// Brings back what was, also when a body panics.
struct Restored {
    settings: Settings,
    kept: bool,
}

impl Drop for Restored {
    fn drop(&mut self) {
        self.settings.set();
        shim::set_autocast_cache(self.kept);
    }
}

/// What holds in this thread on devices such as this one.
pub(crate) fn setting(device: Device) -> Option<Kind> {
    let number = shim::autocast(device);
    HALVES.into_iter().find(|kind| element_type(*kind) == number)
}

fn set(device: Device, kind: Option<Kind>) {
    shim::set_autocast(device, kind.map_or(-1, element_type));
}

/// The number of `c10::ScalarType`.
const fn element_type(kind: Kind) -> i32 {
    match kind {
        Kind::Half => 5,
        Kind::BFloat16 => 15,
        _ => -1,
    }
}
