"""Load weights from files of any known kind into the networks.

Layers have the same names in the file and in the network, so the weights are assigned by name, and
a layer without a counterpart on either side is an error. OpenPose's weights expect BGR input.
Conversion reverses the input axis of the first convolution, so that the Keras network takes RGB.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from openpose_keras import networks
from openpose_keras.conversion.catalogue import OPENPOSE_LICENCE, identify
from openpose_keras.conversion.layouts import Layers
from openpose_keras.conversion.readers import WeightFile, read_weights
from openpose_keras.conversion.readers.tflite import name_layers
from openpose_keras.core.errors import WeightsError
from openpose_keras.core.skeletons import BODY_25, BODY_COCO, BODY_MPI, FACE, HAND
from openpose_keras.core.version import __version__
from openpose_keras.io.weight_record import ChannelOrder, WeightRecord, checksums
from openpose_keras.networks.presets import PRESETS

if TYPE_CHECKING:
    import keras

# Names of the functions of `networks` that weights can be for; the first one that fits is taken, so
# that those of hand_finder, whose layers are mediapipe_palm's, have to be named.
NETWORKS = tuple(PRESETS)
# A layer of each network of these names and its channels, by which they are told apart.
_MARKS = {
    "body_tiny": ("mixed_stage2", 32),
    "body_lite": ("feet5_L1", 12),
    "body_mobilenet": ("conv2_1_dw", 32),
    "hand": ("conv6_2_CPM", len(HAND) + 1),
    "face": ("conv6_2_CPM", len(FACE) + 1),
    "body_25": ("Mconv7_stage0_L2", 2 * len(BODY_25.limbs)),
    "body_coco": ("Mconv7_stage3_L1", 2 * len(BODY_COCO.limbs)),
    "body_mpi": ("Mconv7_stage3_L1", 2 * len(BODY_MPI.limbs)),
    "body_mpi_4": ("Mconv7_stage3_L1", 2 * len(BODY_MPI.limbs)),
}
_LATER_STAGES = re.compile(r"Mconv\d_stage[56]_L\d$")
UNKNOWN_LICENCE = f"not known; if they are OpenPose's: {OPENPOSE_LICENCE}"


def load_converted(
    path: str | os.PathLike[str] | WeightFile,
    *,
    channel_order: ChannelOrder = "rgb",
    network: str | None = None,
) -> tuple["keras.Model", WeightRecord]:
    """Load a weight file of any known kind into the network to which it belongs.

    Args:
        path: The file, a folder of .npy files, or the result of `read_weights`.
        channel_order: The channel order of the network's input. OpenPose's own weights expect
            "bgr".
        network: One of `NETWORKS`; None for the one that all layers fit. OpenPose's MPI file
            belongs to body_mpi and, without its last two stages, also to body_mpi_4.

    Returns:
        The network with its weights, and the record of their provenance.

    Raises:
        ValueError: There is no such network.
        WeightsError: The file is missing, damaged, of no known kind, or for another network.
    """
    if network is not None and network not in NETWORKS:
        raise ValueError(f"expected a network among {', '.join(NETWORKS)}, got {network!r}")
    weights = path if isinstance(path, WeightFile) else read_weights(path)
    if network is None:
        name, model = find_network(weights)
    elif network not in (known := _marked(weights) or [network]):
        raise WeightsError(
            f"expected weights of {network}, got those of {' or '.join(known)}: {weights.path}"
        )
    else:
        name, model = network, getattr(networks, network)()
        weights = _without_later_stages(weights, model)
    fill_network(model, weights, channel_order=channel_order)
    return model, make_record(weights, network=name, channel_order=channel_order)


def _without_later_stages(weights: WeightFile, model: "keras.Model") -> WeightFile:
    """Return weights without the stages 5 and 6 if the network ends before them."""
    own = {layer.name for layer in model.layers}
    kept = {
        name: arrays
        for name, arrays in weights.layers.items()
        if name in own or not _LATER_STAGES.match(name)
    }
    return replace(weights, layers=kept)


def make_record(weights: WeightFile, *, network: str, channel_order: ChannelOrder) -> WeightRecord:
    """Make the record for the conversion of a weight file.

    Args:
        weights: The weights, from `read_weights`.
        network: Name of the network.
        channel_order: The channel order of the network's input with the converted weights.

    Returns:
        The record. The licence is that of the authors if the file is a published one, otherwise
        that of the file's own record.
    """
    sums = checksums(weights.path)
    known = identify(sums.md5)
    own = (weights.record or {}).get("licence", UNKNOWN_LICENCE)
    return WeightRecord(
        source=weights.path.resolve().name,
        kind=weights.kind,
        md5=sums.md5,
        sha256=sums.sha256,
        official=known.path if known else None,
        licence=known.licence if known else str(own),
        network=network,
        channel_order=channel_order,
        converter=f"openpose_keras {__version__}",
        derived_from=weights.record,
    )


def find_network(weights: WeightFile) -> tuple[str, "keras.Model"]:
    """Build the network whose layers match the weights in all names and shapes.

    Args:
        weights: The weights, from `read_weights`.

    Returns:
        The name of the function of `networks`, and the network that it built.

    Raises:
        WeightsError: The weights fit no network. The message lists the differences from the network
            with the most names in common.
    """
    best, difference = 0, ""
    for name in candidates(weights):
        model: keras.Model = getattr(networks, name)()
        complaints = _differences(model, weights)
        if not complaints:
            return name, model
        common = len({layer.name for layer in model.layers} & set(weights.layers))
        if common > best:
            best, difference = common, f"{weights.path} does not fit the network {name}: "
            difference += "; ".join(complaints)
    raise WeightsError(
        difference
        or f"{weights.path} is for none of our networks ({', '.join(NETWORKS)}): it has the layers "
        f"{', '.join(weights.layers)}"
    )


def candidates(weights: WeightFile) -> list[str]:
    """Return the networks to which weights may belong, judged by characteristic layers.

    This avoids building all networks, which takes seconds.

    Args:
        weights: The weights, from `read_weights`.

    Returns:
        Some of `NETWORKS`: one or two if the layers are known.
    """
    first = "conv1_1" in weights.layers  # all of OpenPose's begin with it
    return _marked(weights) or [name for name in NETWORKS if first or name not in _MARKS]


def _marked(weights: WeightFile) -> list[str]:
    """Return the networks to which weights belong; empty if their layers do not determine them."""
    return [
        name
        for name, (layer, channels) in _MARKS.items()
        if layer in weights.layers and weights.layers[layer][-1].shape == (channels,)
    ]


def fill_network(
    model: "keras.Model", weights: WeightFile, *, channel_order: ChannelOrder = "rgb"
) -> None:
    """Set a network's weights by the names of the layers.

    Args:
        model: A network whose layers are named as in the file. It is changed in place.
        weights: The weights, from `read_weights`. Either all arrays are used, or none.
        channel_order: The channel order of the network's input.

    Raises:
        WeightsError: A layer is missing on either side, or a shape differs. The message lists all
            differences.
    """
    complaints = _differences(model, weights)
    if complaints:
        raise WeightsError(f"{weights.path} does not fit the network: {'; '.join(complaints)}")
    layers = _layers_for(model, weights)
    swap = weights.channel_order != channel_order
    for layer in model.layers:
        if layer.weights:
            arrays = layers[layer.name]
            layer.set_weights(swap_channels(arrays) if swap else arrays)
            swap = False  # only the first layer sees the image


def swap_channels(arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Convert a convolution from BGR to RGB input, or the reverse.

    Args:
        arrays: Kernel (h, w, 3, out), and any further arrays.

    Returns:
        The same arrays with the kernel's input axis reversed.
    """
    kernel, *rest = arrays
    return (kernel[:, :, ::-1], *rest)


