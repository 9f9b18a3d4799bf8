"""Weight files that lie or swell: a few megabytes each that ask for far more memory."""

import io
import json
import pickle
import struct
import zipfile
import zlib

import h5py
import numpy as np

from tests.helpers.caffe_files import blob, caffemodel, field, hand_prototxt, varint

MEGABYTE = 1 << 20
SIZE = 4 * MEGABYTE
FLOATS = np.random.default_rng(0).normal(size=SIZE // 4).astype(np.float32)
KERNEL = np.ascontiguousarray(FLOATS[: 512 * 512 * 4].reshape(512, 512, 2, 2))
ARRAYS = {"conv1_1": (KERNEL, FLOATS[:512])}


def repeated(part):
    return part * (SIZE // len(part))


def layer(content):
    return field(1, "net") + field(100, field(1, "a") + content)


CAFFEMODELS = {
    "honest": caffemodel(ARRAYS),
    "doubles": caffemodel(ARRAYS, double=True),
    "a tag before each number": layer(field(7, repeated(b"\x2d\0\0\0\0"))),
    "empty layers": field(1, "net") + repeated(field(100, b"")),
    "empty old layers": field(1, "net") + repeated(field(2, b"")),
    "empty blobs": layer(repeated(field(7, b""))),
    "empty parts of numbers": layer(field(7, repeated(field(5, b"")))),
    "parts of one number": layer(field(7, repeated(field(5, b"\0\0\0\0")))),
    "sides": layer(field(7, field(7, field(1, b"\1" * SIZE)))),
    "unpacked sides": layer(field(7, field(7, repeated(field(1, 1))))),
    "bottoms": layer(repeated(field(3, b""))),
    "inputs": field(1, "net") + repeated(field(4, 1)) + caffemodel(ARRAYS),
    "options": layer(field(106, repeated(field(3, 1)))),
    "a long name": field(100, field(1, "\U0001f590" * (SIZE // 4)) + field(7, blob(FLOATS[:4]))),
    "two kinds of numbers": layer(field(7, repeated(field(5, b"\0\0\0\0") + b"\x2d\0\0\0\0"))),
    "groups": layer(repeated(b"\x0b\x0c")),
    "open groups": layer(b"\x0b" * SIZE),
    "a length that lies": layer(b"\x3a" + varint(2**62) + FLOATS.tobytes()),
}
PROTOTXTS = {
    "honest": hand_prototxt(divide=1).encode(),
    "empty layers": b"layer{}" * 21_000,
    "short lines": b"x:1\n" * 37_000,
    "lines": b"\n" * 149_000,
    "numbers": b"layer{convolution_param{" + b"pad:1 " * 24_000 + b"}}",
    "inputs": b'input:"" ' * 16_000,
    "inputs without a colon": b'input<"">' * 16_000,
    "a long name": ("layer{name:'" + "\U0001f590" * 37_000 + "'}").encode(),
    "a list": b"layer{convolution_param{pad:[" + b"1," * 70_000 + b"1]}}",
    "far too long": b"layer{}" * 1_000_000,
}


# ---------------------------------------------------------------- HDF5


def write_keras2(path, make, names=(b"kernel:0",)):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"conv1_1"]
        group = file.create_group("conv1_1")
        group.attrs["weight_names"] = list(names)
        make(group)


def compressed(group, *, shape=KERNEL.shape, chunks=(64, 64, 2, 2), zeros=False):
    data = np.zeros(shape, np.float32) if zeros else KERNEL.reshape(shape)
    group.create_dataset("kernel:0", data=data, chunks=chunks, compression="gzip", shuffle=True)


def swelling_chunk(group):
    """A part that says 64 kilobytes and inflates to 512 megabytes."""
    made = group.create_dataset("kernel:0", (16384,), "f4", chunks=(16384,), compression="gzip")
    packer = zlib.compressobj(9)
    block = bytes(MEGABYTE)
    data = b"".join([*(packer.compress(block) for _ in range(512)), packer.flush()])
    made.id.write_direct_chunk((0,), data)


def huge_chunk(group):
    made = group.create_dataset(
        "kernel:0", (10,), "f4", maxshape=(None,), chunks=(1 << 27,), compression="gzip"
    )
    packer = zlib.compressobj(9)
    block = bytes(MEGABYTE)
    data = b"".join([*(packer.compress(block) for _ in range(512)), packer.flush()])
    made.id.write_direct_chunk((0,), data)


def long_names(group):
    """A list of long names."""
    group.parent.create_dataset("filler", data=FLOATS)
    group["kernel:0"] = FLOATS[:4]
    group.attrs["weight_names"] = np.array(["x" * 60_000] * 300, dtype=h5py.string_dtype())


HDF5 = {
    "honest": lambda path: write_keras2(path, lambda g: g.create_dataset("kernel:0", data=KERNEL)),
    "doubles": lambda path: write_keras2(
        path, lambda g: g.create_dataset("kernel:0", data=KERNEL.astype("f8"))
    ),
    "halves": lambda path: write_keras2(
        path, lambda g: g.create_dataset("kernel:0", data=KERNEL.astype("f2"))
    ),
    "compressed": lambda path: write_keras2(path, compressed),
    "compressed zeros": lambda path: write_keras2(
        path, lambda g: compressed(g, shape=(1 << 26,), chunks=(1 << 20,), zeros=True)
    ),
    "never written": lambda path: write_keras2(
        path, lambda g: g.create_dataset("kernel:0", (1 << 28,), "f4")
    ),
    "a chunk that swells": lambda path: write_keras2(path, swelling_chunk),
    "a huge chunk": lambda path: write_keras2(path, huge_chunk),
    "long names": lambda path: write_keras2(path, long_names),
    "one array many times": lambda path: write_keras2(
        path, lambda g: g.create_dataset("kernel:0", data=KERNEL), names=[b"kernel:0"] * 100
    ),
}


def write_keras_archive(path, method):
    """A .keras file whose weights are compressed zeros."""
    inner = io.BytesIO()
    with h5py.File(inner, "w") as file:
        group = file.create_group("layers/conv1_1/vars")
        group.attrs["name"] = "conv1_1"
        group["0"] = np.zeros(1 << 26, np.float32)
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("model.weights.h5", inner.getvalue())


def write_members(path):
    """A zip file of a hundred thousand members."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.weights.h5", b"")
        for index in range(50_000):
            archive.writestr(f"{index}", b"")


def write_record(path):
    """A record of a million lists."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", b"")
        archive.writestr("openpose_keras.json", json.dumps([[] for _ in range(1_000_000)]))


ARCHIVES = {
    "deflated": lambda path: write_keras_archive(path, zipfile.ZIP_DEFLATED),
    "bzip2": lambda path: write_keras_archive(path, zipfile.ZIP_BZIP2),
    "members": write_members,
    "record": write_record,
}


# ---------------------------------------------------------------- PyTorch


def save(path, content, **options):
    import torch

    torch.save(content, path, **options)


def tensors(**options):
    import torch

    kernel, bias = (torch.tensor(array) for array in ARRAYS["conv1_1"])
    return {"conv1_1.weight": kernel.to(**options), "conv1_1.bias": bias.to(**options)}


def expanded():
    """One number that stands for a quarter of a billion."""
    import torch

    return tensors() | {"conv1_1.bias": torch.zeros(1).expand(1 << 28)}


def shared():
    """Two hundred halves that share their memory."""
    import torch

    one = torch.tensor(FLOATS).half()
    return {f"{i}.{part}": one for i in range(100) for part in ("weight", "bias")}


def write_pickle(path, body):
    """A .pth with a list of tensors of one's own."""
    save(path, tensors())
    with zipfile.ZipFile(path) as archive:
        members = {one: archive.read(one) for one in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, body if name.endswith("data.pkl") else data)


def zip_again(path, method):
    """A .pth whose numbers, zeros, are compressed."""
    import torch

    save(path, {"a.weight": torch.zeros(1 << 26), "a.bias": torch.zeros(4)})
    with zipfile.ZipFile(path) as archive:
        members = {one: archive.read(one) for one in archive.namelist()}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def call(module, name, argument):
    """A pickle that calls something with one whole number."""
    return (
        b"\x80\x02c"
        + f"{module}\n{name}\n".encode()
        + b"\x8a\x05"
        + struct.pack("<q", argument)[:5]
    ) + b"\x85R."


PTH = {
    "honest": lambda path: save(path, tensors()),
    "honest, old": lambda path: save(path, tensors(), _use_new_zipfile_serialization=False),
    "halves": lambda path: save(path, {k: v.half() for k, v in tensors().items()}),
    "doubles": lambda path: save(path, {k: v.double() for k, v in tensors().items()}),
    "expanded": lambda path: save(path, expanded()),
    "expanded, old": lambda path: save(path, expanded(), _use_new_zipfile_serialization=False),
    "shared": lambda path: save(path, shared()),
    "deflated": lambda path: zip_again(path, zipfile.ZIP_DEFLATED),
    "a byte array": lambda path: write_pickle(path, call("builtins", "bytearray", 1 << 31)),
    "lists": lambda path: write_pickle(path, b"\x80\x02]" + b"]" * (2 * MEGABYTE) + b"."),
    "old lists": lambda path: path.write_bytes(
        pickle.dumps(0x1950A86A20F9469CFC6C, 2)
        + pickle.dumps(1001, 2)
        + pickle.dumps({}, 2)
        + b"\x80\x02"
        + b"]" * SIZE
        + b"."
    ),
}
