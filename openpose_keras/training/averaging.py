"""Average the weights of several networks, which often generalises better than each of them."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from openpose_keras.networks.presets import PRESETS, get_preset, load_network

if TYPE_CHECKING:
    import keras


def average_weights(
    name: str, sources: Sequence[str], shares: Sequence[float] | None = None
) -> "keras.Model":
    """Average the weights of networks with the same initial weights, layer by layer.

    Fine-tuning makes a network lose some of its previous abilities. The average of its weights and
    its initial weights keeps most of both abilities, as long as the two are not far apart (Wortsman
    et al., "Robust Fine-Tuning of Zero-Shot Models", CVPR 2022).

    Args:
        name: Preset of the network.
        sources: Presets and weight files, at least one of them of the network itself. A layer that
            a source lacks, by name and shapes, is averaged over the other sources.
        shares: The weight of each source in the average, above 0. They need not add up to 1. None
            for equal weights.

    Returns:
        The network, float32.

    Raises:
        ValueError: There is no such preset, there is only one source, no source is of the network,
            a source has no layer in common with it, or the shares are not valid.
        WeightsError: A file is missing, damaged, or for another network.

    Example:
        `average_weights("hand_lite", ["hand_lite", "mediapipe_hand"])` goes halfway back to the
        network that the training of `hand_lite` began from.
    """
    network = get_preset(name).network
    if len(sources) < 2:
        raise ValueError(f"expected two sources or more, got {', '.join(sources) or 'none'}")
    shares = [1.0] * len(sources) if shares is None else shares
    if len(shares) != len(sources) or not all(0 < share < math.inf for share in shares):
        raise ValueError(
            f"expected {len(sources)} shares above 0, one a source, got {list(shares)}"
        )
    models = [
        load_network(source) if source in PRESETS else load_network(name, weights=source)
        for source in sources
    ]
    model = next((each for each in models if each.name == network), None)
    if model is None:
        raise ValueError(f"expected at least one source of {network}, got {', '.join(sources)}")
    weights = [{each.name: each.get_weights() for each in other.layers} for other in models]
    for source, layers in zip(sources, weights, strict=True):
        if not any(_is_like(layer, layers) for layer in model.layers if layer.weights):
            raise ValueError(
                f"expected weights of {network} or of a network that shares layers with it, got "
                f"those of {source}: name the network with --network"
            )
    for layer in (each for each in model.layers if each.weights):
        same = [
            (share, layers[layer.name])
            for share, layers in zip(shares, weights, strict=True)
            if _is_like(layer, layers)
        ]
        parts = [share for share, _ in same]
        sets = zip(*(arrays for _, arrays in same), strict=True)
        layer.set_weights([np.average(arrays, axis=0, weights=parts) for arrays in sets])
    return model


def _is_like(layer: "keras.Layer", layers: Mapping[str, list[np.ndarray]]) -> bool:
    """Return whether another network has a layer with the same name and shapes."""
    shapes = [array.shape for array in layer.get_weights()]
    return [array.shape for array in layers.get(layer.name, [])] == shapes
