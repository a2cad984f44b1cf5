//! The tables from outside: what is written comes back, equal rows give equal bytes, and no file, however
//! mangled, does worse than an error.

mod mangled;
mod round_trips;
mod samples;
mod streams;
