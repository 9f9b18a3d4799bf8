"""The heatmaps of several views, merged into one array."""

from collections.abc import Iterable, Iterator
from itertools import repeat

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.core.arrays import FloatArray, check_maps
from openpose_keras.heatmaps.resize import foreground

MERGES = ("mean", "best")


def merge(
    maps: Iterable[ArrayLike], method: str = "mean", *, weights: Iterable[ArrayLike] | None = None
) -> FloatArray:
    """Merge the heatmaps of several views, for example of several scales, that lie in one frame.

    "mean" averages cell by cell, as the Python ports of OpenPose do (pytorch-openpose,
    src/hand.py). "best" returns the maps of one view, see `pick_best`, as OpenPose itself does.

    Args:
        maps: Arrays (h, w, C) of one shape, the background last. "mean" takes them one by one, so
            that an iterator needs memory for only two of them at a time.
        method: "mean" or "best".
        weights: One weight for each view: a number, or (h, w) if it differs from cell to cell,
            for example 0 where a view does not reach. A cell in which all weights are 0 is 0. By
            default all views have equal weights.

    Returns:
        (h, w, C), a new array.

    Raises:
        ValueError: There are no maps, their shapes differ, their number is not that of the weights,
            "best" has weights, or the method is unknown.

    Example:
        >>> merge([np.zeros((2, 2, 3)), np.ones((2, 2, 3))]).mean().item()
        0.5
        >>> merge([np.zeros((2, 2, 3)), np.ones((2, 2, 3))], weights=[1, 3]).mean().item()
        0.75
    """
    if method not in MERGES or (method == "best" and weights is not None):
        raise ValueError(f"expected a method among {MERGES}, weights with 'mean', got {method!r}")
    arrays = _of_one_shape(maps)
    if method == "best":
        every = list(arrays)
        return every[pick_best([foreground(each).max(axis=(0, 1)) for each in every])].copy()
    return _mean(zip(arrays, repeat(1)) if weights is None else zip(arrays, weights, strict=True))


def pick_best(scores: ArrayLike) -> int:
    """Return the index of the view with the highest mean peak score; the first wins a tie.

    OpenPose merges scales in this way: it takes all keypoints from one scale, without averaging
    (src/openpose/hand/handExtractorCaffe.cpp).

    Args:
        scores: (views, K) peak scores.

    Raises:
        ValueError: There is no score, or the shape is not (views, K).

    Example:
        >>> pick_best([[0.2, 0.4], [0.9, 0.1], [0.6, 0.4]])
        1
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or not scores.size:
        raise ValueError(f"expected scores (views, keypoints), got shape {scores.shape}")
    return int(scores.mean(axis=1).argmax())


def _of_one_shape(maps: Iterable[ArrayLike]) -> Iterator[FloatArray]:
    """Yield the maps one by one after a check; raise if shapes differ."""
    shape = None
    for each in maps:
        array = check_maps(each)
        if shape not in (None, array.shape):
            raise ValueError(f"expected maps of one shape, got {shape} and {array.shape}")
        shape = array.shape
        yield array


def _mean(weighted: Iterable[tuple[FloatArray, ArrayLike]]) -> FloatArray:
    """Return the weighted mean of maps, 0 where there is no weight."""
    total: FloatArray | None = None
    amount: FloatArray = np.zeros((), np.float32)
    for array, weight in weighted:
        factor = np.asarray(weight, array.dtype)
        factor = factor[..., None] if factor.ndim else factor
        total = np.zeros_like(array) if total is None else total
        total += factor * array
        amount = amount + factor
    if total is None:
        raise ValueError("expected maps (h, w, C) of at least one view, got none")
    total /= np.where(amount > 0, amount, 1)
    return total
