//! Results elsewhere: a folder, a host reached by SSH, a bucket that speaks S3.
//!
//! A [`Location`] names one, [`open`] makes a [`Remote`] of it, which knows nothing but files under the names that they have
//! in a store ([`Item`]). [`push`] and [`pull`] move results whole, [`Tier`] hands them to a run that would otherwise compute
//! them. Nothing that arrives is believed: an object must have the digest that it is named for, a record its own.

mod error;
mod folder;
mod item;
mod location;
mod parallel;
mod pull;
mod push;
mod remote;
#[cfg(feature = "s3")]
mod s3;
mod ssh;
mod tier;

pub use error::RemoteError;
pub use item::Item;
pub use location::Location;
pub use pull::{Pulled, pull};
pub use push::{Pushed, push};
pub use remote::{Access, Progress, Remote, Transfer, open};
pub use tier::Tier;
