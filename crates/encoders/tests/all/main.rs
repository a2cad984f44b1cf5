//! Checkpoints that are read, those that are refused, and those that are written. The files were made by
//! `tests/goldens/encoders/make.py`.

mod formats;
mod refusals;
mod speech;
mod support;
mod vgg16;
mod writing;
