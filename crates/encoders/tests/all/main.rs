//! What is read from checkpoints, what is refused, and what is written. `tests/goldens/encoders/make.py` made the files.

mod formats;
mod refusals;
mod support;
mod vgg16;
mod writing;
