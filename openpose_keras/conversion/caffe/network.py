"""A Caffe network as plain data: what a .prototxt and a .caffemodel hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from openpose_keras.core.errors import WeightsError


@dataclass(frozen=True, eq=False)
class CaffeLayer:
    """One layer of a Caffe network.

    Attributes:
        name: What it is called.
        type: "Convolution", "ReLU", "Pooling", "Concat" and so on; spelled the new way.
        bottoms: Names of the arrays it takes.
        tops: Names of the arrays it gives; the same as a bottom where it works in place.
        options: What its parameter message sets, for example {"num_output": 64, "kernel_size": 3}.
        blobs: Its weights, float32.
    """

    name: str
    type: str
    bottoms: tuple[str, ...] = ()
    tops: tuple[str, ...] = ()
    options: Mapping[str, int | tuple[int, ...]] = field(default_factory=dict)
    blobs: tuple[np.ndarray, ...] = ()

    def __post_init__(self) -> None:
        """Refuse names of bytes, which protobuf gives for what is no UTF-8."""
        for text in (self.name, self.type, *self.bottoms, *self.tops):
            if not isinstance(text, str):
                raise WeightsError(f"a name is no text: {text[:40]!r}")


@dataclass(frozen=True, eq=False)
class CaffeNetwork:
    """A Caffe network: its layers in order, with or without their weights.

    Attributes:
        layers: In the order of the file.
        name: What it is called, if at all.
        inputs: Name of each input to its shape (n, channels, h, w); empty where the file has none.
    """

    layers: tuple[CaffeLayer, ...]
    name: str = ""
    inputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
