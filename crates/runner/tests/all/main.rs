//! Ops of the runner, from stored objects to stored objects.

mod bench;
mod corpora;
mod encoder;
mod figures;
mod functionals;
mod pictures;
mod standardise;
mod submissions;
mod waveforms;
