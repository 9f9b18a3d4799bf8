"""Run images of equal size through an engine in batches, and return named maps."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from openpose_keras.core.errors import NetworkError
from openpose_keras.core.skeletons import Skeleton
from openpose_keras.engines.together import LARGEST_INPUT, Engine, run_engine
from openpose_keras.io.weight_record import ChannelOrder
from openpose_keras.networks.input_spec import InputSpec
from openpose_keras.networks.preprocessing import normalise_batch

Maps = dict[str, np.ndarray]
"""Arrays by name, whose first axis is the batch.

At least one of two is present: `keypoints` (n, h, w, K + 1), heatmaps with the background last, or
`points` (n, K, 2 or 3), x and y in input pixels from the outer edge of the first pixel. A network
may return more: `affinity` (n, h, w, 2 per limb), `presence` (n,) and `right` (n,), the
probabilities of a hand and of a right hand, or arrays of any other name.
"""


def named_maps(output: Any) -> Maps:  # noqa: ANN401 - what a user's own function returns
    """Convert the output of an engine to maps by name.

    Args:
        output: A mapping from names to arrays, or an array, which is named `keypoints`.

    Returns:
        The arrays by name.

    Raises:
        NetworkError: The output is neither of these, or has neither `keypoints` nor `points`.

    Example:
        >>> list(named_maps(np.zeros((1, 46, 46, 22))))
        ['keypoints']
    """
    if isinstance(output, list | tuple):
        raise NetworkError(
            f"expected an array or a dictionary of arrays, got a {type(output).__name__}: return "
            '{"keypoints": ..., "affinity": ...}'
        )
    named = output if isinstance(output, Mapping) else {"keypoints": output}
    if not named.keys() & {"keypoints", "points"}:
        raise NetworkError(
            "expected maps named 'keypoints' or 'points', got "
            f"{', '.join(map(str, named)) or 'none'}: name the heatmaps of the engine 'keypoints'"
        )
    return {str(name): np.asarray(each) for name, each in named.items()}


def run_batches(
    engine: Engine,
    images: Sequence[np.ndarray],
    *,
    spec: InputSpec,
    skeleton: Skeleton,
    channel_order: ChannelOrder,
    batch_size: int,
) -> list[Maps]:
    """Compute the maps of images, running images of the same size through the engine together.

    Args:
        engine: The engine that computes the maps.
        images: (h, w, 3) uint8 RGB, of any sizes.
        spec: The alignment of the engine's output with its input.
        skeleton: The keypoints of the heatmaps.
        channel_order: The channel order of the engine's input.
        batch_size: The maximum number of images in a batch. Batches of large images are smaller,
            with at most 2^24 pixels or one image.

    Returns:
        The maps of each image, without the batch axis. If present, `keypoints` is (ceil(h /
        stride), ceil(w / stride), K + 1) float32, and `points` is (K, 2 or 3).

    Raises:
        NetworkError: An output is not finite, or has another shape.
    """
    maps: dict[int, Maps] = {}
    for indices in _batches(images, batch_size):
        batch = normalise_batch(np.stack([images[index] for index in indices]), channel_order)
        output = _checked(named_maps(run_engine(engine, batch)), batch.shape, spec, len(skeleton))
        for row, index in enumerate(indices):
            maps[index] = {name: array[row] for name, array in output.items()}
    return [maps[index] for index in range(len(images))]


def _batches(images: Sequence[np.ndarray], batch_size: int) -> Iterator[list[int]]:
    """Yield the indices of images of the same size."""
    by_size: dict[tuple[int, ...], list[int]] = {}
    for index, image in enumerate(images):
        by_size.setdefault(image.shape, []).append(index)
    for shape, indices in by_size.items():
        count = max(min(batch_size, LARGEST_INPUT // (shape[0] * shape[1])), 1)
        yield from (indices[start : start + count] for start in range(0, len(indices), count))


def _checked(maps: Maps, shape: tuple[int, ...], spec: InputSpec, count: int) -> Maps:
    """Return the maps as float32, or raise an error if they are not valid."""
    height, width = (-(-side // spec.stride) for side in shape[1:3])
    expected = (shape[0], height, width, count + 1)
    if maps.get("keypoints", np.empty(expected)).shape != expected:
        raise NetworkError(
            f"expected heatmaps {expected} for an input {shape} and stride {spec.stride}, got "
            f"{maps['keypoints'].shape}: check the network and its InputSpec"
        )
    if "points" in maps and maps["points"].shape not in (
        (shape[0], count, 2),
        (shape[0], count, 3),
    ):
        raise NetworkError(
            f"expected points ({shape[0]}, {count}, 2 or 3) for an input {shape}, got "
            f"{maps['points'].shape}: check the network"
        )
    for name, array in maps.items():
        if array.ndim == 0 or len(array) != shape[0]:
            raise NetworkError(
                f"expected {name!r} of {shape[0]} images along the first axis, got the shape "
                f"{array.shape}: return one entry for each image of the batch"
            )
        if not np.isfinite(array).all():
            raise NetworkError(f"the network's {name} hold NaN or infinity: check its weights")
    return {name: array.astype(np.float32, copy=False) for name, array in maps.items()}