def _layers_for(model: "keras.Model", weights: WeightFile) -> Layers:
    """Return a file's layers by their names in the network."""
    if weights.kind != "tflite":
        return weights.layers
    return name_layers(weights.layers, [layer.name for layer in model.layers if layer.weights])


def _differences(model: "keras.Model", weights: WeightFile) -> list[str]:
    """List the differences of a file's layers and shapes from the network's; empty without any."""
    expected = {
        layer.name: [tuple(variable.shape) for variable in layer.weights]
        for layer in model.layers
        if layer.weights
    }
    layers = _layers_for(model, weights)
    found = {name: [array.shape for array in arrays] for name, arrays in layers.items()}
    other = [
        f"{name} (network {_shapes(shapes)}, file {_shapes(found[name])})"
        for name, shapes in expected.items()
        if name in found and shapes != found[name]
    ]
    complaints = {
        "the file lacks": [name for name in expected if name not in found],
        "the network has no": [name for name in found if name not in expected],
        "of other shapes are": other,
    }
    return [f"{what} {', '.join(names)}" for what, names in complaints.items() if names]


def _shapes(shapes: Sequence[tuple[int, ...]]) -> str:
    """Format shapes in one short line."""
    return " + ".join("x".join(map(str, shape)) for shape in shapes)
