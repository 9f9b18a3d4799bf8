"""Weights in PyTorch's files, as the PyTorch ports of OpenPose have them."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from openpose_keras.conversion.layouts import to_keras_layout
from openpose_keras.conversion.readers.pickles import check_pth
from openpose_keras.core.errors import WeightsError

if TYPE_CHECKING:
    import torch

_MOST_INFLATION = 2.5  # of float16 to float32, and a little

Layers = dict[str, tuple[np.ndarray, ...]]


def read_pth(path: Path) -> Layers:
    """Read a file of tensors named like "conv1_1.weight" and "conv1_1.bias".

    What comes before the layer's name ("model1_0.conv1_1.weight") is left out. Nothing is unpickled
    that is not a tensor or a plain container of tensors.

    Args:
        path: The file.

    Returns:
        Name to (kernel, bias) in Keras's layout.

    Raises:
        WeightsError: The file is damaged, or holds anything else.
        ImportError: PyTorch is not installed.
    """
    found: dict[str, dict[str, np.ndarray]] = {}
    for key, array in _read_tensors(path).items():
        *_, name, part = ["", *key.split(".")]
        if part not in ("weight", "bias") or part in found.setdefault(name, {}):
            raise WeightsError(f"{path}: expected one weight and one bias a layer, found {key!r}")
        found[name][part] = array
    for name, pair in found.items():
        if set(pair) != {"weight", "bias"}:
            raise WeightsError(f"{path}: the layer {name!r} has only a {', '.join(pair)}")
    return {name: to_keras_layout((pair["weight"], pair["bias"])) for name, pair in found.items()}


def _read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Load a dictionary of tensors, with PyTorch's own guard against anything else."""
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            f"{path} is a file of PyTorch; reading it needs torch: pip install torch (from "
            "https://download.pytorch.org/whl/cpu it is smaller, and enough)"
        ) from error
    try:
        check_pth(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of storages and of old formats
            content = torch.load(path, map_location="cpu", weights_only=True)
        while isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
            content = content["state_dict"]
        if not isinstance(content, dict) or not content:
            raise WeightsError(f"expected tensors by name, found a {type(content).__name__}")
        for key, tensor in content.items():
            if not isinstance(key, str) or not isinstance(tensor, torch.Tensor):
                raise WeightsError(f"expected a tensor by name, found {key!r}")
        _check_sizes(content, path.stat().st_size)
        return {key: tensor.detach().float().numpy() for key, tensor in content.items()}
    except Exception as error:  # damage makes PyTorch raise nearly everything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise WeightsError(f"{path} is no file of PyTorch tensors, or damaged: {reason}") from error


def _check_sizes(tensors: "dict[str, torch.Tensor]", size: int) -> None:
    """Raise if tensors are larger than their file: one number may stand for many of a tensor."""
    storages = {one.data_ptr(): one.nbytes() for one in map(_storage, tensors.values())}
    numbers = sum(tensor.numel() for tensor in tensors.values())
    if sum(storages.values()) > size or 4 * numbers > _MOST_INFLATION * size:
        raise WeightsError("its tensors are larger than the file can hold")


def _storage(tensor: "torch.Tensor") -> "torch.UntypedStorage":
    """Give the memory that a tensor is a view of."""
    return tensor.untyped_storage()
