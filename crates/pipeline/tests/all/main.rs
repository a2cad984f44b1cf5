//! Experiments compiled from YAML: what becomes of them, and what is said where they make no sense.

mod advice;
mod bottlenecks;
mod compiled;
mod documents_ab;
mod documents_cd;
mod profiles;
mod prose;
mod published_splits;
mod recipes;
mod resolved;
mod tuning;
