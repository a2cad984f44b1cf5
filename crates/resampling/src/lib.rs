//! Sums over draws with replacement, as the bootstrap needs them: a crate of its own, which is optimised.
//!
//! A draw of `n` clusters is the number of times that it has each of them. The sums of many draws are therefore a product of
//! matrices, `[draws, clusters] × [clusters, columns]`: [`Draws`] makes the first, [`Columns`] holds the second, and
//! [`Times::sums`] multiplies them, blocked for the caches and on all cores.
//!
//! Each sum is made in the order of the clusters, in f64 and without fused multiplication: it is the same to the last bit on
//! every machine and with any number of threads.

mod columns;
mod draws;
mod product;

pub use columns::Columns;
pub use draws::{Draws, Times};
