"""librosa's features of signals that formulas define.

python 3.11, librosa 0.11.0, numpy 2.4.6, scipy 1.17.1
usage: make.py (writes beside itself; little-endian f32, row-major [coefficients or bands, frames])
"""

from pathlib import Path

import librosa
import numpy as np

RATE_HZ = 16_000
SMALL = dict(sr=22_050, n_fft=1000, hop_length=250, n_mels=41)

# name: signal, config, then what `power_to_db` is given
MFCC = {
    "mfcc_default": ("mixed", dict(sr=RATE_HZ, n_fft=2048, hop_length=512, n_mels=128, n_mfcc=128)),
    "mfcc_small": ("mixed", dict(SMALL, n_mfcc=13)),
}
BANDS = dict(sr=RATE_HZ, n_fft=2048, hop_length=256, n_mels=128)
MAXIMUM = dict(ref=np.max, top_db=80.0)
LOG_MEL = {
    "logmel_mixed": ("mixed", BANDS, MAXIMUM),
    "logmel_chirp": ("chirp", BANDS, MAXIMUM),
    "logmel_noise": ("noise", BANDS, MAXIMUM),
    "logmel_vowels": ("vowels", BANDS, MAXIMUM),
    "logmel_silence": ("silence", BANDS, MAXIMUM),
    "logmel_short": ("short", BANDS, MAXIMUM),
    "logmel_small": ("mixed", SMALL, dict(ref=1.0, top_db=None)),
}


def uniform(samples):
    """Noise from a linear congruential generator, in [-0.5, 0.5)."""
    state, noise = 1, np.empty(samples)
    for i in range(samples):
        state = (state * 1_103_515_245 + 12_345) % 2**31
        noise[i] = state / 2**31 - 0.5
    return noise


def mixed():
    """A rising tone, faint noise, then a tail of exact silence."""
    n = np.arange(12_345, dtype=np.float64)
    tone = 0.5 * np.sin(0.02 * n + 1e-5 * n * n)
    return np.where(n < 9000, tone + 0.01 * uniform(len(n)), 0.0)


def chirp():
    """0 Hz to the Nyquist frequency in half a second."""
    n = np.arange(8_000, dtype=np.float64)
    return 0.8 * np.sin(np.pi * n * n / (2 * len(n)))


def vowels():
    """A voice of 24 falling harmonics under two formants that move, syllable by syllable, with a pause after each."""
    n = np.arange(10_000, dtype=np.float64)
    syllable = n % 2500 / 2500
    loudness = np.maximum(np.sin(2 * np.pi * syllable), 0.0)
    phase = 2 * np.pi * (140.0 * n - 1e-3 * n * n) / RATE_HZ
    voice = np.zeros(len(n))
    for harmonic in range(1, 25):
        hz = 130.0 * harmonic
        first = np.exp(-(((hz - 500.0 - 300.0 * syllable) / 200.0) ** 2))
        second = 0.5 * np.exp(-(((hz - 2000.0 + 800.0 * syllable) / 300.0) ** 2))
        voice += (first + second + 0.01) * np.sin(harmonic * phase)
    return 0.1 * loudness * voice


SIGNALS = {
    "mixed": mixed,
    "chirp": chirp,
    "noise": lambda: 0.2 * uniform(6_000),
    "vowels": vowels,
    "silence": lambda: np.zeros(3_000),
    "short": lambda: 0.1 * np.sin(0.3 * np.arange(100, dtype=np.float64)),
}


def main():
    folder = Path(__file__).parent
    signals = {name: signal().astype(np.float32) for name, signal in SIGNALS.items()}
    for name, (signal, config) in MFCC.items():
        librosa.feature.mfcc(y=signals[signal], **config).astype("<f4").tofile(folder / f"{name}.f32")
    for name, (signal, config, decibel) in LOG_MEL.items():
        power = librosa.feature.melspectrogram(y=signals[signal], **config)
        librosa.power_to_db(power, **decibel).astype("<f4").tofile(folder / f"{name}.f32")


if __name__ == "__main__":
    main()
