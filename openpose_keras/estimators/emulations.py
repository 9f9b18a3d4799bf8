"""Emulations, for comparison, of programs that treat the whole image as one hand.

- `pytorch_openpose`: Hzzone/pytorch-openpose, src/hand.py.
- `mmittek`: the notebook of mmittek/openpose-keras, from which this project grew. Of several local
  maxima we take the strongest; the notebook takes the first.

The maps of all scales are averaged at the image's own resolution, one keypoint at a time. All 22
maps of a photo of 12 megapixels would take 1.06 GB; a single one takes 48 MB.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.arrays import FloatArray
from openpose_keras.core.boxes import Box
from openpose_keras.core.errors import ImageError
from openpose_keras.engines.maps import Maps
from openpose_keras.engines.together import LARGEST_INPUT
from openpose_keras.estimators.decode import decode_one_each
from openpose_keras.estimators.recipes import WholeImageRecipe
from openpose_keras.estimators.views import View
from openpose_keras.geometry import Frame, Pad
from openpose_keras.geometry.resampling import INTERPOLATIONS
from openpose_keras.heatmaps.merging import merge
from openpose_keras.heatmaps.resize import resize_from_network
from openpose_keras.networks.input_spec import InputSpec


@dataclass(frozen=True, eq=False)
class WholeView(View):
    """A view of a whole region, scaled without cropping a square.

    Args:
        image: (h, w, 3) uint8 RGB, padding included.
        frame: Frame of the input's pixels in the image, without padding.
        region: Frame of the region's own pixels in the image.
        valid_size: (height, width) of the input without padding, if maps are resized in two steps:
            enlarge and cut, then scale. None if they are scaled in one step.
    """

    region: Frame
    valid_size: tuple[int, int] | None


def whole_region(image: np.ndarray, box: Box) -> Box:
    """Return the part of the image that lies in a box, in whole pixels.

    Args:
        image: (H, W, 3).
        box: (x, y, width, height).

    Returns:
        (x, y, width, height) inside the image.

    Raises:
        ImageError: No pixel of the image lies in the box.

    Example:
        >>> whole_region(np.zeros((100, 100, 3)), (80, 10, 40, 30))
        (80.0, 10.0, 20.0, 30.0)
    """
    height, width = image.shape[:2]
    left, top = (max(math.floor(edge + 0.5), 0) for edge in box[:2])
    right = min(math.floor(box[0] + box[2] + 0.5), width)
    bottom = min(math.floor(box[1] + box[3] + 0.5), height)
    if right <= left or bottom <= top:
        raise ImageError(f"the box {box} holds no pixel of the image, {width} wide, {height} high")
    return float(left), float(top), float(right - left), float(bottom - top)


def whole_views(
    image: np.ndarray, box: Box, recipe: WholeImageRecipe, spec: InputSpec
) -> list[list[View]]:
    """Return the views of a region, one per scale.

    Args:
        image: (H, W, 3) uint8 RGB.
        box: Box from `whole_region`.
        recipe: How the region is scaled.
        spec: The input that the network expects.

    Returns:
        One list of one `WholeView` per scale.

    Raises:
        ImageError: The region is too narrow to be scaled.
    """
    return [[_view(image, box, scale, recipe, spec)] for scale in recipe.scales]


def decode_whole(maps: Mapping[View, Maps], recipe: WholeImageRecipe, stride: int) -> FloatArray:
    """Find the keypoints of a region, one map at a time.

    Args:
        maps: The network's output for each view of `whole_views`.
        recipe: How maps are upsampled and peaks found.
        stride: Input pixels per cell.

    Returns:
        (K, 3): x, y in pixels of the image and score; (nan, nan, 0) where missing.
    """
    find = partial(decode_one_each, recipe=recipe)
    planes, region = _mean_planes(maps, recipe, stride)
    # `map` drops a plane before it takes the next one; the last one is the background.
    count = next(iter(maps.values()))["keypoints"].shape[-1] - 1
    peaks = np.concatenate(list(map(find, islice(planes, count))))
    peaks[:, :2] = region.invert_points(peaks[:, :2])
    return peaks


def whole_heatmaps(
    maps: Mapping[View, Maps], recipe: WholeImageRecipe, stride: int
) -> tuple[FloatArray, Frame]:
    """Return the heatmaps in which the keypoints are found, at the region's resolution.

    Args:
        maps: The network's output for each view of `whole_views`.
        recipe: How maps are upsampled.
        stride: Input pixels per cell.

    Returns:
        (H, W, K + 1) and its frame in the image.
    """
    planes, region = _mean_planes(maps, recipe, stride)
    return np.concatenate(list(planes), axis=-1), region


def _mean_planes(
    maps: Mapping[View, Maps], recipe: WholeImageRecipe, stride: int
) -> tuple[Iterator[FloatArray], Frame]:
    """Return the mean over the scales at the region's resolution, map by map, and its frame.

    At most three planes (H, W, 1) are in memory, if the caller drops each before the next.
    """
    views = {view: each["keypoints"] for view, each in maps.items() if isinstance(view, WholeView)}
    region = next(iter(views)).region
    resize = partial(
        resize_from_network, size=region.output_size, stride=stride, interpolation=recipe.upsampling
    )
    planes = (
        merge(
            resize(each[..., channel : channel + 1], valid_size=view.valid_size)
            for view, each in views.items()
        )
        for channel in range(next(iter(views.values())).shape[-1])
    )
    return planes, region


def _view(
    image: np.ndarray, box: Box, scale: float, recipe: WholeImageRecipe, spec: InputSpec
) -> WholeView:
    """Scale a region and pad it."""
    x, y, width, height = map(int, box)
    factor = scale * spec.box_size / (height if recipe.fit == "height" else width)
    size = round(width * factor), round(height * factor)
    if min(size) < 1 or size[0] * size[1] > LARGEST_INPUT:
        raise ImageError(
            f"{width} x {height} pixels are too narrow: scaled by {factor:.3g} they would be "
            f"{size[0]} x {size[1]}; give a box, or take a recipe of crops"
        )
    # The scale is the factor itself, not the rounded size, as in the emulated programs.
    method = INTERPOLATIONS[recipe.resize]
    region = image[y : y + height, x : x + width]
    scaled = cv2.resize(region, None, fx=factor, fy=factor, interpolation=method)
    valid = scaled.shape[:2]
    unit = math.lcm(spec.stride, spec.multiple) if recipe.pad else spec.multiple
    padded = Pad(valid, unit).apply_image(scaled)
    inset = (1 / factor - 1) / 2
    return WholeView(
        padded,
        Frame(valid, (1 / factor, x + inset), (1 / factor, y + inset)),
        Frame((height, width), (1.0, float(x)), (1.0, float(y))),
        valid if recipe.pad or padded.shape[:2] != valid else None,
    )
