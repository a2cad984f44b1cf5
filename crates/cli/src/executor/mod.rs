//! Running nodes by jobs of a batch system.
//!
//! The runner hands out groups of nodes ([`Jobs`]), each a job: `affekt job` resolves the same experiment against the same store,
//! runs what it was given and what that lacks, and files the results itself. Between runner and jobs there is nothing but files
//! ([`batch`]), so that either may end before the other.

pub mod batch;
mod jobs;
pub mod profile;
mod script;
mod system;

pub use jobs::Jobs;
