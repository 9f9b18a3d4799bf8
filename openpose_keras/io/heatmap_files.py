"""Heatmap files in the formats of OpenPose's flag write_heatmaps: `.float` and `.png`.

OpenPose names them `<image>_heatmaps.float` or `.png` (src/openpose/filestream/heatMapSaver.cpp).
They hold the maps of the keypoints, the background and the part affinity fields, in this order.
OpenPose's flags can leave out some of them. The values have one of four scales, see
`scale_heatmaps`.

- `.float` is an array of float32 whose first axis is that of the maps. It holds the number of
  dimensions, the dimensions and the values (saveFloatArray in
  src/openpose/filestream/fileStream.cpp). It is lossless.
- `.png` shows the maps side by side in grey, with each value rounded and clipped to 0 to 255
  (unrollArrayToUCharCvMat in src/openpose/utilities/openCv.cpp). It does not store the number of
  maps.
"""

import math
import os
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from openpose_keras.core._opencv import cv2
from openpose_keras.core.arrays import FloatArray, check_maps
from openpose_keras.core.checks import check_whole
from openpose_keras.core.errors import DataError, ImageError
from openpose_keras.core.files import atomic_write
from openpose_keras.io.images import read_image

HEATMAP_SCALES = ("-1 to 1", "0 to 1", "0 to 255, whole numbers", "as they are")
"""The meaning of each scale's number: OpenPose's flag heatmaps_scale."""

_FLOAT = np.dtype("<f4")
_DIMENSIONS = 3
# A scaled map is factor * value + shift: those of heatmaps and of fields, by the number of a scale.
_LINES = (((2, -1), (1, 0)), ((1, 0), (0.5, 0.5)), ((255, 0), (128.5, 128.5)))
_WHOLE = 2  # the scale of whole numbers


def scale_heatmaps(maps: ArrayLike, scale: int = 2, *, fields: int = 0) -> FloatArray:
    """Map heatmaps to one of OpenPose's scales (src/openpose/pose/poseExtractorNet.cpp).

    Heatmaps are clipped to 0 to 1 and fields to -1 to 1, except in scale 3. In scale 2 both are
    rounded; a field is mapped by 128.5 * value + 128.5, so that 1 becomes 257.

    Args:
        maps: (h, w, C), the fields last.
        scale: 0 to 3, see `HEATMAP_SCALES`.
        fields: The number of part affinity fields among the maps: 2 L for all of them, 0 without
            fields.

    Returns:
        (h, w, C) float32, a new array.

    Raises:
        ValueError: There is no such scale, there are fewer maps than fields, or the maps are not
            valid or not finite.

    Example:
        >>> scale_heatmaps([[[0.5, -0.1, 1.0]]], fields=1).tolist()
        [[[128.0, 0.0, 257.0]]]
    """
    values = np.array(check_maps(maps, finite=True), np.float32)
    for part, low, factor, shift in _parts(values, scale, fields):
        part[:] = part.clip(low, 1) * factor + shift
        if scale == _WHOLE:
            part[:] = np.floor(part + np.float32(0.5))
    return values


def unscale_heatmaps(values: ArrayLike, scale: int = 2, *, fields: int = 0) -> FloatArray:
    """Map heatmaps back from one of OpenPose's scales; clipping and rounding are not undone.

    Args:
        values: (h, w, C) as `scale_heatmaps` returns them.
        scale: 0 to 3, see `HEATMAP_SCALES`.
        fields: The number of part affinity fields among the maps.

    Returns:
        (h, w, C) float32, a new array: heatmaps from 0 to 1, fields from -1 to 1.

    Raises:
        ValueError: As for `scale_heatmaps`.

    Example:
        >>> unscale_heatmaps([[[127.5, 0.0, 257.0]]], fields=1).tolist()
        [[[0.5, 0.0, 1.0]]]
    """
    maps = np.array(check_maps(values, finite=True), np.float32)
    for part, _, factor, shift in _parts(maps, scale, fields):
        part[:] = (part - shift) / factor
    return maps


def _parts(
    maps: FloatArray, scale: int, fields: int
) -> list[tuple[FloatArray, float, float, float]]:
    """Return views of heatmaps and fields, each with its minimum, its factor and its shift."""
    count = maps.shape[2] - fields
    if scale not in range(len(HEATMAP_SCALES)):
        raise ValueError(f"expected a scale from 0 to {len(HEATMAP_SCALES) - 1}, got {scale!r}")
    if not 0 <= count <= maps.shape[2]:
        raise ValueError(f"expected 0 to {maps.shape[2]} of the maps to be fields, got {fields}")
    if scale == len(_LINES):  # as they are
        return []
    of_heatmaps, of_fields = _LINES[scale]
    return [(maps[..., :count], 0, *of_heatmaps), (maps[..., count:], -1, *of_fields)]


