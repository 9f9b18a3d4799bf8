"""Masks of COCO's segmentations: polygons and run-length encodings (RLE), also compressed.

The formats are those of pycocotools (`common/maskApi.h` of cocodataset/cocoapi). Run lengths are
decoded here, because pycocotools writes out of bounds if a compressed text is damaged. Only
polygons need pycocotools, which fills them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpose_keras.core.boxes import Box
from openpose_keras.geometry.axis_aligned import Size

Segmentation = list[list[float]] | dict[str, Any]

_FARTHEST = 1e5  # pixels; pycocotools takes memory for each pixel along an edge


def check_segmentation(segmentation: object) -> Segmentation | None:
    """Return a segmentation in a uniform format: polygons, or uncompressed run lengths.

    Args:
        segmentation: A list of polygons [x, y, x, y, ...], or {"size": [height, width], "counts":
            run lengths or their compressed text}. None and an empty list mean that there is none.

    Returns:
        The segmentation as plain data, or None. Polygons with fewer than three corners are left
        out.

    Raises:
        ValueError: The segmentation has none of these forms.

    Example:
        >>> check_segmentation({"size": [2, 3], "counts": "132"})
        {'size': [2, 3], 'counts': [1, 3, 2]}
    """
    if segmentation is None or isinstance(segmentation, list):
        polygons = [np.asarray(each, np.float64) for each in segmentation or ()]
        if not all(each.ndim == 1 and (np.abs(each) <= _FARTHEST).all() for each in polygons):
            raise ValueError(f"expected polygons of numbers up to {_FARTHEST:g}: x, y, x, y, ...")
        kept = [each.tolist() for each in polygons if each.size >= 6]
        if any(len(each) % 2 for each in kept):
            raise ValueError("expected an even count of numbers in a polygon: x, y, x, y, ...")
        return kept or None
    if not isinstance(segmentation, dict) or not {"size", "counts"} <= segmentation.keys():
        raise ValueError('expected a segmentation of polygons, or of "size" and "counts"')
    counts, size = segmentation["counts"], [int(side) for side in segmentation["size"]]
    runs = _runs(counts) if isinstance(counts, str) else [int(count) for count in counts]
    if len(size) != 2 or min([*size, *runs]) < 0 or sum(runs) != size[0] * size[1]:
        raise ValueError(f"expected run lengths that fill the size (height, width), got {size}")
    return {"size": size, "counts": runs}


def _runs(text: str) -> list[int]:
    """Decode the compressed text of run lengths: five bits per character, the lowest bits first.

    The sixth bit of a character states that more bits follow. From the fourth run on, the text
    holds the difference from the run two positions earlier.
    """
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not (0 <= bits < 64 and shift < 40):
            raise ValueError(f"expected the compressed text of run lengths, got {text[:20]!r}")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (1 << shift) if bits & 16 else 0
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    return runs


def fill_segmentation(segmentation: Segmentation, size: Size) -> NDArray[np.bool_]:
    """Return the mask of a segmentation.

    Args:
        segmentation: As `check_segmentation` returns it.
        size: (height, width) of the image in pixels.

    Returns:
        (H, W) bool, True inside.

    Raises:
        ImportError: The segmentation has polygons, and pycocotools is not installed.
        ValueError: The run lengths belong to an image of another size.
    """
    height, width = size
    if isinstance(segmentation, list):
        runs = _polygon_runs(segmentation, height, width)
    elif tuple(segmentation["size"]) == (height, width):
        runs = segmentation["counts"]
    else:
        raise ValueError(f"expected a mask of {segmentation['size']}, got the size {size}")
    return np.repeat(np.arange(len(runs)) % 2 > 0, runs).reshape(width, height).T


def encode_mask(mask: NDArray[np.bool_]) -> Segmentation:
    """Encode a mask as run lengths, which `fill_segmentation` decodes.

    Args:
        mask: (H, W) bool, True inside.

    Example:
        >>> encode_mask(np.array([[False, True], [True, True]]))
        {'size': [2, 2], 'counts': [1, 3]}
    """
    values = np.concatenate([[False], mask.T.ravel(), [not mask[-1, -1]]])
    ends = np.flatnonzero(values[1:] != values[:-1])
    return {"size": list(mask.shape), "counts": np.diff(ends, prepend=0).tolist()}


def _polygon_runs(polygons: list[list[float]], height: int, width: int) -> list[int]:
    """Return the run lengths of the union of polygons."""
    try:
        from pycocotools import mask as masks
    except ImportError as error:
        raise ImportError(
            f"filling polygons needs pycocotools: pip install pycocotools ({error})"
        ) from error
    merged = masks.merge(masks.frPyObjects(polygons, height, width))
    return _runs(merged["counts"].decode())  # pycocotools' own decoding warns with NumPy 2


def fill_box(box: Box, size: Size) -> NDArray[np.bool_]:
    """Return the mask (H, W) bool of a box in an image of the size (height, width)."""
    mask = np.zeros(size, bool)
    x, y, width, height = box
    left, top = max(int(np.floor(x)), 0), max(int(np.floor(y)), 0)
    right, bottom = max(int(np.ceil(x + width)), 0), max(int(np.ceil(y + height)), 0)
    mask[top:bottom, left:right] = True
    return mask
