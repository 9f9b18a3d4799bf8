"""Heatmaps from the network's resolution to other frames, and several of them into one.

Maps are channels last, (h, w, C) or (n, h, w, C), one map per keypoint and the background last.
Between frames positions go by the half-pixel rule, as `cv2.resize` has it: cell g of a network of
stride s lies at input pixel s * g + (s - 1) / 2. Cubic means the kernel with a = -0.75, as OpenCV
and OpenPose's CPU version use it. All functions give new arrays, but `foreground` gives a view.

Memory: 22 maps of a photo of 12 megapixels take 1.06 GB. `merged_planes` makes one of them at a
time, and never holds more than three planes of the photo's size, here 144 MB.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openpose_keras._opencv import cv2

FloatArray = NDArray[np.floating]

INTERPOLATIONS = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}
MERGES = ("mean", "best")


def as_maps(maps: ArrayLike, *, finite: bool = False) -> FloatArray:
    """Give maps as float32, or as float64 where they are; refuse what is no stack of maps.

    Args:
        maps: (h, w, C).
        finite: Whether to refuse NaN and infinity too.

    Returns:
        The maps, the same array where nothing had to change.

    Raises:
        ValueError: The shape is another one, or a value is not finite.
    """
    array = np.asarray(maps)
    if array.ndim != 3 or 0 in array.shape:
        raise ValueError(f"expected maps (h, w, channels), none of them 0, got shape {array.shape}")
    if array.dtype != np.float64:
        array = array.astype(np.float32, copy=False)
    if finite and not np.isfinite(array).all():
        raise ValueError("the maps hold NaN or infinity: check the network's weights and its input")
    return array


def foreground(maps: NDArray) -> NDArray:
    """Give the maps of the keypoints, without the background.

    Args:
        maps: (..., C) with the background last.

    Returns:
        (..., C - 1), a view of `maps`.

    Example:
        >>> foreground(np.zeros((46, 46, 22))).shape
        (46, 46, 21)
    """
    return maps[..., :-1]


def upsample(maps: ArrayLike, size: tuple[int, int], *, interpolation: str = "cubic") -> FloatArray:
    """Enlarge maps to a size (or shrink them, without a filter against aliasing).

    Args:
        maps: (h, w, C) or (n, h, w, C).
        size: (height, width) of the result.
        interpolation: "cubic" or "linear".

    Returns:
        The maps with h and w replaced, float32 (float64 if `maps` is).

    Raises:
        ValueError: The shape, the size or the interpolation is not one of these.

    Example:
        >>> upsample(np.ones((46, 46, 22)), (368, 368)).shape
        (368, 368, 22)
    """
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"interpolation is 'linear' or 'cubic', got {interpolation!r}")
    if np.ndim(maps) == 4:
        return np.stack([upsample(each, size, interpolation=interpolation) for each in maps])
    maps = as_maps(maps)
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f"expected a size (height, width) of at least 1, got {size}")
    resized = cv2.resize(
        maps, (int(width), int(height)), interpolation=INTERPOLATIONS[interpolation]
    )
    return resized.reshape(height, width, maps.shape[2])


def upsample_stride(maps: ArrayLike, stride: int, *, interpolation: str = "cubic") -> FloatArray:
    """Enlarge maps from the network's output to its input.

    Args:
        maps: (h, w, C) or (n, h, w, C).
        stride: Input pixels per cell.
        interpolation: "cubic" or "linear".

    Returns:
        The maps with h * stride and w * stride for h and w.

    Example:
        >>> upsample_stride(np.ones((2, 46, 46, 22)), 8).shape
        (2, 368, 368, 22)
    """
    height, width = np.shape(maps)[-3:-1]
    return upsample(maps, (height * stride, width * stride), interpolation=interpolation)


def to_picture(
    maps: ArrayLike,
    size: tuple[int, int],
    *,
    stride: int,
    used: tuple[int, int] | None = None,
    interpolation: str = "cubic",
) -> FloatArray:
    """Bring maps from the network's output to the picture that was scaled and padded for it.

    Args:
        maps: (h, w, C).
        size: (height, width) of the picture.
        stride: Input pixels per cell.
        used: (height, width) of the input without its padding. The maps are enlarged by the stride,
            cut to this, and brought to the picture's size. None: nothing was padded, one step does.
        interpolation: "cubic" or "linear".

    Returns:
        (height, width, C).

    Example:
        >>> to_picture(np.ones((46, 62, 1)), (480, 640), stride=8, used=(368, 491)).shape
        (480, 640, 1)
    """
    if used is None:
        return upsample(maps, size, interpolation=interpolation)
    enlarged = upsample_stride(maps, stride, interpolation=interpolation)
    return upsample(enlarged[: used[0], : used[1]], size, interpolation=interpolation)


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


def merge(maps: Sequence[ArrayLike], how: str = "mean") -> FloatArray:
    """Make one of the maps of several scales that lie in one frame.

    Args:
        maps: Arrays (h, w, C) of one shape, the background last.
        how: "mean", or "best": the scale whose keypoints' maxima have the highest mean.

    Returns:
        (h, w, C), a new array.

    Raises:
        ValueError: No maps, shapes that differ, or an unknown `how`.

    Example:
        >>> merge([np.zeros((2, 2, 3)), np.ones((2, 2, 3))]).mean().item()
        0.5
    """
    if how not in MERGES:
        raise ValueError(f"how is one of {MERGES}, got {how!r}")
    arrays = [as_maps(each) for each in maps]
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1:
        raise ValueError(f"expected maps (h, w, C), all of one shape, got {sorted(shapes)}")
    if how == "best":
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
