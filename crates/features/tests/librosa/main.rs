//! Features against librosa, pictures of them against PyTorch and matplotlib, and what a plan must promise whatever the reference.

mod golden;
mod logmel;
mod mfcc;
mod picture;
