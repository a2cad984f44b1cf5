//! Random numbers by the million: what networks begin with, and what dropout drops.
//!
//! The crate is small so that it can be optimised in every build (`docs/decisions/build-time.md`).

mod dropout;
mod stream;

pub use dropout::DropoutMask;
pub use stream::Random;
