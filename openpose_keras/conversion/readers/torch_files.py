"""Weights in PyTorch files, as used by the PyTorch ports of OpenPose.

`torch.load(weights_only=True)` runs no code from a file. However, it lets a file allocate a byte
array of any length and build lists of any depth. The pickle is therefore restricted to a short list
of names and to a proportionate length.
"""

import io
import pickletools
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from openpose_keras.conversion.layouts import Layers, pair_arrays
from openpose_keras.core.errors import WeightsError
from openpose_keras.io.weight_record import open_archive

if TYPE_CHECKING:
    import torch

_MOST_INFLATION = 2.5  # of float16 to float32, and a little
_OLD_PICKLES = 5  # of the older format: magic number, version, system, content, keys
# A byte of a pickle becomes up to 64 of memory. That of the hand network has 12,000 bytes.
_LONGEST_PICKLE, _FILE_BYTES_A_PICKLE_BYTE = 100_000, 64
_GLOBALS = re.compile(
    r"collections OrderedDict|torch\._utils _rebuild_(tensor_v2|parameter)"
    r"|torch\.nn\.parameter Parameter|torch [A-Z]\w+Storage"
)


def read_pth(path: Path) -> Layers:
    """Read a file of tensors named like "conv1_1.weight" and "conv1_1.bias".

    A prefix of the layer's name ("model1_0.conv1_1.weight") is removed. No code from the file is
    run: only tensors and plain containers of tensors are unpickled.

    Args:
        path: The file.

    Returns:
        A mapping from names to (kernel, bias) in Keras's layout.

    Raises:
        WeightsError: The file is damaged, or holds anything else.
        ImportError: PyTorch is not installed.
    """
    return pair_arrays(path, _read_tensors(path))


def _read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Load a dictionary of tensors."""
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            f"{path} is a file of PyTorch; reading it needs torch: pip install torch (from "
            "https://download.pytorch.org/whl/cpu it is smaller, and enough)"
        ) from error
    try:
        _check_pickles(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of storages and of old formats
            content = torch.load(path, map_location="cpu", weights_only=True)
        while isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
            content = content["state_dict"]
        tensors = _check_tensors(content, path.stat().st_size)
        return {key: tensor.detach().float().numpy() for key, tensor in tensors.items()}
    except Exception as error:  # damage makes PyTorch raise nearly everything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise WeightsError(
            f"{path} is not a file of PyTorch tensors, or damaged: {reason}"
        ) from error


def _check_tensors(content: object, size: int) -> "dict[str, torch.Tensor]":
    """Refuse anything but tensors by name, and tensors larger than their file."""
    import torch

    if not isinstance(content, dict):
        raise WeightsError(f"expected tensors by name, got a {type(content).__name__}")
    for key, tensor in content.items():
        if not isinstance(key, str) or not isinstance(tensor, torch.Tensor):
            raise WeightsError(f"expected a tensor by name, got {key!r}")
    if 4 * sum(tensor.numel() for tensor in content.values()) > _MOST_INFLATION * size:
        raise WeightsError("its tensors are larger than the file can hold")  # expanded, or shared
    return content


def _check_pickles(path: Path) -> None:
    """Refuse a file that would need disproportionate memory while it is loaded."""
    size = path.stat().st_size
    longest = _LONGEST_PICKLE + size // _FILE_BYTES_A_PICKLE_BYTE
    with path.open("rb") as file:
        stream = io.BytesIO(file.read(longest))
    if not stream.getvalue().startswith(b"PK\x03\x04"):  # as torch.load tells the two formats
        for _ in range(_OLD_PICKLES):
            _check_pickle(stream)
        return
    with open_archive(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > size:
            raise WeightsError("its parts are compressed, or larger than the file")
        for member in archive.infolist():
            if member.filename.endswith(".pkl"):
                if member.file_size > longest:
                    raise WeightsError(f"its list of tensors has {member.file_size} bytes")
                _check_pickle(io.BytesIO(archive.read(member)))


def _check_pickle(stream: io.BytesIO) -> None:
    """Read a pickle without running it, and refuse a name that tensors do not need."""
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name == "GLOBAL" and not _GLOBALS.fullmatch(str(argument)):
            raise WeightsError(f"expected nothing but tensors, got {argument!r}"[:200])
