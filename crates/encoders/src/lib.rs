//! Checkpoints of wav2vec 2.0: from wherever they come into one canonical form, and back into the world.

mod card;
pub mod hub;

pub use card::EncoderCard;
pub use hub::{Hub, Located, NotLocated, Repository, locate};
