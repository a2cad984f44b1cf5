"""Convert the convolutions of Keras' VGG16 from its HDF5 file to one that `encoder` reads.

    pip install h5py numpy safetensors
    python keras_vgg16.py vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5 keras-vgg16.safetensors

The first file is what `keras.applications.VGG16(include_top=False)` downloads to ~/.keras/models. The second has the tensors in
PyTorch's layout under torchvision's names, and says in its metadata that pixels are normalised as Keras does (blue first, minus
ImageNet's mean per channel, not scaled). Use it as `base`:

    cargo xtask run experiments/vgg16.yaml --data DIR --set with.base=keras-vgg16.safetensors

A configuration that asks for torchvision's normalisation with this file is refused.
"""
import sys

import h5py
import numpy as np
from safetensors.numpy import save_file

BLOCKS = (2, 2, 3, 3, 3)


def tensors(file):
    """The kernels and biases of a layer, whatever the version of Keras has nested them in."""
    found = {}
    file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def of_layer(found, layer):
    parts = [values for name, values in found.items() if layer in name.split("/")]
    kernels = [values for values in parts if values.ndim == 4]
    biases = [values for values in parts if values.ndim == 1]
    if len(kernels) != 1 or len(biases) != 1:
        sys.exit(f"error: expected one kernel and one bias of `{layer}`, found {len(kernels)} and {len(biases)}")
    return kernels[0], biases[0]


def converted(file):
    found, number, made = tensors(file), 0, {}
    for block, convolutions in enumerate(BLOCKS, 1):
        for nth in range(1, convolutions + 1):
            kernel, bias = of_layer(found, f"block{block}_conv{nth}")  # [height, width, inputs, outputs]
            made[f"features.{number}.weight"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1), np.float32)
            made[f"features.{number}.bias"] = np.ascontiguousarray(bias, np.float32)
            number += 2  # its ReLU
        number += 1  # the pool
    return made


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with h5py.File(sys.argv[1]) as file:
        save_file(converted(file), sys.argv[2], metadata={"normalisation": "keras"})
