//! Features against librosa, and what a plan must promise whatever the reference.

mod golden;
mod logmel;
mod mfcc;
