//! Properties of tables: what is written can be read, equal rows give equal bytes, and no mangled file causes more
//! than an error.

mod everything;
mod mangled;
mod polars;
mod pseudo_labels;
mod round_trips;
mod samples;
mod states;
mod streams;
