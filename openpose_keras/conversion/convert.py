"""Weights of any known file into the networks.

Layers are named alike on both sides, so filling a network is one loop over names, and whatever is
left over on either side is an error. OpenPose's weights want BGR; conversion folds the swap into
the first convolution, so that the Keras network takes RGB as `networks` says.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from openpose_keras import networks
from openpose_keras.conversion.catalogue import OPENPOSE_LICENCE, identify
from openpose_keras.conversion.readers import WeightFile, read_weights
from openpose_keras.core.errors import WeightsError
from openpose_keras.core.version import __version__
from openpose_keras.io.weight_record import Record, checksums

if TYPE_CHECKING:
    import keras

# The networks that weights can be for, each with the layer that sees the image.
FIRST_LAYERS = {"hand": "conv1_1", "hand_lite": "stem"}
UNKNOWN_LICENCE = f"not known; if they are OpenPose's: {OPENPOSE_LICENCE}"
_MOST_NAMES = 60  # in a message; the hand network has 52


def load_converted(
    path: str | os.PathLike[str], *, fold_rgb: bool = True
) -> tuple["keras.Model", Record]:
    """Read a weight file of any known kind into the network that it is for.

    Args:
        path: The file, or a folder of .npy files.
        fold_rgb: The network shall take RGB; otherwise BGR, as OpenPose's own weights do.

    Returns:
        The network with its weights, and the record of where they come from.

    Raises:
        WeightsError: The file is missing, damaged, of no known kind, or for another network.
    """
    weights = read_weights(path)
    name = find_network(weights)
    model = getattr(networks, name)()
    fill_network(model, weights, fold_rgb=fold_rgb)
    record = make_record(
        path,
        kind=weights.kind,
        network=name,
        channel_order="rgb" if fold_rgb else "bgr",
        made_from=weights.record,
        version=__version__,
    )
    return model, record


def make_record(
    path: str | os.PathLike[str],
    *,
    kind: str,
    network: str,
    channel_order: Literal["rgb", "bgr"],
    made_from: Mapping[str, object] | None = None,
    version: str,
) -> Record:
    """Look at the file that weights were read from.

    Args:
        path: The file or folder.
        kind: What kind of file it is.
        network: Name of the network.
        channel_order: What the network is to see with the weights as they will be written.
        made_from: The file's own record, if it has one.
        version: The package's.

    Returns:
        The record for what is made of it. The licence is OpenPose's where the file is known as one
        of OpenPose's, or else that of the file's own record.
    """
    sums = checksums(path)
    known = identify(sums.md5)
    licence = known.licence if known else str((made_from or {}).get("licence", UNKNOWN_LICENCE))
    return Record(
        source=Path(path).resolve().name,
        kind=kind,
        md5=sums.md5,
        sha256=sums.sha256,
        official=known.path if known else None,
        licence=licence,
        network=network,
        channel_order=channel_order,
        converter=f"openpose_keras {version}",
        made_from=made_from,
    )


def find_network(weights: WeightFile) -> str:
    """Tell which network weights are for, by the names of their layers.

    Args:
        weights: From `read_weights`.

    Returns:
        Name of a function of `networks`. Whether all fits is for `fill_network` to say.

    Raises:
        WeightsError: They are for no network of ours.
    """
    for name, first in FIRST_LAYERS.items():
        if first in weights.layers:
            return name
    raise WeightsError(
        f"{weights.path} is for no network of ours ({', '.join(FIRST_LAYERS)}): it has the layers "
        f"{_join(weights.layers)}"
    )


def fill_network(model: "keras.Model", weights: WeightFile, *, fold_rgb: bool = True) -> None:
    """Give a network its weights, layer by layer, by name.

    Args:
        model: A network whose layers are named as in the file.
        weights: From `read_weights`. Each array is used, or none is.
        fold_rgb: The network shall take RGB; otherwise BGR.

    Raises:
        WeightsError: A layer is missing on either side, or a shape differs. All of them are named.
    """
    layers = {layer.name: layer for layer in model.layers if layer.weights}
    shapes = {
        name: [tuple(variable.shape) for variable in layer.weights]
        for name, layer in layers.items()
    }
    _check_fit(shapes, weights)
    swap = (weights.channel_order == "rgb") != fold_rgb
    first = next(iter(layers))
    for name, layer in layers.items():
        arrays = weights.layers[name]
        if swap and name == first:
            arrays = swap_channels(arrays)
        layer.set_weights(arrays)


def swap_channels(arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Make a convolution of BGR one of RGB, or the other way round.

    Args:
        arrays: Kernel (h, w, 3, out), and whatever follows it.

    Returns:
        The same with the kernel's input axis reversed.
    """
    kernel, *rest = arrays
    return (kernel[:, :, ::-1], *rest)


def _check_fit(shapes: Mapping[str, list[tuple[int, ...]]], weights: WeightFile) -> None:
    """Raise unless the file has exactly the network's layers and shapes."""
    found = {name: [array.shape for array in arrays] for name, arrays in weights.layers.items()}
    lacking = [name for name in shapes if name not in found]
    left_over = [name for name in found if name not in shapes]
    other = [
        f"{name} (network {_shapes(shapes[name])}, file {_shapes(found[name])})"
        for name in shapes
        if name in found and shapes[name] != found[name]
    ]
    complaints = [
        f"{what} {_join(names)}"
        for what, names in (
            ("the file lacks", lacking),
            ("the network has no", left_over),
            ("of other shapes are", other),
        )
        if names
    ]
    if complaints:
        raise WeightsError(f"{weights.path} does not fit the network: {'; '.join(complaints)}")


def _shapes(shapes: Sequence[tuple[int, ...]]) -> str:
    """Put shapes in one short line."""
    return " + ".join("x".join(map(str, shape)) for shape in shapes)


def _join(names: Sequence[str] | Mapping[str, object]) -> str:
    """Put names in one line, however many."""
    names = list(names)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
