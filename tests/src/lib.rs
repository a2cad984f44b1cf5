//! End to end: the built runner and worker, started as a user would.
//!
//! Every test has a [`lab`] of its own: a folder with an experiment, recordings, a store and runs. What ran is read
//! from the run's journal, not guessed from times. `cargo xtask test` builds the binaries first.
#![cfg(test)]

// What the tests are made of.
mod binaries;
mod corpora;
mod journal;
mod lab;
mod stand_in;

// What they prove.
mod afterwards;
mod at_once;
mod bad_audio;
mod caching;
mod compare;
mod disorder;
mod doctor;
mod encoders;
mod fetch;
mod field_cases;
mod fits;
mod flipped_bits;
mod full_disk;
mod gpus;
mod invariants;
mod jobs;
mod keys;
mod kills;
mod leaks;
mod limits;
mod lost_output;
mod mistakes;
mod one_build;
mod own_corpus;
mod own_folder;
mod permissions;
mod plans;
mod pretraining;
mod profiles;
mod protocols;
mod resolved;
mod runs;
mod secrets;
mod sharing;
mod slurm;
mod store;
mod sweeps;
mod tuning;
mod verify;
