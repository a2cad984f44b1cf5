//! What becomes of training images.

use affekt_config::{Field, Value as Yaml};

use crate::{Limits, Spec};

/// What becomes of training images. Dev and test images are always as they are.
#[derive(Debug, Clone, Copy, PartialEq, Spec)]
pub struct Augment {
    /// Which of them are mirrored.
    #[spec(default = Flip::None)]
    pub flip: Flip,
    /// Largest angle that they are turned by, either way.
    #[spec(default = 0.0, range = 0.0..=180.0, unit = "°")]
    pub rotation: f64,
    /// How much more or less of themselves they show in height and width: 0.1 is from 0.9 (larger) to 1.1 (smaller).
    #[spec(default = 0.0, range = 0.0..1.0)]
    pub zoom: f64,
}

/// How images are mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Spec)]
pub enum Flip {
    /// Not at all.
    #[default]
    None,
    /// Left and right change places in every other image, at random: time goes backwards.
    Horizontal,
}

impl Augment {
    /// Returns whether pixels are interpolated.
    #[must_use]
    pub fn resamples(self) -> bool {
        self.rotation > 0.0 || self.zoom > 0.0
    }
}

/// Reads `none` or a section; one that asks for nothing is none.
pub(super) fn read(field: Field<'_>, limits: &Limits) -> Option<Option<Augment>> {
    if matches!(field.node.value, Yaml::Null) {
        return Some(None);
    }
    let read = <Option<Augment> as Spec>::read(field, limits)?;
    Some(read.filter(|augment| *augment != Augment::default()))
}