def write_heatmaps(
    path: str | os.PathLike[str],
    maps: ArrayLike,
    *,
    scale: int = 2,
    fields: int = 0,
    force: bool = False,
) -> None:
    """Write heatmaps as OpenPose does, in the format given by the file's suffix.

    Args:
        path: The file, `.float` or `.png`. Its folder must exist.
        maps: (h, w, C), the fields last.
        scale: 0 to 3, see `HEATMAP_SCALES`. In a `.png`, all scales but 2 lose nearly all
            information.
        fields: The number of part affinity fields among the maps.
        force: Whether to replace an existing file.

    Raises:
        FileExistsError: The file exists, and `force` is not set.
        ValueError: The file has another suffix, or as for `scale_heatmaps`.
    """
    path, values = Path(path), scale_heatmaps(maps, scale, fields=fields)
    if path.suffix == ".float":
        planes = np.moveaxis(values, 2, 0)
        header = np.array([planes.ndim, *planes.shape], _FLOAT)
        data = header.tobytes() + planes.astype(_FLOAT).tobytes()
    elif path.suffix == ".png":
        beside = np.moveaxis(values, 2, 1).reshape(len(values), -1)
        grey = (beside + np.float32(0.5)).clip(0, 255).astype(np.uint8)
        data = cv2.imencode(".png", grey)[1].tobytes()
    else:
        raise ValueError(_unknown(path))
    with atomic_write(path, force=force) as temporary:
        temporary.write_bytes(data)


def _unknown(path: Path) -> str:
    """Return the error message for a file with an unknown suffix."""
    return f"expected a file of heatmaps named .float or .png, got {path}: rename it"


def read_heatmaps(
    path: str | os.PathLike[str], *, count: int | None = None, scale: int = 2, fields: int = 0
) -> FloatArray:
    """Read a heatmap file that OpenPose or `write_heatmaps` wrote.

    Args:
        path: The file, `.float` or `.png`.
        count: The number of maps, which a `.png` does not store: 26 + 52 for BODY_25.
        scale: The scale in which they were written, 0 to 3.
        fields: The number of part affinity fields among the maps.

    Returns:
        (h, w, C) float32: heatmaps from 0 to 1, fields from -1 to 1. A `.png` of scale 2 is
        accurate to half a grey level, but a field above 0.98 was clipped to 0.98.

    Raises:
        DataError: A `.float` file is damaged or cut short, or does not hold `count` maps.
        ImageError: A `.png` file is damaged, in colour, or its width is not that of `count` maps.
        ValueError: The file has another suffix, no count is given for a `.png` file, or as for
            `unscale_heatmaps`.
    """
    path = Path(path)
    if path.suffix == ".float":
        values = _read_float(path, count)
    elif path.suffix == ".png":
        values = _read_png(path, count)
    else:
        raise ValueError(_unknown(path))
    return unscale_heatmaps(values, scale, fields=fields)


def _read_float(path: Path, count: int | None) -> FloatArray:
    """Return the maps (h, w, C) of a `.float` file."""
    try:
        with path.open("rb") as file:
            shape = _shape(np.fromfile(file, _FLOAT, 1 + _DIMENSIONS))
            size = os.fstat(file.fileno()).st_size
            if _FLOAT.itemsize * (1 + _DIMENSIONS + math.prod(shape)) != size or 0 in shape:
                raise DataError(
                    f"{path}: expected the number 3, three dimensions and as many float32, got "
                    f"{size} bytes that begin otherwise: the file is damaged or cut short"
                )
            values = np.fromfile(file, _FLOAT).reshape(shape)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    if count not in (None, len(values)):
        raise DataError(f"{path}: expected {count} maps, got {len(values)}: pass another count")
    if not np.isfinite(values).all():
        raise DataError(f"{path}: expected finite numbers, got NaN or infinity: it is damaged")
    return np.ascontiguousarray(np.moveaxis(values, 0, 2))


def _shape(header: FloatArray) -> tuple[int, int, int]:
    """Return the dimensions in a header, or zeros if the header is not valid."""
    if len(header) <= _DIMENSIONS or header[0] != _DIMENSIONS or not np.isfinite(header).all():
        return 0, 0, 0
    maps, height, width = (int(side) if side >= 1 and side % 1 == 0 else 0 for side in header[1:])
    return maps, height, width


def _read_png(path: Path, count: int | None) -> FloatArray:
    """Return the maps (h, w, C) of a `.png` file."""
    if count is None:
        raise ValueError(f"expected a count, as {path} does not tell it: pass count=78 of BODY_25")
    check_whole(count, "count of a .png")
    image = read_image(path)
    if (image != image[..., :1]).any():
        raise ImageError(f"{path}: expected a grey image of heatmaps, got colours")
    height, width, _ = image.shape
    if width % count:
        raise ImageError(f"{path}: expected {count} maps side by side, got {width} pixels")
    beside = image[..., 0].reshape(height, count, width // count)
    return np.moveaxis(beside, 1, 2).astype(np.float32)
