"""What an engine returns: maps by name."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from openpose_keras.core.errors import NetworkError

Maps = dict[str, np.ndarray]
"""Arrays whose first axis is that of the batch, by name.

One of two is always there: `keypoints` (n, h, w, K + 1), heatmaps, the background last, or `points`
(n, K, 2 or 3), x and y in input pixels from the outer edge of the first one. A network may have
more: `affinity` (n, h, w, 2 per limb), `presence` (n,) and `right` (n,), the probabilities of a
hand and of a right one, or any other name.
"""

Engine = Callable[[np.ndarray], Any]
"""(n, h, w, 3) float32 -> `Maps`, or the heatmaps alone as a bare array."""


def named_maps(output: Any) -> Maps:  # noqa: ANN401 - what a user's own function returns
    """Return what an engine returned as maps by name.

    Args:
        output: A mapping from names to arrays, or an array, which counts as `keypoints`.

    Returns:
        The arrays by name.

    Raises:
        NetworkError: It is neither, or there are neither `keypoints` nor `points`.

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
