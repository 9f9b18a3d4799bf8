"""A Caffe network as plain data: the content of a .prototxt and a .caffemodel."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class CaffeLayer:
    """One layer of a Caffe network.

    Args:
        name: The layer's name.
        type: "Convolution", "ReLU", "Pooling", "Concat" and so on.
        bottoms: Names of its inputs.
        tops: Names of its outputs; the same as a bottom if it works in place.
        options: The options of its parameter message, for example {"num_output": 64, "kernel_size":
            3}.
        blobs: Its weights, float32.
    """

    name: str
    type: str
    bottoms: tuple[str, ...] = ()
    tops: tuple[str, ...] = ()
    options: Mapping[str, int | str] = field(default_factory=dict)
    blobs: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True, eq=False)
class CaffeNetwork:
    """A Caffe network: its layers in order, with or without their weights.

    Args:
        layers: The layers in the order of the file.
        name: The network's name, if it has one.
        inputs: A mapping from the name of each input to its shape (n, channels, h, w); empty if the
            file has no inputs.
    """

    layers: tuple[CaffeLayer, ...]
    name: str = ""
    inputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
