"""The heatmaps of several scales, made one."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openpose_keras.core.arrays import FloatArray
from openpose_keras.heatmaps.resize import as_maps, foreground

MERGES = ("mean", "best")


def pick_best(scores: ArrayLike) -> int:
    """Give the scale whose mean peak score is highest; the first wins a tie.

    OpenPose merges scales so: the best scale's keypoints are taken whole, nothing is averaged
    (src/openpose/hand/handExtractorCaffe.cpp).

    Args:
        scores: (scales, K) peak scores.

    Returns:
        The index of the best scale.

    Raises:
        ValueError: There is no score, or the shape is another one.

    Example:
        >>> pick_best([[0.2, 0.4], [0.9, 0.1], [0.6, 0.4]])
        1
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or not scores.size:
        raise ValueError(f"expected scores (scales, keypoints), got shape {scores.shape}")
    return int(scores.mean(axis=1).argmax())


def merge(maps: Sequence[ArrayLike], method: str = "mean") -> FloatArray:
    """Make one of the maps of several scales that lie in one frame.

    Args:
        maps: Arrays (h, w, C) of one shape, the background last.
        method: "mean", or "best": the scale whose keypoints' maxima have the highest mean.

    Returns:
        (h, w, C), a new array.

    Raises:
        ValueError: No maps, shapes that differ, or an unknown method.

    Example:
        >>> merge([np.zeros((2, 2, 3)), np.ones((2, 2, 3))]).mean().item()
        0.5
    """
    if method not in MERGES:
        raise ValueError(f"expected a method among {MERGES}, got {method!r}")
    arrays = [as_maps(each) for each in maps]
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1:
        raise ValueError(f"expected maps (h, w, C), all of one shape, got {sorted(shapes)}")
    if method == "best":
        return arrays[pick_best([foreground(each).max(axis=(0, 1)) for each in arrays])].copy()
    total = arrays[0].copy()
    for array in arrays[1:]:
        total += array
    total /= len(arrays)
    return total


def merged_planes(
    maps: Sequence[NDArray], enlarge: Sequence[Callable[[FloatArray], FloatArray]]
) -> Iterator[FloatArray]:
    """Enlarge and average the maps of several scales, one keypoint at a time.

    At any time it holds the old sum, the map being added and the new sum: three planes of the large
    size, whatever the number of keypoints and scales. Forget each plane before you ask for the
    next.

    Args:
        maps: One (h, w, K) array per scale, of any h and w.
        enlarge: One function per scale that brings (h, w, 1) to the common (H, W, 1).

    Yields:
        (H, W, 1), the mean over the scales, for each keypoint in order.

    Raises:
        ValueError: The numbers of maps and of functions, or the numbers of channels, differ.

    Example:
        >>> from openpose_keras.heatmaps import upsample
        >>> maps = [np.ones((4, 4, 2)), np.zeros((8, 8, 2))]
        >>> enlarge = [lambda plane: upsample(plane, (16, 16))] * 2
        >>> [plane.mean().item() for plane in merged_planes(maps, enlarge)]
        [0.5, 0.5]
    """
    channels = sorted({each.shape[-1] for each in maps})
    if len(channels) != 1 or len(maps) != len(enlarge):
        raise ValueError(
            "expected one function per scale and as many channels in each, got "
            f"{len(maps)} scales, {len(enlarge)} functions, channels {channels}"
        )
    for channel in range(channels[0]):
        total = enlarge[0](maps[0][..., channel : channel + 1])
        for each, function in zip(maps[1:], enlarge[1:], strict=True):
            total = total + function(each[..., channel : channel + 1])
        total = total / len(maps)
        yield total
        del total
