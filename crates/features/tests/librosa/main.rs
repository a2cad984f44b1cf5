//! Features compared with librosa, spectrogram images with PyTorch and matplotlib, and properties independent of
//! references.

mod golden;
mod logmel;
mod mfcc;
mod spectrogram_image;
