"""PyTorch files, good and evil, for crates/pickle/tests. Run in this folder with torch 2.11.0, Python 3.11."""

import argparse
import collections
import io
import json
import pickle
import struct
import zipfile

import torch


def described(value):
    """What the reader should see, as JSON."""
    if isinstance(value, torch.Tensor):
        value = value.detach()
        data = value.contiguous().flatten().to(torch.float64).tolist()
        return {"dtype": str(value.dtype).removeprefix("torch."), "shape": list(value.shape), "data": data}
    if isinstance(value, argparse.Namespace):
        return {"class": "argparse.Namespace", "entries": described(vars(value))}
    if isinstance(value, dict):
        return {"entries": [[key, described(item)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        return [described(item) for item in value]
    return value


def numbers(*shape):
    count = 1
    for side in shape:
        count *= side
    return (torch.arange(count, dtype=torch.float32) * 0.375 - 2).reshape(shape)


whole = numbers(4, 6)
network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
with torch.no_grad():
    for parameter in network.parameters():
        parameter.copy_(numbers(*parameter.shape))
kinds = [torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8]
good = {
    "state_dict": network.state_dict(),
    "kinds": {str(kind).removeprefix("torch."): numbers(5).to(kind) for kind in kinds}
    | {"uint8": torch.tensor([0, 200], dtype=torch.uint8), "bool": torch.tensor([True, False])},
    "views": {
        "whole": whole,
        "row": whole[2],
        "column": whole[:, 1],
        "transposed": whole.t(),
        "inner": whole[1:3, 2:4],
        "scalar": torch.tensor(1.5),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(numbers(2)),
    },
    # The shape of fairseq's checkpoints: settings beside the weights.
    "nested": {
        "args": argparse.Namespace(arch="wav2vec", dropout=0.1, layers=[[512, 10, 5], [512, 8, 4]], flag=True, none=None),
        "model": collections.OrderedDict([("encoder.weight", numbers(2, 3)), ("encoder.bias", numbers(2))]),
        "best_loss": float("1e300"),
        "updates": -(2**40),
        "sizes": (1, 2, 300, 70_000),
    },
}
expected = {}
for name, value in good.items():
    torch.save(value, f"{name}.zip.pt")
    torch.save(value, f"{name}.legacy.pt", _use_new_zipfile_serialization=False)
    expected[name] = described(value)
with open("expected.json", "w") as file:
    json.dump(expected, file, indent=1)
    file.write("\n")


class Calls:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def archive(name, program):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for member, data in [("archive/data.pkl", program), ("archive/byteorder", b"little"), ("archive/version", b"3\n")]:
            file.writestr(zipfile.ZipInfo(member), data)
    with open(f"evil/{name}.pt", "wb") as file:
        file.write(buffer.getvalue())


import os  # noqa: E402

os.makedirs("evil", exist_ok=True)
for protocol in (0, 2, 4):
    archive(f"system_{protocol}", pickle.dumps(Calls(os.system, "touch pwned"), protocol=protocol))
archive("eval", pickle.dumps({"model": Calls(eval, "1 + 1")}, protocol=2))
archive("getattr", pickle.dumps(Calls(getattr, "x", "upper"), protocol=2))
archive("load", pickle.dumps(Calls(torch.load, "x.pt"), protocol=2))
archive("module", pickle.dumps(torch.nn.Linear, protocol=2))
archive("inst", b"(Vtouch pwned\nios\nsystem\n.")
archive("obj", b"(cos\nsystem\nVtouch pwned\no.")
archive("persid", b"Panything\n.")
archive("extension", b"\x80\x02\x82\x01.")
# A known class' method, by a dotted name, as protocol 4 allows.
archive("dotted", b"\x80\x04\x8c\x0bcollections\x8c\x20OrderedDict.__init__.__globals__\x93.")
# A tensor that reaches beyond its storage, and one whose storage is not there.
storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x02tQ"
tensor = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00%s\x85K\x01\x85\x89}tR."
archive("beyond", tensor % (b"J" + struct.pack("<i", 2_000_000_000)))
archive("missing", tensor % b"K\x02")
