//! The tables from outside: what is written comes back, equal rows give equal bytes, and no file, however
//! mangled, does worse than an error.

mod mangled;
mod pseudo_labels;
mod round_trips;
mod samples;
mod states;
mod streams;
