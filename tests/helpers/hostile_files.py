"""Weight files that lie or swell: a few megabytes each that ask for far more memory."""

import io
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
    "empty layers": field(1, "net") + repeated(field(100, b"")),
    "empty blobs": layer(repeated(field(7, b""))),
    "parts of one number": layer(field(7, repeated(field(5, b"\0\0\0\0")))),
    "sides": layer(field(7, field(7, field(1, b"\1" * SIZE)))),
    "bottoms": b"".join(field(100, field(3, "ab") * 100) for _ in range(1000)),
    "a long name": field(100, field(1, "\U0001f590" * (SIZE // 4)) + field(7, blob(FLOATS[:4]))),
    "a length that lies": layer(b"\x3a" + varint(2**62) + FLOATS.tobytes()),
}
PROTOTXTS = {
    "honest": hand_prototxt(divide=1).encode(),
    "empty layers": b"layer{}" * 21_000,
    "blocks": b"x{}" * 49_000,
    "deep blocks": b"x{" * 74_000,
    "fields": b"".join(b"%d:1 " % number for number in range(20_000)),
    "lines": b"\n" * 149_000,
    "numbers": b"layer{convolution_param{" + b"pad:1 " * 24_000 + b"}}",
    "a long name": ("layer{name:'" + "\U0001f590" * 37_000 + "'}").encode(),
    "far too long": b"layer{}" * 1_000_000,
}


# ---------------------------------------------------------------- HDF5


def write_keras2(path, make, names=(b"kernel:0",)):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"conv1_1"]
        group = file.create_group("conv1_1")
        group.attrs["weight_names"] = list(names)
        make(group)


def keras2(data=None, names=(b"kernel:0",), **options):
    """A writer of a file with one data set."""
    return lambda path: write_keras2(
        path, lambda group: group.create_dataset("kernel:0", data=data, **options), names
    )


def swelling(**options):
    """A writer of a file with one part that inflates to 512 megabytes."""
    packer = zlib.compressobj(9)
    block = bytes(MEGABYTE)
    data = b"".join([*(packer.compress(block) for _ in range(512)), packer.flush()])

    def make(group):
        made = group.create_dataset("kernel:0", dtype="f4", compression="gzip", **options)
        made.id.write_direct_chunk((0,), data)

    return lambda path: write_keras2(path, make)


def long_names(group):
    """A list of long names."""
    group.parent.create_dataset("filler", data=FLOATS)
    group["kernel:0"] = FLOATS[:4]
    group.attrs["weight_names"] = np.array(["x" * 60_000] * 300, dtype=h5py.string_dtype())


GZIP = {"compression": "gzip", "shuffle": True}
HDF5 = {
    "honest": keras2(KERNEL),
    "doubles": keras2(KERNEL.astype("f8")),
    "halves": keras2(KERNEL.astype("f2")),
    "compressed": keras2(KERNEL, chunks=(64, 64, 2, 2), **GZIP),
    "compressed zeros": keras2(np.zeros(1 << 26, np.float32), chunks=(1 << 20,), **GZIP),
    "never written": keras2(shape=(1 << 28,), dtype="f4"),
    "a chunk that swells": swelling(shape=(16384,), chunks=(16384,)),
    "a huge chunk": swelling(shape=(10,), maxshape=(None,), chunks=(1 << 27,)),
    "long names": lambda path: write_keras2(path, long_names),
    "one array many times": keras2(KERNEL, [b"kernel:0"] * 100),
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


def write_archive(path, **members):
    """A zip file of other members beside the weights."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in ({"model.weights.h5": b""} | members).items():
            archive.writestr(name, data)


ARCHIVES = {
    "deflated": lambda path: write_keras_archive(path, zipfile.ZIP_DEFLATED),
    "bzip2": lambda path: write_keras_archive(path, zipfile.ZIP_BZIP2),
    "members": lambda path: write_archive(path, **dict.fromkeys(map(str, range(50_000)), b"")),
    "record": lambda path: write_archive(path, **{"openpose_keras.json": f"[{'[],' * 10**6}0]"}),
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


def zip_again(path, content, method=zipfile.ZIP_STORED, body=None):
    """A .pth that is compressed, or has a list of tensors of one's own."""
    save(path, content)
    with zipfile.ZipFile(path) as archive:
        members = {one: archive.read(one) for one in archive.namelist()}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, body if body and name.endswith("data.pkl") else data)


def zeros():
    import torch

    return {"a.weight": torch.zeros(1 << 26), "a.bias": torch.zeros(4)}


BYTE_ARRAY = b"\x80\x02cbuiltins\nbytearray\n\x8a\x05" + struct.pack("<q", 1 << 31)[:5] + b"\x85R."
LISTS = b"\x80\x02]" + b"]" * (2 * MEGABYTE) + b"."
PTH = {
    "honest": lambda path: save(path, tensors()),
    "honest, old": lambda path: save(path, tensors(), _use_new_zipfile_serialization=False),
    "halves": lambda path: save(path, {k: v.half() for k, v in tensors().items()}),
    "doubles": lambda path: save(path, {k: v.double() for k, v in tensors().items()}),
    "expanded": lambda path: save(path, expanded()),
    "expanded, old": lambda path: save(path, expanded(), _use_new_zipfile_serialization=False),
    "shared": lambda path: save(path, shared()),
    "deflated": lambda path: zip_again(path, zeros(), zipfile.ZIP_DEFLATED),
    "a byte array": lambda path: zip_again(path, tensors(), body=BYTE_ARRAY),
    "lists": lambda path: zip_again(path, tensors(), body=LISTS),
    "old lists": lambda path: path.write_bytes(
        pickle.dumps(0x1950A86A20F9469CFC6C, 2)
        + pickle.dumps(1001, 2)
        + pickle.dumps({}, 2)
        + LISTS
    ),
}
