"""librosa's MFCC of a signal that a formula defines.

python 3.11, librosa 0.11.0, numpy 2.4.6, scipy 1.17.1
usage: make.py (writes beside itself; little-endian f32, row-major [n_mfcc, frames])
"""

from pathlib import Path

import librosa
import numpy as np

SAMPLES = 12_345

CONFIGS = {
    "mfcc_default.f32": dict(sr=16_000, n_fft=2048, hop_length=512, n_mels=128, n_mfcc=128),
    "mfcc_small.f32": dict(sr=22_050, n_fft=1000, hop_length=250, n_mels=41, n_mfcc=13),
}


def signal():
    """A rising tone, noise from a linear congruential generator, then a tail of exact silence."""
    n = np.arange(SAMPLES, dtype=np.float64)
    tone = 0.5 * np.sin(0.02 * n + 1e-5 * n * n)
    state, noise = 1, np.empty(SAMPLES)
    for i in range(SAMPLES):
        state = (state * 1_103_515_245 + 12_345) % 2**31
        noise[i] = state / 2**31 - 0.5
    return np.where(n < 9000, tone + 0.01 * noise, 0.0).astype(np.float32)


def main():
    folder = Path(__file__).parent
    for name, config in CONFIGS.items():
        librosa.feature.mfcc(y=signal(), **config).astype("<f4").tofile(folder / name)


if __name__ == "__main__":
    main()
