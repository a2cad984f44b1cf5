//! VGG16 (Simonyan & Zisserman, arXiv 1409.1556) over pictures, B4: its convolutions as they were trained on ImageNet, all or
//! most of them frozen, and a classifier of its own behind them.
//!
//! ```text
//! [3, 224, 224] ─ pixels ─ frozen convolutions ─┬─ trained convolutions ─ flatten ─ hidden ─ dropout ─ hidden ─ output
//!                                 [512, 14·14]  │       [512, 7, 7]        25 088     512                192
//!                                               └ what a `Bottleneck` gives, once for all epochs
//! ```
//!
//! Tensors have torchvision's names: `features.0` to `features.28`, `classifier.0`, `.3` and `.5`. torchvision's network pools
//! to 7 × 7 before its classifier, which at 224 × 224 does nothing; here nothing stands in between.

mod bottleneck;
mod classifier;
mod convolutions;
mod network;
mod pixels;
mod unfreeze;

pub use affekt_spec::encoder::{Normalisation, Vgg16Config};
pub use affekt_spec::network::{FreezeBase, Unfreeze, Vgg16NetworkConfig};
pub use bottleneck::{Bottleneck, drawn};
pub use pixels::normalised;

pub(crate) use network::{Vgg16, cut};
