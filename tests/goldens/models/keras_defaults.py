"""Golden of `defaults: keras`: what Keras' layers begin with, one step of its Adam, and its batch norm's moments after ten steps.

Made with Python 3.11, numpy 2.4.6, torch 2.11.0 (CPU) and keras 3.3.3 on it.   Run:  python keras_defaults.py
The layers whose first weights are looked at are system B3's at their true size: the bounds are those of Glorot's rule for the
shapes of Keras' own kernels, checked against what was drawn. The steps are those of system B1, narrower and without dropout,
which is random; it computes in f64. (Keras of 2024 and later reckons the bounds of attention's kernels otherwise; the published
systems are of 2023, when it did as 3.3 does.) Weights and inputs are formulas of a name and an entry's number, as `by_formula.py` has
them, in PyTorch's layout and under the names of affekt-models.
"""
import json
import os
import pathlib
import sys

os.environ["KERAS_BACKEND"] = "torch"
import keras  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from keras import layers  # noqa: E402
from keras.src.initializers.random_initializers import compute_fans  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from by_formula import noise, shortened  # noqa: E402

BATCH, BANDS, FRAMES, CLASSES, STEPS = 4, 32, 47, 7, 10
CHANNELS, POOLS = (4, 6, 8), (2, 4, 4)
DIGITS = 9


def bound(kernel):
    """Of Glorot's rule, by Keras' own account of the kernel's shape."""
    fan_in, fan_out = compute_fans(kernel.shape)
    limit = float(np.sqrt(6.0 / (fan_in + fan_out)))
    drawn = float(np.abs(keras.ops.convert_to_numpy(kernel)).max())
    assert 0.98 * limit < drawn <= limit, (kernel.path, drawn, limit)
    return shortened(limit, DIGITS)


def beginnings():
    """The bounds of the first weights of B3's layers, and that all else is 0 or 1."""
    convolutions = [layers.Conv2D(n, 3, padding="same", data_format="channels_first") for n in (16, 32, 64)]
    for layer, channels in zip(convolutions, (1, 16, 32)):
        layer.build((None, channels, 128, 94))
    attention = layers.MultiHeadAttention(4, 32, dropout=0.4)
    attention.build((None, 94, 128), (None, 94, 128))
    wide, narrow, output = layers.Dense(512), layers.Dense(128), layers.Dense(CLASSES)
    for layer, inputs in [(wide, 128), (narrow, 512), (output, 1152)]:
        layer.build((None, inputs))
    norm = layers.BatchNormalization()
    norm.build((None, 16, 128, 94))
    projections = [attention.query_dense, attention.key_dense, attention.value_dense]
    kernels = {f"cnn1.block{i}.conv.weight": layer.kernel for i, layer in enumerate(convolutions, 1)}
    transformer = "transformer.layers.0."
    kernels |= {
        transformer + "self_attn.in_proj_weight": projections[0].kernel,
        transformer + "self_attn.out_proj.weight": attention.output_dense.kernel,
        transformer + "linear1.weight": wide.kernel, transformer + "linear2.weight": narrow.kernel,
        "output.weight": output.kernel,
    }
    assert len({bound(projection.kernel) for projection in projections}) == 1
    with_bias = [*convolutions, *projections, attention.output_dense, wide, narrow, output]
    for zeros in [layer.bias for layer in with_bias] + [norm.beta, norm.moving_mean]:
        assert not np.any(keras.ops.convert_to_numpy(zeros))
    for ones in [norm.gamma, norm.moving_variance]:
        assert np.all(keras.ops.convert_to_numpy(ones) == 1.0)
    return {name: bound(kernel) for name, kernel in kernels.items()}


def weight(name, shape):
    if len(shape) == 1 and name.endswith(("weight", "running_var")):
        return 1.0 + noise(name, shape) / 2.0
    if len(shape) > 1:
        return noise(name, shape) * 2.0 / np.sqrt(np.prod(shape[1:]))
    return noise(name, shape) / 4.0


def to_torch(name, values):
    """A weight in PyTorch's layout: kernels have their outputs last in Keras."""
    if name.endswith("conv.weight"):
        return values.transpose(3, 2, 0, 1)
    return values.T if values.ndim == 2 else values


def to_keras(name, values):
    if name.endswith("conv.weight"):
        return values.transpose(2, 3, 1, 0)
    return values.T if values.ndim == 2 else values


def network():
    """B1, and its variables by name. Time is the last axis, which is batch norm's own choice."""
    inputs = xs = keras.Input((1, BANDS, FRAMES))
    named = {}
    for i, (channels, pool) in enumerate(zip(CHANNELS, POOLS), 1):
        conv = layers.Conv2D(channels, 3, padding="same", data_format="channels_first")
        norm = layers.BatchNormalization()
        xs = layers.MaxPooling2D(pool, data_format="channels_first")(layers.ReLU()(norm(conv(xs))))
        named |= {f"block{i}.conv.weight": conv.kernel, f"block{i}.conv.bias": conv.bias}
        named |= {f"block{i}.norm.weight": norm.gamma, f"block{i}.norm.bias": norm.beta}
        named |= {f"block{i}.norm.running_mean": norm.moving_mean, f"block{i}.norm.running_var": norm.moving_variance}
    output = layers.Dense(CLASSES)
    net = keras.Model(inputs, output(layers.Flatten()(xs)))
    return net, named | {"output.weight": output.kernel, "output.bias": output.bias}


def steps(learning_rate):
    """The losses before every step, all weights after the first, and the moments after the last."""
    net, named = network()
    for name, variable in named.items():
        shape = to_torch(name, np.zeros(variable.shape)).shape
        variable.assign(to_keras(name, weight(name, shape).numpy().astype(np.float32).astype(np.float64)))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    net.compile(keras.optimizers.Adam(learning_rate), loss)
    losses = []

    def kept(names):
        rows = lambda name: to_torch(name, keras.ops.convert_to_numpy(named[name])).ravel().tolist()
        return {name: [shortened(number, DIGITS) for number in rows(name)] for name in names}

    for step in range(STEPS):
        xs = noise(f"step {step}", (BATCH, 1, BANDS, FRAMES)).float().double().numpy() * 3.0
        targets = keras.ops.one_hot([(step + row) % CLASSES for row in range(BATCH)], CLASSES)
        losses.append(shortened(float(net.train_on_batch(xs, targets)), DIGITS))
        net.reset_metrics()
        if step == 0:
            after_one = kept(named)
    moments = [name for name in named if "running" in name]
    return {
        "learning_rate": learning_rate, "losses": losses, "after_one_step": after_one, "moments_after_ten_steps": kept(moments),
    }


torch.set_num_threads(1)
text = {"bounds": beginnings()}
keras.config.set_floatx("float64")
text["steps"] = steps(1e-3)
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(text, separators=(",", ":")) + "\n")
