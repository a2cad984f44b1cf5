"""matplotlib's magma, PyTorch's antialiased resizing, and a whole picture: librosa, then PyTorch, then matplotlib.

python 3.11, librosa 0.11.0, matplotlib 3.11.2, numpy 2.4.6, torch 2.11.0
usage: picture.py (writes beside itself; bytes, and little-endian f32, row-major)
"""

from pathlib import Path

import librosa
import matplotlib
import numpy as np
import torch

from make import BANDS, MAXIMUM, vowels

# name: from, to
SIZES = {
    "resize_smaller": ([13, 9], [4, 5]),
    "resize_larger": ([4, 5], [13, 9]),
    "resize_mixed": ([20, 3], [7, 8]),
    "resize_same": ([5, 4], [5, 4]),
}
SIZE = 96


def resized(matrix, size):
    batch = torch.from_numpy(matrix)[None, None]
    return torch.nn.functional.interpolate(
        batch, size, mode="bilinear", antialias=True, align_corners=False
    )[0, 0].numpy()


def coloured(shares):
    """matplotlib's choice of 256 colours; its own bytes are cut off and not rounded, so they are up to one darker."""
    colours = matplotlib.colormaps["magma"](shares)[..., :3]
    return np.round(colours * 255).astype(np.uint8)


def main():
    folder = Path(__file__).parent
    coloured(np.arange(256)).tofile(folder / "magma.u8")
    for name, (before, after) in SIZES.items():
        count = int(np.prod(before))
        matrix = (np.arange(count) * 37 % 101).astype(np.float32).reshape(before)
        resized(matrix, after).astype("<f4").tofile(folder / f"{name}.f32")
    power = librosa.feature.melspectrogram(y=vowels().astype(np.float32), **BANDS)
    decibel = librosa.power_to_db(power, **MAXIMUM)
    shares = np.clip((decibel + 80) / 80, 0, 1)
    pixels = coloured(resized(shares, [SIZE, SIZE])[::-1])
    np.ascontiguousarray(pixels.transpose(2, 0, 1)).tofile(folder / "picture_vowels.u8")


if __name__ == "__main__":
    main()
