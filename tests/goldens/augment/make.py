"""Pictures turned and zoomed as Keras' layers `RandomRotation` and `RandomZoom` do, in one step.

The matrices are Keras' (output pixel to input pixel, about the middle of the pixels), the interpolation is scipy's: linear,
`reflect` outside. torchvision and PyTorch, which pad and measure otherwise, are asked whether they agree where they can.

python 3.11, numpy 2.4.6, scipy 1.17.1, torch 2.11.0, torchvision 0.26.0
usage: make.py (writes beside itself; little-endian f32, row-major [3, 9, 13])
"""

from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import map_coordinates
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import rotate

CHANNELS, HEIGHT, WIDTH = 3, 9, 13
# name: degrees counter-clockwise, how much is seen in height and width
CASES = {
    "turned": (17.0, 1.0),
    "turned_back": (-40.0, 1.0),
    "smaller": (0.0, 1.3),
    "larger": (0.0, 0.7),
    "both": (23.0, 1.25),
    "far": (137.0, 1.9),
}


def picture():
    i = np.arange(CHANNELS * HEIGHT * WIDTH)
    return (i * 37 + i * i * 11) % 256


def rotation(degrees):
    a, w, h = np.deg2rad(degrees), WIDTH - 1, HEIGHT - 1
    cos, sin = np.cos(a), np.sin(a)
    x = (w - (cos * w - sin * h)) / 2
    y = (h - (sin * w + cos * h)) / 2
    return np.array([[cos, -sin, x], [sin, cos, y], [0, 0, 1]])


def zoom(seen):
    x, y = (WIDTH - 1) / 2 * (1 - seen), (HEIGHT - 1) / 2 * (1 - seen)
    return np.array([[seen, 0, x], [0, seen, y], [0, 0, 1]])


def main():
    folder = Path(__file__).parent
    pixels = picture().reshape(CHANNELS, HEIGHT, WIDTH).astype(np.float64)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    places = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    for name, (degrees, seen) in CASES.items():
        from_x, from_y, _ = rotation(degrees) @ zoom(seen) @ places
        result = np.stack([map_coordinates(c, [from_y, from_x], order=1, mode="reflect") for c in pixels])
        result = result.reshape(pixels.shape)
        check(pixels, result, degrees, seen, from_x, from_y)
        result.astype("<f4").tofile(folder / f"{name}.f32")


def check(pixels, result, degrees, seen, from_x, from_y):
    a = np.deg2rad(degrees)
    cos, sin = seen * np.cos(a), seen * np.sin(a)
    theta = torch.tensor([[[cos, -sin * HEIGHT / WIDTH, 0], [sin * WIDTH / HEIGHT, cos, 0]]], dtype=torch.float64)
    grid = torch.nn.functional.affine_grid(theta, [1, CHANNELS, HEIGHT, WIDTH], align_corners=False)
    sample = torch.nn.functional.grid_sample
    sampled = sample(torch.from_numpy(pixels)[None], grid, padding_mode="reflection", align_corners=False)
    assert np.abs(sampled[0].numpy() - result).max() < 1e-9
    if seen == 1:
        turned = rotate(torch.from_numpy(pixels), degrees, InterpolationMode.BILINEAR).numpy()
        inside = (from_x >= 0) & (from_x <= WIDTH - 1) & (from_y >= 0) & (from_y <= HEIGHT - 1)
        inside = inside.reshape(HEIGHT, WIDTH)
        # torchvision computes places in f32.
        assert inside.sum() > 40 and np.abs(turned - result)[:, inside].max() < 0.01


if __name__ == "__main__":
    main()
